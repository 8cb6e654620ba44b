"""Runners on this machine, one process tree per execution, below an attempts folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from jupyter_async_exec.backends.base import AttemptKey, Backend, Harvest, Observation
from jupyter_async_exec.core.execution import Remark
from jupyter_async_exec.errors import InvalidRequestError, UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.conclude import conclude_attempt
from jupyter_async_exec.runner.journal import iterate_journal, read_events
from jupyter_async_exec.runner.launch import launch, terminate
from jupyter_async_exec.runner.lock import is_held, take_lock
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import notebook_pieces
from jupyter_async_exec.runner.result import conclude_lost, read_result
from jupyter_async_exec.runner.task import Task, read_task, write_task
from jupyter_async_exec.snapshots.capture import linked_from_json
from jupyter_async_exec.snapshots.collect import Baseline, Collected, collect, record_baseline
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.snapshots.materialise import materialise
from jupyter_async_exec.snapshots.working_tree import WorkingTree

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore

#: The mirror of the user's tree, below an attempt's folder.
WORK = "work"
#: What the mirror held before the notebook ran; artifacts are what differs.
BASELINE = "baseline.json"
#: From this journal size on a running notebook is shown from its last
#: checkpoint instead of being rebuilt at every look.
REBUILD_LIMIT_BYTES = 16 * 1024 * 1024


class LocalBackend(Backend):
    """Run on this machine.

    Parameters
    ----------
    directory
        Where attempts live while they run; one folder each.
    objects
        Where snapshots come from and results go.
    nice
        Added niceness of a runner (0 to 19), so that interactive kernels stay responsive.
    """

    name: ClassVar[str] = "local"

    def __init__(self, directory: Path, *, objects: ObjectStore, nice: int = 5) -> None:
        self._directory = directory
        self._objects = objects
        self._nice = nice

    @override
    async def start(self, execution: Execution) -> None:
        await asyncio.to_thread(self._start, execution)

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        return await asyncio.to_thread(self._observe, key, offset)

    @override
    async def cancel(self, key: AttemptKey) -> None:
        await asyncio.to_thread(self._cancel, key)

    @override
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        return await asyncio.to_thread(self._harvest, key)

    @override
    async def discard(self, key: AttemptKey) -> None:
        await asyncio.to_thread(self._discard, key)

    @override
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        return await asyncio.to_thread(self._read_notebook, key)

    @override
    async def read_log(
        self, key: AttemptKey, *, offset: int, limit_bytes: int
    ) -> tuple[bytes, int]:
        return await asyncio.to_thread(self._read_log, key, offset, limit_bytes)

    @override
    async def attempts(self) -> tuple[AttemptKey, ...]:
        return await asyncio.to_thread(self._attempts)

    def _path(self, key: AttemptKey) -> Path:
        return self._directory / str(key)

    def _start(self, execution: Execution) -> None:
        key = AttemptKey(execution.id, execution.attempt)
        directory = self._path(key)
        if directory.exists():
            if is_held(directory) or read_result(directory) is not None:
                return
            # An earlier start got as far as the folder, never to the lock.
            _remove(directory)
        directory.mkdir(mode=0o700, parents=True)
        try:
            self._prepare(execution, directory)
            launch(directory)
        except BaseException:
            _remove(directory)
            raise

    def _prepare(self, execution: Execution, directory: Path) -> None:
        manifest = load_manifest(self._objects, execution.snapshot_id)
        provenance = execution.provenance
        tree = materialise(
            manifest,
            objects=self._objects,
            directory=directory / WORK,
            notebook_path=execution.notebook_path,
            tree_root=_local_path(provenance.get("tree_root")),
            root_path=provenance.get("root_path"),
            server_root=_local_path(provenance.get("server_root")),
            linked=linked_from_json(provenance.get("linked", [])),
        )
        source = self._objects.get(manifest.notebook_object)
        (directory / files.SOURCE).write_bytes(source)
        baseline = {"tree": tree.to_json(), "baseline": record_baseline(tree).to_json()}
        files.write_whole(directory / BASELINE, json.dumps(baseline).encode())
        write_task(
            directory,
            Task(
                execution_id=execution.id,
                number=execution.number,
                attempt=execution.attempt,
                folder=str(tree.folder),
                kernel_name=execution.kernel_name,
                language=manifest.language,
                parameters=execution.parameters,
                limits=execution.limits,
                environment={
                    "JUPYTER_ASYNC_EXEC_ID": execution.id,
                    "JUPYTER_ASYNC_EXEC_NUMBER": str(execution.number),
                    "JUPYTER_ASYNC_EXEC_DIR": str(tree.folder),
                },
                nice=self._nice,
            ),
        )

    def _observe(self, key: AttemptKey, offset: int) -> Observation:
        directory = self._path(key)
        # Liveness first: what is dead at this point has written all it ever will.
        alive = directory.exists() and is_held(directory)
        events, offset = read_events(directory / files.JOURNAL, offset)
        result = read_result(directory)
        if result is None and not alive:
            result = conclude_lost(directory)
        return Observation(events=tuple(events), offset=offset, result=result, alive=alive)

    def _cancel(self, key: AttemptKey) -> None:
        directory = self._path(key)
        if directory.exists():
            files.request_cancel(directory)

    def _harvest(self, key: AttemptKey) -> Harvest:
        directory = self._path(key)
        if not directory.exists():
            return Harvest()
        if read_result(directory) is None:
            # The runner died before it could write its end: the journal knows it.
            lock = take_lock(directory)
            try:
                conclude_attempt(directory)
            finally:
                os.close(lock)
        collected = self._collect(directory)
        return Harvest(
            output_object=self._keep(directory / files.OUTPUT),
            journal_object=self._keep(directory / files.JOURNAL),
            log_object=self._keep(directory / files.LOG),
            artifacts=collected.artifacts,
            remarks=collected.remarks,
        )

    def _collect(self, directory: Path) -> Collected:
        """Keep the files it made; what is damaged costs these, never the notebook."""
        path = directory / BASELINE
        if not path.exists():
            return Collected(artifacts=(), remarks=())
        try:
            saved = json.loads(path.read_bytes())
            tree = WorkingTree.from_json(saved["tree"])
            baseline = Baseline.from_json(saved["baseline"])
        except (ValueError, KeyError, TypeError, InvalidRequestError) as error:
            sentence = f"The files it made are not kept: their list is damaged ({error})."
            return Collected(artifacts=(), remarks=(Remark(kind="files_lost", message=sentence),))
        return collect(tree, baseline, objects=self._objects)

    def _keep(self, path: Path) -> str | None:
        return self._objects.put_file(path) if path.exists() else None

    def _rebuild(self, directory: Path) -> bytes:
        source: JSONObject = json.loads((directory / files.SOURCE).read_bytes())
        records = iterate_journal(directory / files.JOURNAL)
        notebook = rebuild_notebook(source, read_task(directory), records)
        return b"".join(notebook_pieces(notebook))

    def _read_notebook(self, key: AttemptKey) -> bytes | None:
        directory = self._path(key)
        journal, output = directory / files.JOURNAL, directory / files.OUTPUT
        try:
            if journal.exists() and journal.stat().st_size > REBUILD_LIMIT_BYTES:
                return output.read_bytes()
            return self._rebuild(directory)
        except (FileNotFoundError, InvalidRequestError):
            # Not there yet, or no longer: it may end while we look.
            return None

    def _read_log(self, key: AttemptKey, offset: int, limit_bytes: int) -> tuple[bytes, int]:
        try:
            with (self._path(key) / files.LOG).open("rb") as log:
                size_bytes = log.seek(0, os.SEEK_END)
                log.seek(max(0, size_bytes + offset) if offset < 0 else offset)
                return log.read(limit_bytes), size_bytes
        except FileNotFoundError:
            return b"", 0

    def _attempts(self) -> tuple[AttemptKey, ...]:
        if not self._directory.exists():
            return ()
        keys = []
        for path in self._directory.iterdir():
            execution_id, _, attempt = path.name.partition("-")
            if attempt.isdecimal() and path.is_dir():
                keys.append(AttemptKey(execution_id, int(attempt)))
        return tuple(keys)

    def _discard(self, key: AttemptKey) -> None:
        directory = self._path(key)
        if not directory.exists():
            return
        if is_held(directory):
            terminate(directory)
        _remove(directory)


def _local_path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _remove(directory: Path) -> None:
    """Remove a folder whatever modes the notebook gave to what is inside.

    Links are unlinked, never followed, so that the user's own files are safe.
    """
    shutil.rmtree(directory, ignore_errors=True)
    if not directory.exists():
        return
    with contextlib.suppress(OSError):
        directory.chmod(0o700)
    for folder, names, _ in os.walk(directory):
        # From the outside in: what cannot be entered is never walked into.
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        raise UnavailableError(f"{directory} cannot be removed; remove it by hand.")
