"""Chains and fan-in: what an execution waits for, and what it is handed when it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Collect, Execution, Status
from jupyter_async_exec.core.fan_in import (
    MOST_SOURCES,
    check_collect,
    chosen,
    left_out,
    when_of,
)
from jupyter_async_exec.errors import (
    AsyncExecError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
)
from jupyter_async_exec.snapshots.handed import FOLDER
from jupyter_async_exec.snapshots.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.execution import Artifact
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.service.ports import SubmitRequest
    from jupyter_async_exec.service.results import ResultReader
    from jupyter_async_exec.store import ExecutionStore

#: Of which at most `MOST_SOURCES` may be there.
MOST_IN_RANGE = 10_000
_RANGE = re.compile(r"#?([0-9]{1,18})(?:\.\.|-|\u2013)#?([0-9]{1,18})")
_ENDED_BADLY = {Status.FAILED: "failed", Status.CANCELLED: "was cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingLimits:
    """How much is handed over in files; the rest is left out, and said to be."""

    #: All different files together.
    total_bytes: int = 1_000_000_000
    n_files: int = 20_000


class FanIn:
    """Checks what executions shall wait for, and hands over what they collect.

    Synchronous and thread-safe.

    Parameters
    ----------
    store, objects
        Where executions are recorded and where bytes are.
    results
        Knows what executions left.
    limits
        How much is handed over.
    may_read
        Whether one of a range is there for whoever names it.
    """

    def __init__(
        self,
        store: ExecutionStore,
        objects: ObjectStore,
        results: ResultReader,
        *,
        limits: HandingLimits | None = None,
        may_read: Callable[[Execution], bool] = lambda _: True,
    ) -> None:
        self._may_read = may_read
        self._store = store
        self._objects = objects
        self._results = results
        self._limits = limits or HandingLimits()

    def resolve(self, request: SubmitRequest) -> SubmitRequest:
        """Return `request` with ids for what it is to wait for.

        Raises
        ------
        NotFoundError
            One of them is not there, or in the trash.
        InvalidRequestError
            It makes no sense: nothing, too much, more than there are.
        RefusedError
            What it waits for has ended badly already.
        """
        if not request.after and request.collect is None:
            return request
        after = self._find(request.after)
        for each in after:
            if each.status in _ENDED_BADLY:
                raise _ended_badly(each)
        if len(after) > MOST_SOURCES:
            raise InvalidRequestError(
                f"An execution follows at most {MOST_SOURCES:,} others, not {len(after):,}."
            )
        collect = None if request.collect is None else self._resolve(request.collect)
        ids = tuple(dict.fromkeys(each.id for each in after))
        return replace(request, after=ids, collect=collect)

    def again(self, parent: Execution) -> tuple[str, ...]:
        """Return the ids of what `parent` is to follow when it is run again.

        The same; what ended badly was perhaps run again since, and that counts then.

        Raises
        ------
        RefusedError
            It was not started then for a reason that still holds.
        """
        found = self._store.get_all(parent.after, skip_missing=True)
        if parent.started_at is None:
            if len(found) < len(parent.after):
                raise RefusedError(
                    f"#{parent.number} follows an execution that is deleted. "
                    "Take that back, or run the notebook anew."
                )
            found = [self._as_run_again(each) for each in found]
        return tuple(dict.fromkeys(each.id for each in found))

    def _as_run_again(self, execution: Execution) -> Execution:
        """Return it, or its newest rerun that may be followed where it ended badly."""
        if execution.status not in _ENDED_BADLY:
            return execution
        for each in reversed(self._store.fan_in.reruns(execution)):
            if each.status not in _ENDED_BADLY:
                return each
        raise _ended_badly(execution)

    def hand_over(self, execution: Execution) -> Execution:
        """Seal what `execution` is handed, as it begins; return it with that.

        Raises
        ------
        RefusedError
            Nothing is left of what it was to collect.
        """
        collect = execution.collect
        if collect is None or "handed" in execution.provenance:
            return execution
        sources = self._store.fan_in.sources(execution)
        taken = chosen(sources, collect, created_at=execution.created_at)
        if not taken:
            raise RefusedError("Nothing is left of what it was to collect.")
        handing = _Handing(self._objects, self._limits)
        # Whoever deletes one at this moment comes too late.
        found = [self._store.get(each.number, include_deleted=True) for each in taken]
        files = {each.id: self._results.kept_files(each) for each in found}
        # The notebooks first: they are what it is about.
        for each in found:
            if each.output_object is not None:
                handing.add(each, files[each.id][0])
        artifacts = [
            (each, artifact)
            for each in found
            for artifact in files[each.id][1 if each.output_object else 0 :]
        ]
        for each, artifact in sorted(artifacts, key=lambda pair: pair[1].size_bytes):
            handing.add(each, artifact)
        value = [_record(each, files[each.id], handing.paths) for each in found]
        notes = filter(None, (left_out(sources, taken), handing.note()))
        content = {"value": value, "files": handing.files, "note": " ".join(notes) or None}
        return self._store.fan_in.hand_over(execution.id, content)

    def relations(self, execution: Execution) -> JSONObject:
        """Return what an execution has to do with others, both ways, for its receipt."""
        found = self._store.fan_in.relations(execution)
        collect = execution.collect
        handed = execution.provenance.get("handed")
        return {
            "after": [_reference(each) for each in found.after],
            "then": [_reference(each) for each in found.then],
            "collects": None
            if collect is None
            else {
                **collect_to_json(collect),
                "executions": [_reference(each) for each in found.collects],
                "handed": None if handed is None else len(handed["value"]),
                "note": None if handed is None else handed["note"],
            },
            "collected_by": [_reference(each) for each in found.collected_by],
        }

    def _find(self, refs: Sequence[str]) -> list[Execution]:
        """Return executions by number or id, and what is there of ranges such as ``18..41``."""
        found: list[Execution] = []
        for ref in refs:
            span = _RANGE.fullmatch(ref.strip())
            if span is None:
                found += self._store.get_all([ref])
                continue
            first, last = int(span[1]), int(span[2])
            if not 0 <= last - first < MOST_IN_RANGE:
                raise InvalidRequestError(
                    f"{ref.strip()!r} is no range of at most {MOST_IN_RANGE:,} numbers, "
                    "such as 18..41."
                )
            known = self._store.get_all(range(first, last + 1), skip_missing=True)
            there = [each for each in known if self._may_read(each)]
            if not there:
                raise NotFoundError(f"There is no execution from #{first} to #{last}.")
            found += there
        return found

    def _resolve(self, collect: Collect) -> Collect:
        if collect.sweep_id is not None and collect.executions:
            raise InvalidRequestError("Collect either executions or a sweep, not both.")
        if collect.sweep_id is not None:
            sweep = self._store.sweeps.get(collect.sweep_id)
            its = self._store.sweeps
            found = [*its.counting(sweep.id), *its.reused(sweep.id)]
            to_come = sweep.counts.to_come
            resolved = replace(collect, sweep_id=sweep.id)
        else:
            by_id = {each.id: each for each in self._find(collect.executions)}
            found = list(by_id.values())
            to_come = 0
            resolved = replace(collect, executions=tuple(by_id))
        check_collect(resolved, len(found) + to_come)
        if not to_come and all(each.status in _ENDED_BADLY for each in found):
            raise RefusedError("None of these executions succeeded: there is nothing to collect.")
        return resolved


@dataclass(slots=True)
class _Handing:
    """Decides which files are handed over, and under which paths."""

    objects: ObjectStore
    limits: HandingLimits
    files: list[dict[str, str]] = field(default_factory=list)
    #: By number and name.
    paths: dict[tuple[int, str], str] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _used_bytes: int = 0
    _too_many: list[str] = field(default_factory=list)
    _lost: list[str] = field(default_factory=list)

    def add(self, execution: Execution, file: Artifact) -> None:
        """Hand a file of `execution` over, if there is room and it is there."""
        path = f"{FOLDER}/{execution.number}/{file.name}"
        if not self._is_whole(path, file.object_id):
            self._lost.append(path)
            return
        is_new = file.object_id not in self._known
        used_bytes = self._used_bytes + (file.size_bytes if is_new else 0)
        if used_bytes > self.limits.total_bytes or len(self.files) >= self.limits.n_files:
            self._too_many.append(path)
            return
        self._known.add(file.object_id)
        self._used_bytes = used_bytes
        self.files.append({"path": path, "object_id": file.object_id})
        self.paths[execution.number, file.name] = path

    def note(self) -> str | None:
        """Return sentences on the files that are left out."""
        sentences = []
        if self._too_many:
            limits = self.limits
            sentences.append(
                f"{_listed(self._too_many)} left out, because all files handed over are at most "
                f"{limits.total_bytes / 1e6:,.0f} MB and {limits.n_files:,}."
            )
        if self._lost:
            sentences.append(f"{_listed(self._lost)} left out, because they are no longer kept.")
        return " ".join(sentences) or None

    def _is_whole(self, path: str, object_id: str) -> bool:
        try:
            check_path(path)
        except AsyncExecError:
            return False
        return self.objects.contains(object_id)


def is_range(ref: str) -> bool:
    """Whether it names all executions of a range, such as ``18..41``."""
    return _RANGE.fullmatch(ref.strip()) is not None


def collect_to_json(collect: Collect) -> JSONObject:
    """Return what an execution collects as JSON: ids or a sweep, parameter, when."""
    return {
        "executions": list(collect.executions),
        "sweep": collect.sweep_id,
        "parameter": collect.parameter,
        "when": when_of(collect),
    }


def _record(
    execution: Execution, files: Sequence[Artifact], paths: dict[tuple[int, str], str]
) -> JSONObject:
    """Return what a notebook is told of an execution that it collects."""
    own = execution.collect.parameter if execution.collect else None
    has_notebook = execution.output_object is not None
    notebook = paths.get((execution.number, files[0].name)) if has_notebook else None
    return {
        "number": execution.number,
        "id": execution.id,
        "status": execution.status.value,
        # What it was handed itself would be handed on from one to the next.
        "parameters": {name: v for name, v in execution.parameters.items() if name != own},
        "metrics": execution.metrics,
        "notebook": notebook,
        "artifacts": {
            file.name: paths[execution.number, file.name]
            for file in files[1 if has_notebook else 0 :]
            if (execution.number, file.name) in paths
        },
    }


def _reference(execution: Execution) -> JSONObject:
    return {
        "id": execution.id,
        "number": execution.number,
        "title": execution.title,
        "status": execution.status.value,
    }


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    n_more = len(paths) - len(paths[:3])
    if n_more:
        return f"{shown} and {n_more:,} more were"
    return f"{shown} {'was' if len(paths) == 1 else 'were'}"


def _ended_badly(execution: Execution) -> RefusedError:
    how = _ENDED_BADLY[execution.status]
    return RefusedError(f"#{execution.number} {how}: nothing can follow it. Run it again.")
