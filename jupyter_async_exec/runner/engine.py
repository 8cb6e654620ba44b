"""Running a notebook's cells on a kernel and knowing, whatever happens, how it ended."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import parse_at
from jupyter_async_exec.core.execution import Reason
from jupyter_async_exec.core.secret_names import hidden_names, missing_secrets
from jupyter_async_exec.defaults import METRICS_VARIABLE
from jupyter_async_exec.errors import (
    AsyncExecError,
    InvalidRequestError,
    KernelMissingError,
    UnavailableError,
)
from jupyter_async_exec.runner import files, stopping, system
from jupyter_async_exec.runner.end_requests import name_of_signal
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
    write_result,
)
from jupyter_async_exec.runner.vault import read_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.runner.cells import CellRunner
    from jupyter_async_exec.runner.conversation import Conversation, Request
    from jupyter_async_exec.runner.recorder import Recorder
    from jupyter_async_exec.runner.task import Task
    from jupyter_async_exec.runner.warm.spare import Spare

_log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
_STARTS = 2
_TURN_S = 0.1


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
        #: As `execution_started` says, and on the monotonic clock.
        self._started_at: str | None = None
        self._started = 0.0
        self._cells: CellRunner | None = None
        #: By a cancel or a limit.
        self._is_stopped = False
        #: Whether the kernel's session is as nice as the kernel is.
        self._has_yielded = False

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
            return self._run_cells(conversation, info)
        except StoppedError as stopped:
            return self._stop(stopped)
        except KernelDiedError:
            return self._explain_death()
        except AsyncExecError as error:
            return fail(Reason.INTERNAL, error.message)
        except Exception as error:  # noqa: BLE001  the runner around a notebook tells, whatever comes
            _log.exception("attempt %s failed inside the engine", self._task.cookie)
            return fail(Reason.INTERNAL, f"The engine failed: {type(error).__name__}: {error}")

    def _run_cells(self, conversation: Conversation, info: JSONObject) -> Ending:
        from jupyter_async_exec.runner.cells import CellRunner

        def hand_over(index: int) -> None:
            if index == self._injected and self._secrets:
                self._hand_over_secrets(conversation)

        self._cells = CellRunner(conversation, self._recorder, after_cell=hand_over)
        if not conversation.is_ipython:
            self._cells.record_kernel(info)
        return self._cells.run(self._cells_total or 0)

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
        hidden = hidden_names(self._task.parameters)
        missing = [name for name in hidden if name not in self._secrets]
        if missing:
            raise missing_secrets(missing)
        self._redactor = Redactor(self._secrets.values())
        self._recorder.keep_out(self._redactor)

    def _hand_over_secrets(self, conversation: Conversation) -> None:
        """Set the secrets in the kernel, in no cell and no history, and forget where they lay.

        Raises
        ------
        KernelDiedError
            It ended meanwhile; no cell runs, so `_check` would let it.
        UnavailableError
            The kernel did not take them.
        """
        from jupyter_async_exec.runner.parameters import translate

        code = translate(self._secrets, kernel_name=self._task.kernel_name, language=self._language)
        request = conversation.set_unseen(code)
        while not conversation.is_done(request):
            if conversation.kernel.exit_code is not None:
                raise KernelDiedError
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
        self._has_yielded = False
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
                if spare is None:
                    return conversation, conversation.wait_ready(self._start_timeout_s)
                conversation.move_in(self._task.folder, self._variables, self._start_timeout_s)
                return conversation, spare.info
            except KernelDiedError:
                if tried == _STARTS:
                    raise
                conversation.close()
                self._kernel.kill()
                self._kernel.wait(stopping.TERMINATE_GRACE_S)
                # By the surest way there is.
                self._start = start_process
                self._kernel = self._start_kernel(self._spec)
                self._watch.take_kernel(self._kernel.pid)
        raise AssertionError("unreachable")

    def _end_kernel(self) -> None:
        if self._kernel is not None:
            stopping.end(self._kernel, self._conversation, is_stopped=self._is_stopped)

    def _explain_death(self) -> Ending:
        if self._conversation is not None:
            self._conversation.drain_quietly()
        self._abort_cell()
        assert self._kernel is not None
        code = self._kernel.exit_code
        where = "while it was starting"
        if self._running is not None and self._running.cell_index is not None:
            where = f"while cell {self._running.cell_index + 1} was running"
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

    # ------------------------------------------------------------ looking after

    def _check(self) -> None:
        """See whether it has to end; called ten times a second while something runs."""
        self._watch.check_cancel()
        kernel = self._kernel
        assert kernel is not None
        is_running = self._running is not None
        # After the last cell it may go.
        if kernel.exit_code is not None and (is_running or self._started_at is None):
            raise KernelDiedError
        self._has_yielded = self._has_yielded or system.yield_as_session(kernel.pid)
        self._watch.check_memory()
        if self._started_at is not None and self._conversation is not None:
            now = time.monotonic()
            self._watch.check_times(
                ran_s=now - self._started,
                cell_s=now - self._cells.began if is_running and self._cells else None,
                silent_s=now - self._conversation.heard,
            )

    def _stop(self, stopped: StoppedError) -> Ending:
        """End the cell, or else the kernel; keep what the cell still says."""
        self._is_stopped = True
        if self._kernel is not None and self._conversation is not None:
            at_once = stopped.at_once or self._started_at is None
            stopping.stop(self._conversation, self._running, at_once=at_once)
        self._abort_cell()
        return stopped.ending

    def _abort_cell(self) -> None:
        if self._conversation is not None:
            self._conversation.synchronise()
        if self._cells is not None:
            self._cells.abort()

    @property
    def _running(self) -> Request | None:
        """The request of the cell now running."""
        return None if self._cells is None else self._cells.current


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
