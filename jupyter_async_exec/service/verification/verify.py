"""The check of everything, byte by byte, and with it the repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.service.verification import records
from jupyter_async_exec.service.verification.findings import Damage, Findings
from jupyter_async_exec.service.verification.mending import Mender
from jupyter_async_exec.service.verification.reading import (
    ObjectReader,
    Reference,
    results_of,
    snapshot_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.store import ExecutionStore


def verify(store: ExecutionStore, objects: ObjectStore, *, repair: bool = False) -> Findings:
    """Check the store and read every object; with `repair`, put right what can be.

    Takes as long as reading the whole object store does: call it in a thread.
    May be used while executions run. A repair never deletes what an execution
    refers to: damaged bytes are set aside.

    Parameters
    ----------
    store, objects
        What to check.
    repair
        Whether to change anything.
    """
    findings = Findings()
    for check in (records.check_database, records.check_revision, records.check_search):
        findings.damages += _guarded(check(store, repair=repair))
    reader = ObjectReader(objects)
    inspector = _Inspector(objects, reader, Mender(store, objects, reader) if repair else None)
    findings.damages += _guarded(inspector.check_all(store, findings))
    findings.damages += _guarded(records.check_history(store, repair=repair))
    findings.damages += _guarded(inspector.check_unused())
    findings.n_objects = reader.n_read
    return findings


def _guarded(damages: Iterator[Damage]) -> Iterator[Damage]:
    """Yield `damages`; what ends the search for them is one itself."""
    try:
        yield from damages
    except (AsyncExecError, OSError) as error:
        yield Damage(kind="unchecked", message=f"Not everything could be checked: {error}")


class _Inspector:
    """Follows what executions refer to."""

    def __init__(self, objects: ObjectStore, reader: ObjectReader, mender: Mender | None) -> None:
        self._objects = objects
        self._reader = reader
        self._mender = mender

    def check_all(self, store: ExecutionStore, findings: Findings) -> Iterator[Damage]:
        for number, execution in store.health.walk():
            findings.n_executions += 1
            if isinstance(execution, str):
                yield records.bad_row(number, execution, repair=self._mender is not None)
            else:
                yield from self._check(execution)

    def check_unused(self) -> Iterator[Damage]:
        """Yield damaged objects that no execution needs, and what is no object."""
        for object_id in self._objects.ids():
            if self._reader.has_read(object_id):
                continue
            problem = self._reader.problem(object_id)
            if problem is not None:
                damage = Damage(
                    kind="object", message=f"Object {object_id} (of no execution): {problem}"
                )
                if self._mender is not None:
                    damage.repaired(f"No execution needs it. {self._mender.set_aside(object_id)}")
                yield damage
        leftovers = self._objects.leftovers()
        for name in leftovers:
            damage = Damage(kind="leftover", message=f"{name} was left half written by a process.")
            if self._mender is not None:
                damage.repaired("It is removed.")
            yield damage
        if leftovers and self._mender is not None:
            self._objects.remove_leftovers()
        for name in self._objects.strangers():
            damage = Damage(kind="stranger", message=f"{name} is no object.")
            if self._mender is not None:
                damage.remains("It is not ours and was left alone.")
            yield damage

    def _check(self, execution: Execution) -> Iterator[Damage]:
        wrong = records.contradiction(execution)
        if wrong is not None:
            damage = Damage(
                kind="state", message=f"#{execution.number}: {wrong}.", number=execution.number
            )
            if self._mender is not None:
                damage.remains("What is true is not known; it is left as it is.")
            yield damage
        # The snapshot first: a notebook is rebuilt from its source.
        yield from self._check_snapshot(execution)
        pairs = list(self._pairs("result", execution, results_of(execution)))
        if pairs and self._mender is not None:
            self._mender.mend_results(execution, pairs)
        yield from (damage for _, damage in pairs)

    def _check_snapshot(self, execution: Execution) -> Iterator[Damage]:
        pairs = list(self._pairs("snapshot", execution, snapshot_of(execution, self._objects)))
        if pairs and self._mender is not None:
            self._mender.capture_again(execution, [reference for reference, _ in pairs])
            found = {reference.object_id for reference, _ in pairs}
            # A manifest that can be read again names more.
            more = self._pairs("snapshot", execution, snapshot_of(execution, self._objects))
            pairs += [pair for pair in more if pair[0].object_id not in found]
            self._mender.judge_snapshot(execution, pairs)
        yield from (damage for _, damage in pairs)

    def _pairs(
        self, kind: str, execution: Execution, references: Iterable[Reference]
    ) -> Iterator[tuple[Reference, Damage]]:
        for reference in references:
            problem = self._reader.problem(reference.object_id)
            if problem is not None:
                message = f"#{execution.number}: {reference.what} is damaged: {problem}"
                yield reference, Damage(kind=kind, message=message, number=execution.number)
