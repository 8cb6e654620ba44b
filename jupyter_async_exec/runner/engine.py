"""Running a notebook's cells on a kernel, losing nothing and knowing how it ended."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.clock import parse_at
from jupyter_async_exec.core.execution import CellError, Reason, Status
from jupyter_async_exec.errors import (
    AsyncExecError,
    InvalidRequestError,
    KernelMissingError,
)
from jupyter_async_exec.runner import files, system
from jupyter_async_exec.runner.json_text import load_json
from jupyter_async_exec.runner.kernel import KernelProcess
from jupyter_async_exec.runner.kernelspec import KernelSpec, find_kernelspec
from jupyter_async_exec.runner.launch import safe_environment
from jupyter_async_exec.runner.processes import COOKIE
from jupyter_async_exec.runner.result import (
    Result,
    describe_machine,
    error_to_json,
    name_of_signal,
    write_result,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.recorder import Recorder
    from jupyter_async_exec.runner.task import Task
    from jupyter_async_exec.runner.widgets import Widgets
    from jupyter_async_exec.runner.wire import Message, Wire

_log = logging.getLogger(__name__)

_START_TIMEOUT_S = 60.0
_STARTS = 2
_CHECK_S = 0.1
_MEASURE_S = 1.0
#: One turn of receiving ends after this, so that cancel and limits stay prompt.
_TURN_S = 0.05
#: After the reply, for the idle message that every sane kernel sends.
_IDLE_GRACE_S = 5.0
#: From cancel to the next step, each: interrupt, terminate, kill.
_INTERRUPT_GRACE_S = 4.0
_TERMINATE_GRACE_S = 2.0
#: Quiet time that ends the drain after the last cell, and the longest drain.
_DRAIN_QUIET_S = 0.7
_DRAIN_UNKNOWN_S = 0.05
_DRAIN_LONGEST_S = 2.0
#: For `atexit` in the user's kernel.
_SHUTDOWN_GRACE_S = 1.0
_LONGEST_MESSAGE = 500
_GIGABYTE = 1e9

#: Lifts the mark of 1,000 messages above which the kernel's own socket drops
#: output; the socket belongs to a thread, which has to do it itself.
_LIFT_MARK = (
    "(lambda thread: thread.schedule(lambda: thread.socket.set(__import__('zmq').SNDHWM, 0)))"
    "(get_ipython().kernel.iopub_socket.io_thread)"
)
_COUNT_THREADS = {"threads": "__import__('threading').active_count()"}
_EXIT_CODE = {"exit_code": "_exit_code"}
_SHELL_LINE = re.compile(r"^\s*!(?!!)", re.MULTILINE)
_EXCEPTION_LINE = re.compile(
    r"^\W*([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)): ?(.*)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended, before it is written down."""

    status: Status
    reason: Reason | None = None
    message: str | None = None
    error: CellError | None = None


class _KernelDiedError(Exception):
    """The kernel process is gone."""


class _StoppedError(Exception):
    """Somebody or a limit wants the end."""

    def __init__(self, ending: Ending, *, at_once: bool = False) -> None:
        super().__init__(ending)
        self.ending = ending
        self.at_once = at_once


@dataclass(slots=True)
class _Request:
    """An execute request on its way."""

    id: str
    #: `None` for our own questions to the kernel.
    cell_index: int | None
    reply: JSONObject | None = None
    is_idle: bool = False
    execution_count: int | None = None
    timing: dict[str, str] = field(default_factory=dict)
    replied_at: float = 0.0
    exception: JSONObject | None = None


class Engine:
    """Runs one attempt in this process; the kernel is its child.

    Parameters
    ----------
    directory
        The attempt's; journal, log, notebook and result go there.
    task
        What to run.
    sockets
        Private directory with a short path.
    observer
        Hears every journal record as it is written.
    start_timeout_s
        For how long a kernel may not answer before it counts as dead.
    cell_time_s
        Limit for one cell; papermill's users have it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        task: Task,
        sockets: Path,
        observer: Callable[[JSONObject], None] | None = None,
        start_timeout_s: float = _START_TIMEOUT_S,
        cell_time_s: float | None = None,
    ) -> None:
        self._directory = directory
        self._start_timeout_s = start_timeout_s
        self._cell_time_s = cell_time_s
        self._cell_started = 0.0
        self._task = task
        self._sockets = sockets
        self._observer = observer
        self._machine = describe_machine()
        self._cells_total: int | None = None
        self._started_at: str | None = None
        self._started = 0.0
        self._spec: KernelSpec | None = None
        self._kernel: KernelProcess | None = None
        self._wire: Wire
        self._recorder: Recorder
        self._widgets: Widgets
        self._requests: dict[str, _Request] = {}
        self._replies: dict[str, JSONObject] = {}
        self._current: _Request | None = None
        self._last_index: int | None = None
        self._heard = 0.0
        self._threads: int | None = None
        self._is_ipython = False
        self._next_check = 0.0
        self._next_measure = 0.0
        self._memory = 0
        self._obeys = True
        self._oom_kills = system.count_oom_kills()

    # ------------------------------------------------------------ the whole

    def run(self) -> Result:
        """Run to the end and leave notebook and result; never raises because of a notebook."""
        try:
            ending = self._begin()
            source = self._read_source()
            self._open(source)
            if ending is None:
                ending = self._execute(source)
            result = self._finish(ending)
        finally:
            self._end_kernel()
        return result

    def _begin(self) -> Ending | None:
        """Start the kernel first: it boots while we read and import."""
        try:
            self._check_cancel()
            self._spec = find_kernelspec(self._task.kernel_name)
            self._kernel = self._start_process(self._spec)
        except _StoppedError as stopped:
            return stopped.ending
        except KernelMissingError as error:
            return Ending(status=Status.FAILED, reason=Reason.KERNEL_MISSING, message=error.message)
        except OSError as error:
            folder_is_there = os.path.isdir(self._task.folder)  # noqa: PTH112  a plain string
            return Ending(
                status=Status.FAILED,
                reason=Reason.KERNEL_MISSING if folder_is_there else Reason.INTERNAL,
                message=f"The kernel {self._task.kernel_name!r} could not be started: {error}",
            )
        return None

    def _read_source(self) -> JSONObject:
        source = load_json((self._directory / files.SOURCE).read_bytes())
        if not isinstance(source, dict) or not isinstance(source.get("cells"), list):
            raise InvalidRequestError(f"{files.SOURCE} is not a notebook.")
        return source

    def _open(self, source: JSONObject) -> None:
        from jupyter_async_exec.runner.recorder import Recorder
        from jupyter_async_exec.runner.widgets import Widgets

        self._recorder = Recorder(
            self._directory, source=source, task=self._task, observer=self._observer
        )
        self._widgets = Widgets(keep=self._keep_widget, tell=self._tell_widget)

    def _execute(self, source: JSONObject) -> Ending:
        try:
            injected = self._translate(source)
            info = self._connect()
            self._record_start(injected, info)
            return self._run_cells()
        except _StoppedError as stopped:
            return self._stop(stopped)
        except _KernelDiedError:
            return self._explain_death()
        except AsyncExecError as error:
            return Ending(status=Status.FAILED, reason=Reason.INTERNAL, message=error.message)
        except Exception as error:  # noqa: BLE001  the runner around a notebook tells, whatever comes
            _log.exception("attempt %s failed inside the engine", self._task.cookie)
            return Ending(
                status=Status.FAILED,
                reason=Reason.INTERNAL,
                message=f"The engine failed: {type(error).__name__}: {error}"[:_LONGEST_MESSAGE],
            )

    def _translate(self, source: JSONObject) -> JSONObject | None:
        from jupyter_async_exec.runner.parameters import inject

        assert self._spec is not None
        return inject(
            source,
            self._task.parameters,
            kernel_name=self._task.kernel_name,
            language=self._task.language or self._spec.language,
            cell_id=f"injected-{self._task.execution_id[:8]}",
        )

    def _record_start(self, injected: JSONObject | None, info: JSONObject) -> None:
        from jupyter_async_exec.runner.rebuild import runs

        assert self._spec is not None
        language_info = info.get("language_info")
        cells = self._recorder.notebook.cells
        # Counted as they will be, with the injected one among them.
        total = sum(runs(cell) for cell in cells)
        if injected is not None:
            replaced = injected["replaces"] and runs(cells[injected["cell_index"]])
            total += 1 - bool(replaced)
        record = self._recorder.record(
            "execution_started",
            format=1,
            cells_total=total,
            kernel={
                "name": self._spec.name,
                "display_name": self._spec.display_name,
                "language": self._spec.language,
                "language_info": language_info if isinstance(language_info, dict) else {},
            },
            machine=self._machine | _versions(),
            injected=injected,
        )
        self._cells_total = total
        self._started_at = record["at"]
        self._started = time.monotonic()

    def _finish(self, ending: Ending) -> Result:
        """Write the end: notebook, journal, result, in this order."""
        from jupyter_async_exec.runner.journal import DISK_PATIENCE_S

        deadline = time.monotonic() + DISK_PATIENCE_S
        while True:
            record = self._end(ending)
            try:
                self._recorder.save()
                break
            except OSError as error:
                if time.monotonic() < deadline and not self._is_cancelled():
                    time.sleep(1.0)
                    continue
                ending = Ending(
                    status=Status.FAILED,
                    reason=Reason.INTERNAL,
                    message=f"The executed notebook could not be written: {error}",
                    error=ending.error,
                )
                record = self._end(ending)
                break
        self._recorder.write_end(record)
        result = Result(
            attempt=self._task.attempt,
            status=ending.status,
            reason=ending.reason,
            message=ending.message,
            error=ending.error,
            started_at=None if self._started_at is None else parse_at(self._started_at),
            finished_at=parse_at(record["at"]),
            cells_total=self._cells_total,
            machine=self._machine,
        )
        write_result(self._directory, result)
        return result

    def _end(self, ending: Ending) -> JSONObject:
        return self._recorder.prepare_end(
            status=ending.status.value,
            reason=None if ending.reason is None else ending.reason.value,
            message=ending.message,
            error=None if ending.error is None else error_to_json(ending.error),
            started_at=self._started_at,
            cells_total=self._cells_total,
            machine=self._machine,
        )

    # ------------------------------------------------------------ the kernel

    def _start_process(self, spec: KernelSpec) -> KernelProcess:
        task = self._task
        environment = {
            **safe_environment(os.environ),
            **task.environment,
            COOKIE: task.cookie,
            "JUPYTER_ASYNC_EXEC_ID": task.execution_id,
            "JUPYTER_ASYNC_EXEC_NUMBER": str(task.number),
            "JUPYTER_ASYNC_EXEC_DIR": task.folder,
        }
        return KernelProcess(spec, cwd=task.folder, environment=environment, folder=self._sockets)

    def _connect(self) -> JSONObject:
        """Wait until the kernel answers and its output reaches us; one more try if it does not."""
        from jupyter_async_exec.runner.wire import Wire

        assert self._spec is not None
        assert self._kernel is not None
        for tried in range(1, _STARTS + 1):
            self._wire = Wire(self._kernel.connection)
            try:
                return self._wait_ready()
            except _KernelDiedError:
                self._wire.close()
                self._kernel.kill()
                self._kernel.wait(_TERMINATE_GRACE_S)
                if tried == _STARTS:
                    raise
                self._kernel = self._start_process(self._spec)
        raise AssertionError("unreachable")

    def _wait_ready(self) -> JSONObject:
        deadline = time.monotonic() + self._start_timeout_s
        self._heard = 0.0
        asked = [self._wire.send(self._wire.shell, "kernel_info_request", {})]
        ask_again = deadline
        while True:
            self._pump(0.02)
            info = next((self._replies[id_] for id_ in asked if id_ in self._replies), None)
            now = time.monotonic()
            if info is not None and self._heard:
                break
            if info is not None and now >= min(ask_again, deadline):
                # It answered, but its output does not reach us yet: make it say more.
                asked.append(self._wire.send(self._wire.shell, "kernel_info_request", {}))
                ask_again = now + 0.05
            elif info is not None and ask_again == deadline:
                ask_again = now + 0.02
            if now >= deadline:
                raise _KernelDiedError
        self._is_ipython = info.get("implementation") == "ipython"
        if self._is_ipython:
            self._ask(_LIFT_MARK)
        return info

    def _ask(self, code: str = "") -> _Request:
        """Have IPython do something of ours, unseen by the notebook and its history."""
        return self._request(
            code, None, silent=True, store_history=False, user_expressions=_COUNT_THREADS
        )

    def _request(self, code: str, cell_index: int | None, **options: Any) -> _Request:
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
            **options,
        }
        request = _Request(
            self._wire.send(self._wire.shell, "execute_request", content), cell_index
        )
        self._requests[request.id] = request
        return request

    def _end_kernel(self) -> None:
        """Let `atexit` in the kernel run, for a moment; then end it."""
        kernel = self._kernel
        if kernel is None:
            return
        if kernel.exit_code is None and hasattr(self, "_wire"):
            self._wire.send(self._wire.control, "shutdown_request", {"restart": False})
            kernel.wait(_SHUTDOWN_GRACE_S)
        if kernel.exit_code is None:
            kernel.terminate()
            kernel.wait(0.3)
        if kernel.exit_code is None:
            kernel.kill()
            kernel.wait(_TERMINATE_GRACE_S)
        if hasattr(self, "_wire"):
            self._wire.close()

    def _explain_death(self) -> Ending:
        self._drain_quietly(_DRAIN_UNKNOWN_S)
        self._abort_cell()
        assert self._kernel is not None
        code = self._kernel.exit_code
        where = "while it was starting"
        if self._current is not None and self._current.cell_index is not None:
            where = f"while cell {self._current.cell_index + 1} was running"
        elif self._started_at is not None:
            where = "between two cells"
        if code is None:
            how = f"did not answer within {self._start_timeout_s:.0f} s"
        elif code < 0:
            how = f"was ended by {name_of_signal(-code)}"
        else:
            how = f"ended by itself with exit code {code}"
        if code == -getattr(signal, "SIGKILL", 9) and system.count_oom_kills() > self._oom_kills:
            used = _gigabytes(self._memory)
            of = _gigabytes(system.total_memory())
            return Ending(
                status=Status.FAILED,
                reason=Reason.OUT_OF_MEMORY,
                message=f"The system killed the kernel {where} because memory ran out; "
                f"it used {used} of {of} GB when last measured.",
            )
        return Ending(
            status=Status.FAILED,
            reason=Reason.KERNEL_DIED,
            message=f"The kernel {how} {where}.",
        )

    # ------------------------------------------------------------ the cells

    def _run_cells(self) -> Ending:
        from jupyter_async_exec.runner.rebuild import runs, tags_of

        cells = self._recorder.notebook.cells
        left = self._cells_total or 0
        is_first = True
        for index, cell in enumerate(cells):
            if not runs(cell):
                if cell.get("cell_type") == "code" and tags_of(cell):
                    self._skip(index, cell)
                continue
            ending = self._run_cell(index, cell, durable=is_first)
            is_first = False
            left -= 1
            if ending is not None:
                self._drain()
                return self._early(ending, index, left)
        self._drain()
        return Ending(status=Status.SUCCEEDED)

    def _skip(self, index: int, cell: JSONObject) -> None:
        from jupyter_async_exec.runner.rebuild import SKIP_TAGS, tags_of

        if not SKIP_TAGS.isdisjoint(tags_of(cell)):
            self._recorder.record(
                "cell_finished", cell_index=index, status="skipped", execution_count=None
            )

    def _early(self, ending: Ending, index: int, left: int) -> Ending:
        if ending.status is Status.SUCCEEDED and left:
            self._recorder.record(
                "remark",
                kind="finished_early",
                message=f"Cell {index + 1} ended the notebook; {left} "
                f"{'cell was' if left == 1 else 'cells were'} not run.",
                cell_index=index,
            )
        return ending

    def _run_cell(self, index: int, cell: JSONObject, *, durable: bool) -> Ending | None:
        """Run one cell; `None` to go on."""
        from jupyter_async_exec.runner.rebuild import source_of

        source = source_of(cell)
        allowed = _may_raise(cell)
        asks_exit_code = self._is_ipython and bool(_SHELL_LINE.search(source))
        self._last_index = index
        self._recorder.record("cell_started", cell_index=index)
        # Whoever finds this record knows that code may have run.
        self._recorder.flush(durable=durable)
        self._current = self._request(
            source,
            index,
            stop_on_error=not allowed,
            user_expressions=_EXIT_CODE if asks_exit_code else {},
        )
        self._heard = self._cell_started = time.monotonic()
        while not self._is_done(self._current):
            self._pump(_CHECK_S)
        request, self._current = self._current, None
        self._widgets.synchronise()
        reply = request.reply or {}
        failed = reply.get("status") != "ok"
        fields: dict[str, Any] = {"allowed": True} if failed and allowed else {}
        ending = self._judge(index, request, reply, allowed=allowed)
        self._record_cell(
            request, "error" if failed and not _is_success(ending) else "ok", **fields
        )
        self._remark_exit_code(index, reply)
        return ending

    def _record_cell(self, request: _Request, status: str, **fields: Any) -> None:
        self._recorder.record(
            "cell_finished",
            cell_index=request.cell_index,
            status=status,
            execution_count=request.execution_count,
            timing=request.timing,
            **fields,
        )

    def _judge(
        self, index: int, request: _Request, reply: JSONObject, *, allowed: bool
    ) -> Ending | None:
        """Return how the notebook ends with this cell; `None` when it does not."""
        if reply.get("status") == "ok":
            payload = reply.get("payload") or []
            if any(isinstance(p, dict) and p.get("source") == "ask_exit" for p in payload):
                return Ending(status=Status.SUCCEEDED)
            return None
        error = self._error_of(index, request, reply)
        if error.ename == "SystemExit" and error.evalue in ("", "0", "None"):
            return Ending(status=Status.SUCCEEDED)
        if allowed:
            return None
        said = f"{error.ename}: {error.evalue}".rstrip(": \n").partition("\n")[0]
        return Ending(
            status=Status.FAILED,
            reason=Reason.CELL_ERROR,
            message=f"Cell {index + 1}: {said}"[:_LONGEST_MESSAGE],
            error=error,
        )

    def _error_of(self, index: int, request: _Request, reply: JSONObject) -> CellError:
        """Return what failed: from the reply, else the error output, else the text shown."""
        for content in (reply, request.exception or {}):
            if content.get("ename"):
                return CellError(
                    cell_index=index,
                    ename=str(content["ename"]),
                    evalue=str(content.get("evalue") or ""),
                    traceback=tuple(map(str, content.get("traceback") or ())),
                )
        return self._error_from_text(index, reply)

    def _error_from_text(self, index: int, reply: JSONObject) -> CellError:
        from jupyter_async_exec.runner.recorder import without_ansi

        text = self._recorder.notebook.last_text(index)
        name, value = "Error", "" if reply.get("status") != "aborted" else "the kernel aborted it"
        for line in reversed(without_ansi(text).splitlines()):
            found = _EXCEPTION_LINE.match(line)
            if found:
                name, value = found[1], found[2].strip(" │|")
                break
        lines = tuple(text.splitlines())
        return CellError(cell_index=index, ename=name, evalue=value, traceback=lines)

    def _remark_exit_code(self, index: int, reply: JSONObject) -> None:
        expression = (reply.get("user_expressions") or {}).get("exit_code") or {}
        code = str((expression.get("data") or {}).get("text/plain", "0"))
        if code.lstrip("-").isdigit() and int(code):
            self._recorder.record(
                "remark",
                kind="shell_exit_code",
                message=f"A shell command in cell {index + 1} ended with exit code {code}.",
                cell_index=index,
            )

    def _is_done(self, request: _Request) -> bool:
        if request.reply is None:
            return False
        if request.is_idle:
            return True
        quiet_since = max(request.replied_at, self._heard)
        return time.monotonic() - quiet_since > _IDLE_GRACE_S

    def _abort_cell(self) -> None:
        """Record that the running cell came to no end of its own."""
        self._widgets.synchronise()
        request = self._current
        if request is not None and request.cell_index is not None:
            self._record_cell(request, "aborted")

    # ------------------------------------------------------------ messages

    def _pump(self, timeout_s: float) -> None:
        """Receive what waits, or wait for it; look after everything else now and then."""
        wire = self._wire
        ready = dict(wire.poller.poll(int(timeout_s * 1000)))
        if wire.iopub in ready:
            until = time.monotonic() + _TURN_S
            while (message := wire.receive(wire.iopub)) is not None:
                self._heard = time.monotonic()
                self._take_output(message)
                if self._heard >= until:
                    break
        if wire.shell in ready:
            while (message := wire.receive(wire.shell)) is not None:
                self._take_reply(message)
        if wire.control in ready:
            while wire.receive(wire.control) is not None:
                pass
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + _CHECK_S
            self._check(now)

    def _take_reply(self, message: Message) -> None:
        request = self._requests.get(message.parent_id or "")
        if request is None:
            self._replies[message.parent_id or ""] = message.content
            return
        request.reply = message.content
        request.replied_at = time.monotonic()
        request.timing["shell.execute_reply"] = message.date
        if isinstance(message.content.get("execution_count"), int):
            request.execution_count = message.content["execution_count"]
        if request.cell_index is None and self._threads is None:
            self._threads = _threads_in(message.content)

    def _take_output(self, message: Message) -> None:
        if message.kind.startswith("comm_"):
            self._widgets.take_comm(message)
            return
        request = self._requests.get(message.parent_id or "")
        index = request.cell_index if request is not None else None
        if index is None and (request is not None or message.parent_id is None):
            # Threads print under the kernel's latest request, be it one of ours.
            index = self._last_index
        if request is not None and self._take_progress(request, message):
            return
        if index is not None:
            self._take_cell_output(index, request, message)

    def _take_progress(self, request: _Request, message: Message) -> bool:
        """Note what a message says about the request itself; `False` when it is output."""
        if message.kind == "status":
            state = message.content.get("execution_state")
            request.timing[f"iopub.status.{state}"] = message.date
            request.is_idle = request.is_idle or state == "idle"
        elif message.kind == "execute_input":
            request.timing["iopub.execute_input"] = message.date
            if isinstance(message.content.get("execution_count"), int):
                request.execution_count = message.content["execution_count"]
        else:
            return False
        return True

    def _take_cell_output(self, index: int, request: _Request | None, message: Message) -> None:
        content = message.content
        if message.kind == "clear_output":
            if not self._widgets.capture_clear(message):
                wait = bool(content.get("wait"))
                self._recorder.record("outputs_cleared", cell_index=index, wait=wait)
            return
        transient = content.get("transient")
        display_id = transient.get("display_id") if isinstance(transient, dict) else None
        if message.kind == "update_display_data":
            if display_id:
                self._recorder.record(
                    "output_updated",
                    cell_index=index,
                    display_id=display_id,
                    data=_mapping(content.get("data")),
                    metadata=_mapping(content.get("metadata")),
                )
            return
        output = _output_of(message)
        if output is None or self._widgets.capture(output, message):
            return
        if message.kind == "stream":
            self._recorder.stream(index, output["name"], output["text"])
            return
        extra = {"display_id": display_id} if display_id else {}
        self._recorder.record("output", cell_index=index, output=output, **extra)
        if message.kind == "error":
            self._recorder.log_error(content, cell_index=index)
            if request is not None:
                request.exception = content

    def _keep_widget(self, comm_id: str, state: JSONObject, buffers: list[JSONObject]) -> None:
        self._recorder.record("widget_updated", comm_id=comm_id, state=state, buffers=buffers)

    def _tell_widget(self, comm_id: str, state: JSONObject, parent: JSONObject) -> None:
        data = {"method": "update", "state": state, "buffer_paths": []}
        content = {"comm_id": comm_id, "data": data}
        self._wire.send(self._wire.shell, "comm_msg", content, parent=parent)

    def _drain(self) -> None:
        """Take what threads still print after the last cell, if there are such threads."""
        self._obeys = False
        if not self._is_ipython:
            self._drain_quietly(_DRAIN_UNKNOWN_S)
            return
        start = self._heard = time.monotonic()
        # Each answer also flushes what the kernel has collected until then.
        while (threads := self._count_threads()) is not None and threads > (self._threads or 0):
            now = time.monotonic()
            if now - self._heard > _DRAIN_QUIET_S or now - start > _DRAIN_LONGEST_S:
                break
            self._drain_quietly(_DRAIN_UNKNOWN_S)

    def _count_threads(self) -> int | None:
        """Ask how many threads the kernel has; `None` when it does not say."""
        heard = self._heard
        question = self._ask()
        deadline = time.monotonic() + _DRAIN_LONGEST_S
        while not self._is_done(question) and time.monotonic() < deadline:
            self._pump(_DRAIN_UNKNOWN_S)
            if self._kernel is None or self._kernel.exit_code is not None:
                break  # `exit()` in the last cell
        self._heard = heard
        return _threads_in(question.reply or {})

    def _drain_quietly(self, quiet_s: float) -> None:
        """Receive until nothing comes for a while; obey nobody meanwhile."""
        if not hasattr(self, "_wire"):
            return
        obeyed, self._obeys = self._obeys, False
        start = time.monotonic()
        while (now := time.monotonic()) - max(self._heard, start) < quiet_s:
            if now - start > _DRAIN_LONGEST_S:
                break
            self._pump(quiet_s / 4)
        self._obeys = obeyed

    # ------------------------------------------------------------ looking after

    def _check(self, now: float) -> None:
        if hasattr(self, "_recorder"):
            self._widgets.synchronise()
            self._recorder.tick()
        if not self._obeys:
            return
        self._check_cancel()
        if self._kernel is not None and self._kernel.exit_code is not None and self._cares():
            raise _KernelDiedError
        if now >= self._next_measure:
            self._next_measure = now + _MEASURE_S
            self._check_memory()
        self._check_time(now)

    def _cares(self) -> bool:
        """Whether the kernel is still needed; after the last cell it may go."""
        return self._current is not None or self._started_at is None

    def _is_cancelled(self) -> bool:
        return (self._directory / files.CANCEL).exists()

    def _check_cancel(self) -> None:
        if self._is_cancelled():
            raise _StoppedError(Ending(status=Status.CANCELLED, message="Cancelled."))

    def _check_memory(self) -> None:
        if self._kernel is None:
            return
        limit = self._task.limits.memory_bytes
        if limit is None:
            self._memory = max(self._memory, system.resident_bytes(self._kernel.pid))
            return
        self._memory = system.measure_memory(self._kernel.pid)
        if self._memory > limit:
            raise _StoppedError(
                Ending(
                    status=Status.FAILED,
                    reason=Reason.OUT_OF_MEMORY,
                    message=f"Stopped at the memory limit: used {_gigabytes(self._memory)} "
                    f"of {_gigabytes(limit)} GB.",
                ),
                at_once=True,
            )

    def _check_time(self, now: float) -> None:
        limits = self._task.limits
        ran_s = now - self._started
        if self._started_at is None:
            return
        if limits.run_time_s is not None and ran_s > limits.run_time_s:
            message = f"Stopped at the time limit: ran {ran_s:.1f} of {limits.run_time_s:g} s."
            raise _StoppedError(
                Ending(status=Status.FAILED, reason=Reason.TIME_LIMIT, message=message)
            )
        took_s = now - self._cell_started
        if self._cell_time_s is not None and self._current and took_s > self._cell_time_s:
            message = f"A cell exceeded its time limit: {took_s:.1f} of {self._cell_time_s:g} s."
            raise _StoppedError(
                Ending(status=Status.FAILED, reason=Reason.TIME_LIMIT, message=message)
            )
        silent_s = now - self._heard
        if limits.silence_s is not None and self._current and silent_s > limits.silence_s:
            message = (
                f"Stopped because nothing came for {silent_s:.1f} s; "
                f"the limit is {limits.silence_s:g} s."
            )
            raise _StoppedError(
                Ending(status=Status.FAILED, reason=Reason.STALLED, message=message)
            )

    def _stop(self, stopped: _StoppedError) -> Ending:
        """Interrupt, terminate, kill, each with its time; keep what the cell still says."""
        self._obeys = False
        kernel = self._kernel
        if kernel is not None and hasattr(self, "_wire"):
            if self._current is None or stopped.at_once:
                if self._started_at is None or stopped.at_once:
                    kernel.kill()
            elif not self._interrupt(kernel):
                kernel.terminate()
                if not self._wait_exit(kernel, _TERMINATE_GRACE_S):
                    kernel.kill()
            self._drain_quietly(_DRAIN_UNKNOWN_S)
        self._abort_cell()
        return stopped.ending

    def _interrupt(self, kernel: KernelProcess) -> bool:
        """Ask the running cell to end, twice; whether it did."""
        request = self._current
        assert request is not None
        for _ in range(2):
            if kernel.wants_interrupt_message:
                self._wire.send(self._wire.control, "interrupt_request", {})
            else:
                kernel.interrupt()
            deadline = time.monotonic() + _INTERRUPT_GRACE_S / 2
            while time.monotonic() < deadline and kernel.exit_code is None:
                if self._is_done(request):
                    return True
                self._pump(_CHECK_S / 2)
        return kernel.exit_code is not None

    def _wait_exit(self, kernel: KernelProcess, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while kernel.exit_code is None:
            if time.monotonic() >= deadline:
                return False
            self._pump(_CHECK_S / 2)
        return True


def _may_raise(cell: JSONObject) -> bool:
    from jupyter_async_exec.runner.rebuild import tags_of

    metadata = cell.get("metadata") or {}
    return "raises-exception" in tags_of(cell) or metadata.get("raises-exception") is True


def _is_success(ending: Ending | None) -> bool:
    return ending is not None and ending.status is Status.SUCCEEDED


def _output_of(message: Message) -> JSONObject | None:
    """Return a message as a notebook's output; `None` when it is none."""
    content = message.content
    match message.kind:
        case "stream":
            return {
                "output_type": "stream",
                "name": "stderr" if content.get("name") == "stderr" else "stdout",
                "text": str(content.get("text", "")),
            }
        case "display_data" | "execute_result":
            output: JSONObject = {
                "output_type": message.kind,
                "data": _mapping(content.get("data")),
                "metadata": _mapping(content.get("metadata")),
            }
            if message.kind == "execute_result":
                output["execution_count"] = content.get("execution_count")
            return output
        case "error":
            return {
                "output_type": "error",
                "ename": str(content.get("ename", "")),
                "evalue": str(content.get("evalue", "")),
                "traceback": [str(line) for line in content.get("traceback") or ()],
            }
    return None


def _mapping(value: Any) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _threads_in(reply: JSONObject) -> int | None:
    expression = (reply.get("user_expressions") or {}).get("threads") or {}
    text = str((expression.get("data") or {}).get("text/plain", ""))
    return int(text) if text.isdigit() else None


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {"papermill": version("papermill")}
    except PackageNotFoundError:
        return {}


def _gigabytes(size: int) -> str:
    digits = 1 if size >= _GIGABYTE else 2
    return f"{size / _GIGABYTE:.{digits}f}"
