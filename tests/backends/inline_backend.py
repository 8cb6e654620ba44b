"""A backend in this very process: cells run in a thread, one after the other.

The smallest one that holds the whole contract, for tests that want real
results without a kernel, and to be read by who writes another. Nothing is
isolated: never let it run what you would not run yourself.
"""

from __future__ import annotations

import asyncio
import builtins
import ctypes
import threading
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jupyter_async_exec.backends import attempt_folder
from jupyter_async_exec.backends.base import AttemptKey, Backend, Harvest, Observation
from jupyter_async_exec.core.clock import parse_at
from jupyter_async_exec.core.execution import CellError, Reason, Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.endings import Ending, fail
from jupyter_async_exec.runner.json_text import load_json
from jupyter_async_exec.runner.parameters import inject
from jupyter_async_exec.runner.rebuild import runs, source_of
from jupyter_async_exec.runner.recorder import Recorder
from jupyter_async_exec.runner.result import Result, error_to_json, write_result
from jupyter_async_exec.runner.task import Task, write_task
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore

_KEPT = (files.OUTPUT, files.JOURNAL, files.LOG)
#: Code that does not come back to Python for so long, in seconds, is left to itself.
_END_S = 10.0


class InlineBackend(Backend):
    """Runs Python cells in this process; `print` is what they can say.

    Parameters
    ----------
    directory
        Where attempts lie.
    objects
        Holds the snapshots, and takes what comes of them.
    """

    def __init__(self, directory: Path, *, objects: ObjectStore, name: str = "inline") -> None:
        self.name = name
        self._directory = directory
        self._objects = objects
        self._runs: dict[AttemptKey, _Run] = {}

    def _path(self, key: AttemptKey) -> Path:
        return self._directory / str(key)

    @override
    async def start(self, execution: Execution) -> None:
        key = AttemptKey(execution.id, execution.attempt)
        if key in self._runs:
            return
        self._runs[key] = run = _Run(self._path(key), execution, self._objects)
        await asyncio.to_thread(run.start)

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        # Liveness first: what is dead has written all it will.
        run = self._runs.get(key)
        alive = run is not None and run.is_alive()
        path = self._path(key)
        return await asyncio.to_thread(attempt_folder.observe, path, offset=offset, alive=alive)

    @override
    async def cancel(self, key: AttemptKey) -> None:
        if key in self._runs:
            self._runs[key].cancel()

    @override
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        paths = [self._path(key) / name for name in _KEPT]
        output, journal, log = await asyncio.to_thread(self._objects.put_files, paths)
        return Harvest(output_object=output, journal_object=journal, log_object=log)

    @override
    async def discard(self, key: AttemptKey) -> None:
        run = self._runs.pop(key, None)
        if run is not None:
            run.cancel()
            await asyncio.to_thread(run.join, _END_S)
        await asyncio.to_thread(attempt_folder.remove, self._path(key))

    @override
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        return await asyncio.to_thread(attempt_folder.read_notebook, self._path(key))

    @override
    async def read_log(
        self, key: AttemptKey, *, offset: int, limit_bytes: int
    ) -> tuple[bytes, int]:
        path = self._path(key)
        return await asyncio.to_thread(
            attempt_folder.read_log, path, offset=offset, limit_bytes=limit_bytes
        )

    @override
    async def attempts(self) -> tuple[AttemptKey, ...]:
        return await asyncio.to_thread(attempt_folder.keys_in, self._directory)


class _CancelledError(BaseException):
    """Raised in the thread of an attempt, wherever its code is."""


class _Run(threading.Thread):
    """One attempt.

    Parameters
    ----------
    directory
        The attempt's, to be made.
    execution, objects
        What to run, and where its snapshot is.
    """

    def __init__(self, directory: Path, execution: Execution, objects: ObjectStore) -> None:
        super().__init__(name=f"inline-{execution.number}", daemon=True)
        self._directory = directory
        self._execution = execution
        self._objects = objects
        self._lock = threading.Lock()
        self._is_cancelled = False
        #: Whether an exception from outside finds the notebook's code, and nothing else.
        self._is_open = False

    @override
    def start(self) -> None:
        execution, directory = self._execution, self._directory
        directory.mkdir(parents=True)
        manifest = load_manifest(self._objects, execution.snapshot_id)
        source = self._objects.get(manifest.notebook_object)
        files.write_whole(directory / files.SOURCE, source)
        self._task = Task(
            execution_id=execution.id,
            number=execution.number,
            attempt=execution.attempt,
            folder=str(directory),
            kernel_name=execution.kernel_name,
            language=manifest.language,
            parameters=execution.parameters,
        )
        write_task(directory, self._task)
        self._recorder = Recorder(directory, source=load_json(source), task=self._task)
        super().start()

    def cancel(self) -> None:
        """Have the running code raise, at its next step in Python."""
        with self._lock:
            self._is_cancelled = True
            if self._is_open and self.ident is not None:
                ident = ctypes.c_ulong(self.ident)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_CancelledError))

    @override
    def run(self) -> None:
        recorder = self._recorder
        started = self._record_start()
        try:
            self._set_open(True)
            try:
                ending = self._run_cells()
            finally:
                self._set_open(False)
        except _CancelledError:
            self._set_open(False)
            ending = Ending(status=Status.CANCELLED, message="Cancelled.")
        record = recorder.prepare_end(
            status=ending.status.value,
            reason=None if ending.reason is None else ending.reason.value,
            message=ending.message,
            error=None if ending.error is None else error_to_json(ending.error),
            started_at=started["at"],
            cells_total=started["cells_total"],
            machine={},
        )
        recorder.save()
        recorder.write_end(record)
        result = Result(
            attempt=self._task.attempt,
            status=ending.status,
            reason=ending.reason,
            message=ending.message,
            error=ending.error,
            started_at=parse_at(started["at"]),
            finished_at=parse_at(record["at"]),
            cells_total=started["cells_total"],
        )
        write_result(self._directory, result)

    def _set_open(self, is_open: bool) -> None:
        with self._lock:
            self._is_open = is_open
            if is_open and self._is_cancelled:
                raise _CancelledError

    def _record_start(self) -> dict[str, Any]:
        injected = inject(
            load_json((self._directory / files.SOURCE).read_bytes()),
            self._task.parameters,
            kernel_name=self._task.kernel_name,
            language="python",
            cell_id="injected",
        )
        total = sum(runs(cell) for cell in self._recorder.notebook.cells) + (injected is not None)
        return self._recorder.record(
            "execution_started",
            format=1,
            cells_total=total,
            kernel={"name": self._task.kernel_name, "language": "python"},
            machine={},
            injected=injected,
        )

    def _run_cells(self) -> Ending:
        space: dict[str, Any] = {"__name__": "__main__"}
        for index, cell in enumerate(self._recorder.notebook.cells):
            if not runs(cell):
                continue
            self._recorder.record("cell_started", cell_index=index)
            self._recorder.flush()
            space["__builtins__"] = {**vars(builtins), "print": self._printer(index)}
            status = "aborted"
            try:
                exec(compile(source_of(cell), f"<cell {index + 1}>", "exec"), space)
                status = "ok"
            except Exception as error:  # noqa: BLE001  whatever a notebook raises
                status = "error"
                return self._fail(index, error)
            finally:
                self._recorder.record(
                    "cell_finished", cell_index=index, status=status, execution_count=index + 1
                )
        return Ending(status=Status.SUCCEEDED)

    def _printer(self, index: int) -> Any:
        def say(*values: object, sep: str = " ", end: str = "\n", **_: object) -> None:
            self._recorder.stream(index, "stdout", sep.join(map(str, values)) + end)
            self._recorder.flush()

        return say

    def _fail(self, index: int, error: Exception) -> Ending:
        name, value = type(error).__name__, str(error)
        output = {
            "output_type": "error",
            "ename": name,
            "evalue": value,
            "traceback": [f"{name}: {value}"],
        }
        self._recorder.record("output", cell_index=index, append=False, output=output)
        self._recorder.log_error(output, cell_index=index)
        told = CellError(cell_index=index, ename=name, evalue=value, traceback=())
        return fail(Reason.CELL_ERROR, f"Cell {index + 1}: {name}: {value}", error=told)
