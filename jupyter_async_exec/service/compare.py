"""Several executions side by side, and what changed since one of them succeeded."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_async_exec.core.clock import format_at
from jupyter_async_exec.core.differences import (
    Cell,
    ValueDifference,
    cells_of,
    compare_values,
    facts_of,
    is_same,
    sentence_part,
)
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.patches import patch_label
from jupyter_async_exec.core.secret_names import HIDDEN, is_secret
from jupyter_async_exec.errors import AsyncExecError, InvalidRequestError, NotFoundError
from jupyter_async_exec.service.metrics import series_to_json
from jupyter_async_exec.service.source_differ import SourceDiffer
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.snapshots.parameters import find_parameters
from jupyter_async_exec.store import ExecutionQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.snapshots.manifest import Manifest
    from jupyter_async_exec.store import ExecutionStore

ValueT = TypeVar("ValueT")

#: More are not compared at once.
MOST_COMPARED = 1_000
#: Curves of more cannot be told from each other.
MOST_CURVES = 100
#: Sources of more notebooks are only said to differ.
MOST_VARIANTS = 20
#: Commits of more single executions are not looked up.
MOST_COMMITS = 100
COMMIT_LETTERS = 12
#: Of a list of what differs.
MOST_LISTED = 500
_LONGEST_NUMBER = 18


class Comparer:
    """Compares executions; synchronous and thread-safe.

    Parameters
    ----------
    store, objects
        Where executions are recorded and where their snapshots are.
    """

    def __init__(
        self,
        store: ExecutionStore,
        objects: ObjectStore,
        *,
        may_read: Callable[[Execution], bool] = lambda _: True,
        owners: frozenset[str] = frozenset(),
    ) -> None:
        self._may_read = may_read
        self._owners = owners
        self._store = store
        self._objects = objects

    def find(self, ids: str | None, sweep: str | None) -> list[Execution]:
        """Return the executions of a list such as ``3,7-12`` and of a sweep, each once.

        Raises
        ------
        InvalidRequestError
            It is no such list, none or too many.
        NotFoundError
            One that is named, outside of a range, is not there.
        """
        found: list[Execution] = []
        for part in filter(None, (each.strip() for each in (ids or "").split(","))):
            found += self._part(part)
            _check_number(found)
        if sweep:
            its = self._store.sweeps
            # What it took over are results of its own; what failed and was run again is none.
            found += filter(self._may_read, (*its.reused(sweep), *its.counting(sweep)))
        each_once = list({execution.id: execution for execution in found}.values())
        if not each_once:
            raise InvalidRequestError("Name the executions to compare, such as 3,7-12.")
        _check_number(each_once)
        return each_once

    def compare(self, executions: Sequence[Execution]) -> JSONObject:
        """Return a row for each, and what differs between them.

        Returns
        -------
        dict
            ``executions``, in the given order, and ``differs``: names of
            parameters and metrics, facts of environments, files and cells.
        """
        sources = _Sources(self._objects, executions)
        defaults = [sources.defaults(each) for each in executions]
        parameters = [
            {**default, **each.parameters}
            for default, each in zip(defaults, executions, strict=True)
        ]
        return {
            "executions": [
                _row(each, {n: v for n, v in default.items() if n not in each.parameters})
                for each, default in zip(executions, defaults, strict=True)
            ],
            "differs": {
                "parameters": _differing(parameters),
                "metrics": _differing([each.metrics for each in executions]),
                "environment": [
                    *_table(self._commits(executions)),
                    *_table(self._facts(executions)),
                ],
                "files": _table([sources.files(each) for each in executions]),
                "code": sources.variants(),
            },
        }

    def curves(self, ids: str, name: str, max_points: int) -> list[JSONObject]:
        """Return one metric of each execution of a list, those without it left out.

        Raises
        ------
        InvalidRequestError
            It is no such list, none or too many.
        NotFoundError
            One that is named, outside of a range, is not there.
        """
        executions = self.find(ids, None)
        if len(executions) > MOST_CURVES:
            raise InvalidRequestError(f"At most {MOST_CURVES} curves can be drawn at once.")
        curves = []
        for execution in executions:
            _, series, counts = self._store.metrics(execution.id, names=[name])
            curves += [
                {
                    "id": execution.id,
                    "number": execution.number,
                    **series_to_json(execution, each, counts[each.name], max_points),
                }
                for each in series
            ]
        return curves

    def since_success(self, execution: Execution) -> JSONObject | None:
        """Return what changed since the last success of the same notebook; `None` without one."""
        query = ExecutionQuery(
            notebook=execution.notebook_path,
            statuses=frozenset({Status.SUCCEEDED}),
            cursor=str(execution.number),
            limit=1,
            owners=self._owners,
        )
        page = self._store.find(query)
        if not page.executions:
            return None
        passed = page.executions[0]
        sources = _Sources(self._objects, (passed, execution))
        before, after = ({**sources.defaults(e), **e.parameters} for e in (passed, execution))
        parameters = compare_values(before, after)
        cells = SourceDiffer().compare(sources.cells(passed), sources.cells(execution))
        files = _compare(sources.files(passed), sources.files(execution))
        # Of an execution that ended too soon it is not known.
        environment = _compare(*self._facts((passed, execution)))
        part = sentence_part(parameters, cells, [each.name for each in files], environment)
        return {
            "id": passed.id,
            "number": passed.number,
            "sentence": f"Passed in #{passed.number}; since then: {part or 'no change'}.",
            "parameters": [asdict(each) for each in parameters[:MOST_LISTED]],
            "cells": [_cell_to_json(each) for each in cells[:MOST_LISTED]],
            "files": [each.name for each in files[:MOST_LISTED]],
            "environment": [asdict(each) for each in environment[:MOST_LISTED]],
        }

    def _part(self, part: str) -> list[Execution]:
        first, dash, last = part.partition("-")
        if not dash:
            named = self._store.get_all([part])
            if not all(map(self._may_read, named)):
                raise NotFoundError(f"There is no execution {part[:40]}.")
            return named
        if not all(each.isascii() and each.isdigit() for each in (first, last)) or (
            max(len(first), len(last)) > _LONGEST_NUMBER
        ):
            raise InvalidRequestError(f"{part[:50]!r} is no range of numbers such as 7-12.")
        if int(last) - int(first) >= MOST_COMPARED:
            raise InvalidRequestError(f"At most {MOST_COMPARED:,} executions can be compared.")
        found = self._store.get_all(range(int(first), int(last) + 1), skip_missing=True)
        return [each for each in found if self._may_read(each)]

    def _facts(self, executions: Sequence[Execution]) -> list[dict[str, JSONValue] | None]:
        """Return what each ran in, as flat names and values; `None` where it is not known."""
        ids = {each.environment_id for each in executions if each.environment_id is not None}
        environments = self._store.environments(ids)
        known = {id_: facts_of(found.to_json()) for id_, found in environments.items()}
        facts: list[dict[str, JSONValue] | None] = []
        for execution in executions:
            found = known.get(execution.environment_id or "")
            facts.append(None if found is None else {"kernel": execution.kernel_name, **found})
        return facts

    def _commits(self, executions: Sequence[Execution]) -> list[dict[str, JSONValue]]:
        """Return what git had checked out, and how files differed from that."""
        singles = [each for each in executions if each.sweep_id is None]
        if len(singles) > MOST_COMMITS:
            return []
        found: dict[str, Mapping[str, JSONValue]] = {}
        for each in executions:
            # A list has no provenance; that of a sweep is shared.
            key = each.sweep_id or each.id
            if key not in found:
                found[key] = self._provenance(each)
        return [_commit(found[each.sweep_id or each.id].get("git")) for each in executions]

    def _provenance(self, execution: Execution) -> Mapping[str, JSONValue]:
        try:
            return self._store.get(execution.id, include_deleted=True).provenance
        except NotFoundError:
            return {}  # Removed meanwhile.


class _Sources:
    """What the snapshots of some executions hold, each read once; what is damaged holds nothing."""

    def __init__(self, objects: ObjectStore, executions: Sequence[Execution]) -> None:
        self._objects = objects
        self._executions = executions
        self._manifests: dict[str, Manifest | None] = {}
        self._notebooks: dict[str, JSONObject | None] = {}
        self._defaults: dict[str, dict[str, JSONValue]] = {}

    def files(self, execution: Execution) -> dict[str, JSONValue] | None:
        """Return the captured files, path to object id."""
        manifest = self._manifest(execution)
        return None if manifest is None else {file.path: file.object_id for file in manifest.files}

    def cells(self, execution: Execution) -> list[Cell]:
        """Return the cells of the source."""
        notebook = self._notebook(execution)
        return [] if notebook is None else cells_of(notebook)

    def defaults(self, execution: Execution) -> dict[str, JSONValue]:
        """Return the values that the notebook itself gives, those of secrets hidden."""
        manifest = self._manifest(execution)
        key = "" if manifest is None else manifest.notebook_object
        if key not in self._defaults:
            notebook = self._notebook(execution)
            declared = () if notebook is None else find_parameters(notebook).parameters
            self._defaults[key] = {
                each.name: HIDDEN
                if is_secret(each.name, each.default, each.comment)
                else each.default
                for each in declared
                if not each.required and not each.computed
            }
        return self._defaults[key]

    def variants(self) -> list[JSONObject]:
        """Return the different sources: whose, and what differs from the first; none for one."""
        groups: dict[str, list[Execution]] = {}
        for execution in self._executions:
            manifest = self._manifest(execution)
            groups.setdefault("" if manifest is None else manifest.notebook_object, []).append(
                execution
            )
        if len(groups) == 1:
            return []
        first = self.cells(self._executions[0])
        differ = SourceDiffer()
        return [
            {
                "numbers": [each.number for each in group],
                "cells": [
                    _cell_to_json(each) for each in differ.compare(first, self.cells(group[0]))
                ]
                if index < MOST_VARIANTS
                else None,
            }
            for index, group in enumerate(groups.values())
        ]

    def _manifest(self, execution: Execution) -> Manifest | None:
        def read() -> Manifest:
            return load_manifest(self._objects, execution.snapshot_id)

        return _once(self._manifests, execution.snapshot_id, read)

    def _notebook(self, execution: Execution) -> JSONObject | None:
        manifest = self._manifest(execution)
        if manifest is None:
            return None
        object_id = manifest.notebook_object

        def read() -> JSONObject:
            notebook: JSONObject = json.loads(self._objects.get(object_id))
            return notebook

        return _once(self._notebooks, object_id, read)


def _once(known: dict[str, ValueT | None], key: str, read: Callable[[], ValueT]) -> ValueT | None:
    if key not in known:
        try:
            known[key] = read()
        except (AsyncExecError, ValueError, OSError):
            # `verify` tells; the other columns are still of use.
            known[key] = None
    return known[key]


def _check_number(executions: Sequence[Execution]) -> None:
    if len(executions) > MOST_COMPARED:
        raise InvalidRequestError(f"At most {MOST_COMPARED:,} executions can be compared.")


def _compare(
    before: Mapping[str, JSONValue] | None, after: Mapping[str, JSONValue] | None
) -> list[ValueDifference]:
    return [] if before is None or after is None else compare_values(before, after)


def _row(execution: Execution, defaults: Mapping[str, JSONValue]) -> JSONObject:
    started, finished = execution.started_at, execution.finished_at
    return {
        "id": execution.id,
        "number": execution.number,
        "title": execution.title,
        "notebook_path": execution.notebook_path,
        "status": execution.status.value,
        "sweep_id": execution.sweep_id,
        "starred": execution.starred,
        "parameters": execution.parameters,
        "defaults": dict(defaults),
        "metrics": execution.metrics,
        "started_at": None if started is None else format_at(started),
        "duration_s": (finished - started).total_seconds() if started and finished else None,
        "snapshot_id": execution.snapshot_id,
        "environment_id": execution.environment_id,
    }


def _commit(git: Any) -> dict[str, JSONValue]:
    if not git:
        return {}
    patch = git.get("diff", "")
    changes = patch_label(patch) if patch else "not recorded" if git["dirty"] else "none"
    return {"commit": git["commit"][:COMMIT_LETTERS], "uncommitted changes": changes}


def _differing(rows: Sequence[Mapping[str, JSONValue]]) -> list[str]:
    """Return the names whose values are not the same in all rows."""
    names: Iterable[str] = dict.fromkeys(name for row in rows for name in row)
    return [
        name
        for name in names
        if any(name not in row or not is_same(row[name], rows[0].get(name)) for row in rows)
    ]


def _table(rows: Sequence[Mapping[str, JSONValue] | None]) -> list[JSONObject]:
    """Return names whose values differ among the known rows, with the value in each row."""
    known = [row for row in rows if row is not None]
    if not known:
        return []
    return [
        {"name": name, "values": [None if row is None else row.get(name) for row in rows]}
        for name in sorted(_differing(known))[:MOST_LISTED]
    ]


def _cell_to_json(difference: object) -> JSONObject:
    found: JSONObject = asdict(difference)  # type: ignore[call-overload]
    return {**found, "lines": list(found["lines"])}
