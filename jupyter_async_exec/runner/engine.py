"""Running a notebook's cells on a kernel and knowing, whatever happens, how it ended."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.clock import parse_at
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.core.secret_names import is_hidden, missing_secrets
from jupyter_async_exec.defaults import METRICS_VARIABLE
from jupyter_async_exec.errors import (
    AsyncExecError,
    InvalidRequestError,
    KernelMissingError,
    UnavailableError,
)
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.endings import Ending, KernelDiedError, StoppedError, fail
from jupyter_async_exec.runner.json_text import load_json
from jupyter_async_exec.runner.kernel import KernelProcess, StartProcess, start_process
from jupyter_async_exec.runner.kernelspec import KernelSpec, find_kernelspec
from jupyter_async_exec.runner.launch import safe_environment
from jupyter_async_exec.runner.limits import Watch
from jupyter_async_exec.runner.processes import COOKIE, Process
from jupyter_async_exec.runner.redaction import Redactor
from jupyter_async_exec.runner.result import (
    Result,
    describe_machine,
    error_to_json,
    name_of_signal,
    write_result,
)
from jupyter_async_exec.runner.vault import read_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.runner.conversation import Conversation, Request
    from jupyter_async_exec.runner.recorder import Recorder
    from jupyter_async_exec.runner.task import Task
    from jupyter_async_exec.runner.warm.spare import Spare

_log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
_STARTS = 2
_TURN_S = 0.1
#: From cancel to the next step, each: interrupt, terminate, kill.
_INTERRUPT_GRACE_S = 4.0
_TERMINATE_GRACE_S = 2.0
#: For what the notebook's own `atexit` functions do, until the kernel is asked once more, and in
#: all; jupyter_client waits 5 s, but within those everybody has to be gone. Nobody waits for it:
#: the end is known already.
_SHUTDOWN_GRACE_S = 2.0
_SHUTDOWN_LONGEST_S = 4.0


class Engine:
    """Runs one attempt in this process; the kernel is its child.

    Must be used by a thread that lives until the end, the main one by choice:
    on Linux the kernel dies with the thread that started it.

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
    spare
        A kernel that is ready already.
    start
        Makes kernel processes.
    adopter
        The supervisor, who adopts whom the kernel leaves.
    news
        Called when the execution has started and when its result is written.
    """

    def __init__(
        self,
        directory: Path,
        *,
        task: Task,
        sockets: Path,
        observer: Callable[[JSONObject], None] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
        cell_time_s: float | None = None,
        spare: Spare | None = None,
        start: StartProcess = start_process,
        adopter: Process | None = None,
        news: Callable[[], None] = lambda: None,
    ) -> None:
        self._directory = directory
        self._task = task
        self._sockets = sockets
        self._observer = observer
        self._start_timeout_s = start_timeout_s
        self._spare = spare
        self._start = start
        self._news = news
        self._watch = Watch(
            directory,
            task.limits,
            cell_time_s=cell_time_s,
            adopter=adopter,
            cookie=os.environ.get(COOKIE),
        )
        self._machine = describe_machine()
        self._spec: KernelSpec | None = None
        self._kernel: KernelProcess | None = None
        self._conversation: Conversation | None = None
        self._recorder: Recorder
        self._secrets: dict[str, JSONValue] = {}
        self._redactor = Redactor()
        #: Position of the cell with the parameters.
        self._injected: int | None = None
        self._cells_total: int | None = None
        self._knows_environment = False
        #: As `execution_started` says, and on the monotonic clock.
        self._started_at: str | None = None
        self._started = 0.0
        #: The cell's request now running, and since when.
        self._current: Request | None = None
        self._cell_started = 0.0
        #: By a cancel or a limit.
        self._is_stopped = False

    # ------------------------------------------------------------ the whole

    def run(self) -> Result:
        """Run to the end and leave notebook and result; never raises because of a notebook."""
        try:
            ending = self._begin()
            source = self._read_source()
            self._open(source)
            if ending is None:
                ending = self._execute(source)
            return self._finish(ending)
        except BaseException:
            # Such as Ctrl-C in plain papermill: what came so far is on record.
            if hasattr(self, "_recorder"):
                self._recorder.flush()
            raise
        finally:
            self._end_kernel()

    def _begin(self) -> Ending | None:
        """Start the kernel first: it boots while we read and import."""
        try:
            self._watch.check_cancel()
            if self._spare is not None:
                self._spec, self._kernel = self._spare.spec, self._spare.kernel
            else:
                self._spec = find_kernelspec(self._task.kernel_name)
                self._kernel = self._start_kernel(self._spec)
            self._watch.take_kernel(self._kernel.pid)
        except StoppedError as stopped:
            return stopped.ending
        except KernelMissingError as error:
            return fail(Reason.KERNEL_MISSING, error.message)
        except OSError as error:
            there = Path(self._task.folder).is_dir()
            return fail(
                Reason.KERNEL_MISSING if there else Reason.INTERNAL,
                f"The kernel {self._task.kernel_name!r} could not be started: {error}",
            )
        return None

    def _read_source(self) -> JSONObject:
        source = load_json((self._directory / files.SOURCE).read_bytes())
        if not isinstance(source, dict) or not isinstance(source.get("cells"), list):
            raise InvalidRequestError(f"{files.SOURCE} is not a notebook.")
        return source

    def _open(self, source: JSONObject) -> None:
        from jupyter_async_exec.runner.recorder import Recorder

        self._recorder = Recorder(
            self._directory, source=source, task=self._task, observer=self._observer
        )

    def _execute(self, source: JSONObject) -> Ending:
        try:
            injected = self._translate(source)
            conversation, info = self._connect()
            self._record_start(injected, info)
            if not conversation.is_ipython:
                self._record_kernel(info)
            return self._run_cells(conversation)
        except StoppedError as stopped:
            return self._stop(stopped)
        except KernelDiedError:
            return self._explain_death()
        except AsyncExecError as error:
            return fail(Reason.INTERNAL, error.message)
        except Exception as error:  # noqa: BLE001  the runner around a notebook tells, whatever comes
            _log.exception("attempt %s failed inside the engine", self._task.cookie)
            return fail(Reason.INTERNAL, f"The engine failed: {type(error).__name__}: {error}")

    def _translate(self, source: JSONObject) -> JSONObject | None:
        from jupyter_async_exec.runner.parameters import inject

        self._open_secrets()
        injected = inject(
            source,
            self._task.parameters,
            kernel_name=self._task.kernel_name,
            language=self._language,
            cell_id=f"injected-{self._task.execution_id[:8]}",
        )
        self._injected = None if injected is None else injected["cell_index"]
        return injected

    @property
    def _language(self) -> str:
        assert self._spec is not None
        return self._task.language or self._spec.language

    def _open_secrets(self) -> None:
        path = self._task.secrets_path
        self._secrets = {} if path is None else read_secrets(Path(path))
        hidden = [name for name, value in self._task.parameters.items() if is_hidden(value)]
        missing = [name for name in hidden if name not in self._secrets]
        if missing:
            raise missing_secrets(missing)
        self._redactor = Redactor(self._secrets.values())

    def _hand_over_secrets(self, conversation: Conversation) -> None:
        """Set the secrets in the kernel, in no cell and no history, and forget where they lay.

        Raises
        ------
        UnavailableError
            The kernel did not take them.
        """
        from jupyter_async_exec.runner.parameters import translate

        code = translate(self._secrets, kernel_name=self._task.kernel_name, language=self._language)
        request = conversation.set_unseen(code)
        while not conversation.is_done(request):
            conversation.pump(_TURN_S)
        if (request.reply or {}).get("status") != "ok":
            raise UnavailableError("The kernel did not take the secret parameters.")
        self._secrets = {}
        with contextlib.suppress(OSError):
            Path(str(self._task.secrets_path)).unlink(missing_ok=True)

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
        self._recorder.flush()
        self._news()

    def _finish(self, ending: Ending) -> Result:
        """Write the end: notebook, journal, result, in this order."""
        from jupyter_async_exec.runner.journal import DISK_PATIENCE_S

        self._remark_outputs()
        deadline = time.monotonic() + DISK_PATIENCE_S
        while True:
            record = self._end(ending)
            try:
                self._recorder.save()
                break
            except OSError as error:
                if time.monotonic() < deadline and not self._watch.is_cancelled:
                    time.sleep(1.0)
                    continue
                message = f"The executed notebook could not be written: {error}"
                ending = fail(Reason.INTERNAL, message, error=ending.error)
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
        self._news()
        return result

    def _remark_outputs(self) -> None:
        limit = self._task.limits.output_bytes
        if limit is None:
            return
        # What came fast is collected, and is part of the outputs.
        with contextlib.suppress(OSError):  # the end, which comes next, bears a full disk
            self._recorder.flush()
        if self._recorder.notebook.is_shortened:
            self._recorder.record(
                "remark",
                kind="output_limit",
                message=f"The outputs exceed the limit of {limit:,} bytes: the notebook keeps "
                "the head and the tail of what is longer, the log has all text.",
            )

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

    @property
    def _variables(self) -> dict[str, str]:
        """What the kernel's environment says of this attempt."""
        metrics = self._directory.absolute() / files.METRICS
        return self._task.variables | {METRICS_VARIABLE: str(metrics)}

    def _start_kernel(self, spec: KernelSpec) -> KernelProcess:
        task = self._task
        environment = {
            **safe_environment(os.environ),
            **self._variables,
            # A spare's kernel carries the mark the spare began with.
            COOKIE: os.environ.get(COOKIE, task.cookie),
        }
        return KernelProcess(
            spec,
            cwd=task.folder,
            environment=environment,
            folder=self._sockets,
            start=self._start,
        )

    def _connect(self) -> tuple[Conversation, JSONObject]:
        """Wait until the kernel talks with us; give it one more try if it does not."""
        from jupyter_async_exec.runner.conversation import Conversation

        assert self._spec is not None
        assert self._kernel is not None
        for tried in range(1, _STARTS + 1):
            spare, self._spare = self._spare, None
            conversation = self._conversation = Conversation(
                self._kernel,
                recorder=self._recorder,
                check=self._check,
                wire=None if spare is None else spare.wire,
                redactor=self._redactor,
            )
            try:
                info = conversation.wait_ready(self._start_timeout_s)
                if spare is not None:
                    conversation.move_in(self._task.folder, self._variables, self._start_timeout_s)
                return conversation, info
            except KernelDiedError:
                if tried == _STARTS:
                    raise
                conversation.close()
                self._kernel.kill()
                self._kernel.wait(_TERMINATE_GRACE_S)
                # By the surest way there is.
                self._start = start_process
                self._kernel = self._start_kernel(self._spec)
                self._watch.take_kernel(self._kernel.pid)
        raise AssertionError("unreachable")

    def _end_kernel(self) -> None:
        """Let `atexit` in the kernel run, for a moment; then end it."""
        kernel, conversation = self._kernel, self._conversation
        if kernel is None:
            return
        if kernel.exit_code is None and conversation is not None:
            conversation.shut_down()
            # Whoever was stopped by a cancel or a limit has been asked to end already.
            if not kernel.wait(_SHUTDOWN_GRACE_S) and not self._is_stopped:
                conversation.insist()
                kernel.wait(_SHUTDOWN_LONGEST_S - _SHUTDOWN_GRACE_S)
        if kernel.exit_code is None:
            kernel.terminate()
            kernel.wait(0.3)
        if kernel.exit_code is None:
            kernel.kill()
            kernel.wait(_TERMINATE_GRACE_S)
        if conversation is not None:
            conversation.close()

    def _explain_death(self) -> Ending:
        if self._conversation is not None:
            self._conversation.drain_quietly()
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
        if code == -getattr(signal, "SIGKILL", 9):
            ending = self._watch.explain_kill(where)
            if ending is not None:
                return ending
        return fail(Reason.KERNEL_DIED, f"The kernel {how} {where}.")

    # ------------------------------------------------------------ the cells

    def _run_cells(self, conversation: Conversation) -> Ending:
        from jupyter_async_exec.runner import environment
        from jupyter_async_exec.runner.rebuild import runs

        left = self._cells_total or 0
        is_first = True
        for index, cell in enumerate(self._recorder.notebook.cells):
            if not runs(cell):
                self._skip(index, cell)
                continue
            ending = self._run_cell(conversation, index, cell, is_first=is_first, is_last=left == 1)
            is_first = False
            left -= 1
            if ending is not None:
                conversation.drain()
                if conversation.is_ipython and not self._knows_environment:
                    # Its first cell failed: only one that succeeds answers.
                    self._record_environment(conversation.ask(environment.QUESTION))
                return self._early(ending, index, left)
            if index == self._injected and self._secrets:
                self._hand_over_secrets(conversation)
        conversation.drain()
        return Ending(status=Status.SUCCEEDED)

    def _skip(self, index: int, cell: JSONObject) -> None:
        from jupyter_async_exec.runner.rebuild import SKIP_TAGS, tags_of

        if cell.get("cell_type") == "code" and not SKIP_TAGS.isdisjoint(tags_of(cell)):
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

    def _run_cell(
        self,
        conversation: Conversation,
        index: int,
        cell: JSONObject,
        *,
        is_first: bool,
        is_last: bool,
    ) -> Ending | None:
        """Run one cell; `None` to go on."""
        from jupyter_async_exec.runner import verdict
        from jupyter_async_exec.runner.rebuild import source_of

        source = source_of(cell)
        allowed = verdict.may_raise(cell)
        asks = self._questions(source) if conversation.is_ipython else {}
        self._recorder.record("cell_started", cell_index=index)
        # Whoever finds this record knows that code may have run.
        self._recorder.flush(durable=is_first)
        self._cell_started = time.monotonic()
        self._current = request = conversation.execute(
            source, index, is_last=is_last, stop_on_error=not allowed, user_expressions=asks
        )
        while not conversation.is_done(request):
            conversation.pump(_TURN_S)
        self._current = None
        conversation.synchronise()
        ending = verdict.judge(request, notebook=self._recorder.notebook, allowed=allowed)
        failed = (request.reply or {}).get("status") != "ok"
        left = ending is not None and ending.status is Status.SUCCEEDED
        fields: dict[str, Any] = {"allowed": True} if failed and allowed else {}
        self._record_cell(request, "error" if failed and not left else "ok", **fields)
        self._record_environment(request.reply or {})
        code = verdict.exit_code_in(request.reply or {})
        if code:
            self._recorder.record(
                "remark",
                kind="shell_exit_code",
                message=f"A shell command in cell {index + 1} ended with exit code {code}.",
                cell_index=index,
            )
        return ending

    def _questions(self, source: str) -> dict[str, str]:
        """Return what to ask IPython together with a cell."""
        from jupyter_async_exec.runner import environment, verdict

        shell = verdict.EXIT_CODE if verdict.has_shell(source) else {}
        return shell if self._knows_environment else {**shell, **environment.QUESTION}

    def _record_environment(self, reply: JSONObject) -> None:
        """Record what the notebook runs in, once, if the kernel said it."""
        from jupyter_async_exec.runner.environment import environment_in

        found = None if self._knows_environment else environment_in(reply)
        if found is not None:
            self._knows_environment = True
            self._recorder.record("environment", environment=found)

    def _record_kernel(self, info: JSONObject) -> None:
        from jupyter_async_exec.runner.environment import describe_kernel

        language = info.get("language_info")
        found = describe_kernel(language if isinstance(language, dict) else {})
        self._recorder.record("environment", environment=found)

    def _record_cell(self, request: Request, status: str, **fields: Any) -> None:
        self._recorder.record(
            "cell_finished",
            cell_index=request.cell_index,
            status=status,
            execution_count=request.execution_count,
            timing=request.timing,
            **fields,
        )

    def _abort_cell(self) -> None:
        """Record that the running cell came to no end of its own."""
        if self._conversation is not None:
            self._conversation.synchronise()
        if self._current is not None:
            self._record_cell(self._current, "aborted")

    # ------------------------------------------------------------ looking after

    def _check(self) -> None:
        """See whether it has to end; called ten times a second while something runs."""
        self._watch.check_cancel()
        kernel = self._kernel
        assert kernel is not None
        is_running = self._current is not None
        # After the last cell it may go.
        if kernel.exit_code is not None and (is_running or self._started_at is None):
            raise KernelDiedError
        self._watch.check_memory()
        if self._started_at is not None and self._conversation is not None:
            now = time.monotonic()
            self._watch.check_times(
                ran_s=now - self._started,
                cell_s=now - self._cell_started if is_running else None,
                silent_s=now - self._conversation.heard,
            )

    def _stop(self, stopped: StoppedError) -> Ending:
        """Interrupt, terminate, kill, each with its time; keep what the cell still says."""
        self._is_stopped = True
        kernel, conversation = self._kernel, self._conversation
        if kernel is not None and conversation is not None:
            conversation.disobey()
            if stopped.at_once or self._started_at is None:
                kernel.kill()
            elif self._current is not None and not self._interrupt(conversation, self._current):
                kernel.terminate()
                if not _wait_exit(conversation, _TERMINATE_GRACE_S):
                    kernel.kill()
            conversation.drain_quietly()
        self._abort_cell()
        return stopped.ending

    def _interrupt(self, conversation: Conversation, request: Request) -> bool:
        """Ask the running cell to end, twice; whether it did."""
        for _ in range(2):
            conversation.interrupt()
            deadline = time.monotonic() + _INTERRUPT_GRACE_S / 2
            while time.monotonic() < deadline and conversation.kernel.exit_code is None:
                if conversation.is_done(request):
                    return True
                conversation.pump(_TURN_S / 2)
        return conversation.kernel.exit_code is not None


def _wait_exit(conversation: Conversation, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while conversation.kernel.exit_code is None:
        if time.monotonic() >= deadline:
            return False
        conversation.pump(_TURN_S / 2)
    return True


def rehearse() -> None:
    """Find out what every engine has to, so that those forked from this process know it."""
    from jupyter_async_exec.runner.environment import describe_hardware

    describe_machine()
    describe_hardware()
    _versions()
    with contextlib.suppress(KernelMissingError):
        find_kernelspec("python3")


@functools.cache
def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {"papermill": version("papermill")}
    except PackageNotFoundError:
        return {}
