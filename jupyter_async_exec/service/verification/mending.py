"""Making damaged objects again from what is left: the user's files, the journal."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.execution import Remark
from jupyter_async_exec.errors import AsyncExecError, NotFoundError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import iterate_journal
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import notebook_pieces
from jupyter_async_exec.runner.task import Task
from jupyter_async_exec.snapshots.capture import capture
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.snapshots.notebook import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.service.verification.findings import Damage
    from jupyter_async_exec.service.verification.reading import ObjectReader, Reference
    from jupyter_async_exec.store import ExecutionStore

#: What reading the user's own, changed files may raise.
_UNUSABLE = (AsyncExecError, OSError, ValueError, TypeError, KeyError, RecursionError)


class Mender:
    """Puts damaged bytes right where the same bytes can be had, and says so where not.

    Parameters
    ----------
    store, objects
        What to put right.
    reader
        Knows which objects are damaged; told of those that are whole again.
    clock
        The present moment.
    """

    def __init__(
        self,
        store: ExecutionStore,
        objects: ObjectStore,
        reader: ObjectReader,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._objects = objects
        self._reader = reader
        self._clock = clock
        self._captured_again: set[str] = set()

    def set_aside(self, object_id: str) -> str:
        """Take damaged bytes out of use; return a sentence on where they are."""
        place = self._objects.set_aside(object_id)
        self._reader.forget(object_id)
        return f"The damaged bytes are in {place}." if place else "There are no bytes of it."

    # ------------------------------------------------------------ snapshots

    def capture_again(self, execution: Execution, broken: Sequence[Reference]) -> None:
        """Put a snapshot's objects again from the user's files, as far as those are unchanged.

        What has changed gets other ids and disturbs nobody.
        """
        if execution.snapshot_id in self._captured_again:
            return
        self._captured_again.add(execution.snapshot_id)
        for reference in broken:
            self.set_aside(reference.object_id)
        provenance = execution.provenance
        root = provenance.get("server_root")
        if not root:
            return
        path = Path(root, execution.notebook_path)
        try:
            capture(
                normalise(json.loads(path.read_bytes())),
                notebook_path=execution.notebook_path,
                folder=path.parent,
                server_root=Path(root),
                kernel_name=execution.kernel_name,
                language=str((provenance.get("kernel") or {}).get("language", "")),
                objects=self._objects,
            )
        except _UNUSABLE:
            return

    def judge_snapshot(
        self, execution: Execution, pairs: Sequence[tuple[Reference, Damage]]
    ) -> None:
        """Say of each damage whether capturing again has put it right; mark the execution."""
        left = []
        for reference, damage in pairs:
            if self._reader.problem(reference.object_id) is None:
                damage.repaired("It was captured again from your files, which have not changed.")
            else:
                left.append(reference.what)
                damage.remains(
                    f"It cannot be repaired: #{execution.number} cannot be run again or restored."
                )
        if left and execution.is_final:
            sentence = f"It cannot be run again: {', '.join(left)} is damaged."
            self._mark(execution, {}, (Remark(kind="snapshot_damaged", message=sentence),))

    # ------------------------------------------------------------ results

    def mend_results(self, execution: Execution, pairs: Sequence[tuple[Reference, Damage]]) -> None:
        """Rebuild the notebook if its journal is whole; forget what is lost, and mark that."""
        changes: dict[str, str | None] = {}
        remarks: list[Remark] = []
        lost: set[str] = set()
        for reference, damage in pairs:
            aside = self.set_aside(reference.object_id)
            if reference.field == "output_object":
                rebuilt = self._rebuild(execution)
                if rebuilt == reference.object_id:
                    damage.repaired("It was rebuilt from source and journal, byte for byte.")
                    self._reader.forget(rebuilt)
                    continue
                if rebuilt is not None:
                    changes[reference.field] = rebuilt
                    damage.repaired(f"It was rebuilt from source and journal. {aside}")
                    sentence = "The executed notebook was damaged; it is rebuilt from the journal."
                    remarks.append(Remark(kind="notebook_rebuilt", message=sentence))
                    continue
            if reference.field == "artifacts":
                lost.add(reference.object_id)
            else:
                changes[reference.field] = None
            damage.remains(f"It cannot be repaired and is marked as lost. {aside}")
            remarks.append(Remark(kind="results_damaged", message=self._obituary(reference)))
        if changes or remarks:
            self._mark(execution, changes, remarks, lost=lost)

    def _obituary(self, reference: Reference) -> str:
        what = reference.what[:1].upper() + reference.what[1:]
        return f"{what} was found damaged on {self._clock():%Y-%m-%d} and could not be repaired."

    def _rebuild(self, execution: Execution) -> str | None:
        """Make the executed notebook again; return its object, None when that cannot be."""
        journal = execution.journal_object
        if journal is None or self._reader.problem(journal) is not None:
            return None
        try:
            manifest = load_manifest(self._objects, execution.snapshot_id)
            source = json.loads(self._objects.get(manifest.notebook_object))
            task = Task(
                execution_id=execution.id,
                number=execution.number,
                attempt=execution.attempt,
                folder="",
                kernel_name=execution.kernel_name,
                language=manifest.language,
                parameters=execution.parameters,
                limits=execution.limits,
            )
            with tempfile.TemporaryDirectory(prefix="async-exec-verify-") as folder:
                path = Path(folder, files.JOURNAL)
                self._objects.copy_to(journal, path)
                notebook = rebuild_notebook(source, task, iterate_journal(path))
                output = Path(folder, files.OUTPUT)
                files.write_whole(output, notebook_pieces(notebook), durable=False)
                return self._objects.put_file(output)
        except _UNUSABLE:
            return None

    # ------------------------------------------------------------ rows

    def _mark(
        self,
        execution: Execution,
        changes: dict[str, str | None],
        remarks: Sequence[Remark],
        *,
        lost: frozenset[str] | set[str] = frozenset(),
    ) -> None:
        kept = tuple(each for each in execution.artifacts if each.object_id not in lost)
        try:
            self._store.health.amend(
                execution.number, objects=changes, artifacts=kept, remarks=remarks
            )
        except NotFoundError:
            return  # It was deleted meanwhile.
