"""The small process above engine and kernel: it outlives the server and leaves nothing behind.

::

    supervisor      own session, adopts orphans, holds the life lock
    ├── guard       waits for the supervisor's death, then ends what is left
    └── engine      dies with the supervisor
        └── kernel  dies with the engine
            └── …   whatever the notebook starts

The life lock is held by the first three, so that it is free only when nothing
of the attempt acts any more.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.runner import files, system
from jupyter_async_exec.runner.becoming import Become
from jupyter_async_exec.runner.bell import Bell
from jupyter_async_exec.runner.json_text import encode_json
from jupyter_async_exec.runner.kernel import StartProcess, start_process
from jupyter_async_exec.runner.lock import take_lock
from jupyter_async_exec.runner.processes import (
    COOKIE,
    Process,
    find_descendants,
    find_marked,
    identify,
    kill_all,
    send,
    wait_gone,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject

_log = logging.getLogger(__name__)

_TICK_S = 0.5
#: The engine needs less than 7 s for a cancel; a stuck one is ended, so that it is always below 10.
_CANCEL_DEADLINE_S = 8.0
#: After its result the engine only ends the kernel.
_RESULT_DEADLINE_S = 10.0
_TERMINATE_GRACE_S = 0.3
_KILL_PATIENCE_S = 4.0
_SIGNALS = (
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD} if os.name == "posix" else set()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a runner gets on its way besides its directory."""

    #: Rings where the runner was started.
    bell: Bell = field(default_factory=lambda: Bell(None))
    #: Makes kernel processes.
    start: StartProcess = start_process
    #: A kernel to have ready before there is a task; needs a bell.
    spare_kernel: str | None = None
    #: Added niceness while there is no task to say it.
    nice: int = 0


def supervise(directory: Path, lock: int | None = None, equipment: Equipment | None = None) -> int:
    """Run the attempt in `directory` to its end; return the exit code of this process.

    Parameters
    ----------
    directory
        A prepared attempt; of a spare the current folder, which becomes one by
        being renamed.
    lock
        Descriptor of the life lock, inherited; `None` to take it.
    equipment
        What else there is.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    equipment = equipment or Equipment()
    if lock is None:
        lock = take_lock(directory)
    else:
        os.set_inheritable(lock, False)
    if os.name != "posix":
        return _run_engine(directory, _make_socket_folder(), equipment)
    return _Supervisor(directory, equipment).run()


class _Supervisor:
    """State of the one supervisor in this process (POSIX)."""

    def __init__(self, directory: Path, equipment: Equipment) -> None:
        self._directory = directory
        self._equipment = equipment
        self._cookie = os.environ.get(COOKIE, "")
        own = identify(os.getpid())
        assert own is not None
        self._own = own
        self._evidence: JSONObject = {
            "pid": own.pid,
            "started": own.started,
            "cookie": self._cookie,
        }
        self._oom_kills = system.count_oom_kills()
        self._has_task = equipment.spare_kernel is None
        self._cancelled_at: float | None = None
        self._result_at: float | None = None

    def run(self) -> int:
        """Start guard and engine, wait for the engine, clean up, make sure of a result."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        system.adopt_orphans()
        sockets = _make_socket_folder()
        self._evidence["sockets"] = str(sockets)
        self._note()
        sense, alive = os.pipe()
        guard = self._fork_guard(sense, alive, sockets)
        os.close(sense)
        engine = self._fork_engine(alive, sockets)
        status = self._wait(engine)
        self._note_end(status)
        self._clear(keep=guard)
        self._conclude()
        shutil.rmtree(sockets, ignore_errors=True)
        kill_all([guard])
        return 0

    # ------------------------------------------------------------ children

    def _fork_engine(self, alive: int, sockets: Path) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid

        def run() -> int:
            system.die_with_parent(parent)
            os.close(alive)
            signal.signal(signal.SIGTERM, lambda *_: files.request_cancel(self._directory))
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            try:
                code = _run_engine(self._directory, sockets, self._equipment)
            except Exception:  # noqa: BLE001  whatever it is, the supervisor has to hear of it
                _log.exception("the engine failed")
                code = 1
            sys.stderr.flush()
            os._exit(code)

        raise Become(run)

    def _fork_guard(self, sense: int, alive: int, sockets: Path) -> Process:
        pid = os.fork()
        if pid:
            guard = identify(pid)
            assert guard is not None
            return guard
        try:
            os.close(alive)
            _guard(sense, self._cookie, self._own)
            shutil.rmtree(sockets, ignore_errors=True)
        finally:
            os._exit(0)

    def _wait(self, engine: int) -> int:
        """Wait for the engine, reap everyone else; see to it that a cancel comes to an end."""
        while True:
            received = signal.sigtimedwait(_SIGNALS, _TICK_S)
            if received is not None and received.si_signo != signal.SIGCHLD:
                files.request_cancel(self._directory)
            while (ended := _reap()) is not None:
                if ended[0] == engine:
                    return ended[1]
            self._watch(engine)

    def _watch(self, engine: int) -> None:
        now = time.monotonic()
        if not self._has_task and (self._directory / files.TASK).exists():
            # Whatever was killed while we waited was not ours.
            self._has_task = True
            self._oom_kills = system.count_oom_kills()
        if self._result_at is None and (self._directory / files.RESULT).exists():
            self._result_at = now
        if self._cancelled_at is None and (self._directory / files.CANCEL).exists():
            self._cancelled_at = now
        if self._result_at is not None:
            is_late = now - self._result_at > _RESULT_DEADLINE_S
        elif self._cancelled_at is not None:
            is_late = now - self._cancelled_at > _CANCEL_DEADLINE_S
        else:
            return
        if is_late:
            os.kill(engine, signal.SIGKILL)

    # ------------------------------------------------------------ the end

    def _note(self) -> None:
        files.write_whole(self._directory / files.SUPERVISOR, encode_json(self._evidence))

    def _note_end(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        self._evidence["engine_ended"] = {
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "out_of_memory": system.count_oom_kills() > self._oom_kills,
        }
        if code:
            _try_to(self._note)

    def _clear(self, *, keep: Process) -> None:
        """End every process of the attempt but us and the guard."""
        # Twice: a list of children may miss one while another ends.
        left = self._find(keep) or self._find(keep)
        for process in left:
            send(process, signal.SIGTERM)
        deadline = time.monotonic() + _TERMINATE_GRACE_S
        while left and time.monotonic() < deadline:
            time.sleep(0.01)
            _reap_all()
            left = self._find(keep)
        deadline = time.monotonic() + _KILL_PATIENCE_S
        while left and time.monotonic() < deadline:
            kill_all(left)
            time.sleep(0.01)
            _reap_all()
            left = self._find(keep)
        if left:
            _log.error("processes %s do not end", [process.pid for process in left])

    def _find(self, keep: Process) -> set[Process]:
        """Return what is left of the attempt; on Linux every orphan has come to us."""
        found = set(find_descendants(self._own))
        if not system.ADOPTS and self._cookie:
            found |= set(find_marked(self._cookie, not_before=self._own.started))
        return found - {self._own, keep}

    def _conclude(self) -> None:
        """Write the result the engine did not live to write."""
        from jupyter_async_exec.runner.result import read_result

        if not (self._directory / files.TASK).exists():
            return  # a spare nobody needed

        def conclude() -> None:
            if read_result(self._directory) is None:
                from jupyter_async_exec.runner.conclude import conclude_attempt

                conclude_attempt(self._directory)

        _try_to(conclude)


def _run_engine(directory: Path, sockets: Path, equipment: Equipment) -> int:
    from jupyter_async_exec.runner.engine import Engine
    from jupyter_async_exec.runner.task import read_task

    spare = None
    if equipment.spare_kernel is not None:
        from jupyter_async_exec.runner.warm.spare import await_task

        _be_nice(equipment.nice)
        spare = await_task(equipment, sockets)
        if spare is None:
            return 0
    task = read_task(directory)
    if spare is None:
        _be_nice(task.nice)
    Engine(
        directory,
        task=task,
        sockets=sockets,
        spare=spare,
        start=equipment.start,
        news=equipment.bell.ring,
    ).run()
    return 0


def _be_nice(nice: int) -> None:
    if hasattr(os, "nice"):
        os.nice(nice)


def _guard(sense: int, cookie: str, supervisor: Process) -> None:
    """Sleep until the supervisor is gone, however, then end what it could not."""
    while os.read(sense, 1):
        pass
    own = identify(os.getpid())
    wait_gone([supervisor], timeout_s=_KILL_PATIENCE_S)
    deadline = time.monotonic() + _KILL_PATIENCE_S
    while time.monotonic() < deadline:
        left = set(find_marked(cookie, not_before=supervisor.started)) - {own}
        if not left:
            return
        for process in list(left):
            left |= set(find_descendants(process))
        kill_all(left - {own})
        time.sleep(0.02)


def _reap() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _reap_all() -> None:
    while _reap() is not None:
        pass


def _try_to(act: Callable[[], object]) -> None:
    """Act; on a full or vanished disk the dispatcher concludes instead."""
    try:
        act()
    except Exception:  # noqa: BLE001  whatever it is, cleaning up goes on
        _log.exception("the end could not be written")


def _make_socket_folder() -> Path:
    """Make a private folder; socket paths may have about 100 characters in all."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and len(runtime) < 60 and os.access(runtime, os.W_OK):  # noqa: PLR2004
        return Path(tempfile.mkdtemp(prefix=files.SOCKETS_PREFIX, dir=runtime))
    return Path(tempfile.mkdtemp(prefix=files.SOCKETS_PREFIX))
