"""The small process above engine and kernel: it outlives the server and leaves nothing behind.

::

    guard               own session; sleeps until the supervisor ends, then ends what is left
    └── supervisor      adopts orphans, ends them with the attempt
        └── engine      dies with the supervisor
            └── kernel  dies with the engine
                └── …   whatever the notebook starts

An orphan goes to the nearest of its forefathers that adopts: to the supervisor
as long as that lives, then to the guard. So whichever of them is killed, nobody
below escapes, not even a daemon that has thrown away its environment.

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
from jupyter_async_exec.runner.cgroup import remove_group
from jupyter_async_exec.runner.end_requests import (
    describe_signal,
    is_requested,
    name_of_signal,
    note_signal,
)
from jupyter_async_exec.runner.json_text import encode_json
from jupyter_async_exec.runner.kernel import StartProcess, start_process
from jupyter_async_exec.runner.lock import take_lock
from jupyter_async_exec.runner.processes import (
    COOKIE,
    Process,
    find_descendants,
    find_marked,
    identify,
    is_alive,
    kill_all,
    send,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject

_log = logging.getLogger(__name__)

_TICK_S = 0.5
#: The engine needs less than 6 s for a cancel; a stuck one is ended, so that it is always below 10.
_CANCEL_DEADLINE_S = 7.0
#: The same before its journal begins, when there is nothing to keep and no code to interrupt.
_EARLY_CANCEL_DEADLINE_S = 3.0
#: After its result the engine only ends the kernel.
_RESULT_DEADLINE_S = 10.0
_TERMINATE_GRACE_S = 0.3
_KILL_PATIENCE_S = 4.0
#: Bytes of the path in which the folder of sockets is made.
_LONGEST_PARENT = 60
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
    own = _identify_self()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    system.adopt_orphans()
    sockets = _make_socket_folder()
    pid = os.fork()
    if not pid:
        code = _Supervisor(directory, equipment, guard=own, sockets=sockets).run()
        sys.stderr.flush()
        os._exit(code)
    equipment.bell.close()
    _guard(pid, directory)
    if _end_rest(own):
        remove_group(os.environ.get(COOKIE, ""))
    shutil.rmtree(sockets, ignore_errors=True)
    return 0


class _Supervisor:
    """State of the one supervisor in this process (POSIX).

    Parameters
    ----------
    directory, equipment
        As `supervise` got them.
    guard
        Our parent.
    sockets
        Private folder, removed at the end.
    """

    def __init__(
        self, directory: Path, equipment: Equipment, *, guard: Process, sockets: Path
    ) -> None:
        self._directory = directory
        self._equipment = equipment
        self._guard = guard
        self._sockets = sockets
        self._cookie = os.environ.get(COOKIE, "")
        self._own = _identify_self()
        self._evidence: JSONObject = {
            "pid": self._own.pid,
            "started": self._own.started,
            "guard": {"pid": guard.pid, "started": guard.started},
            "cookie": self._cookie,
            "sockets": str(sockets),
        }
        self._oom_kills = system.count_oom_kills()
        self._has_task = equipment.spare_kernel is None
        self._owner = _read_owner(directory) if self._has_task else None
        self._cancelled_at: float | None = None
        self._result_at: float | None = None

    def run(self) -> int:
        """Start the engine, wait for it, clean up, make sure of a result."""
        system.adopt_orphans()
        self._note()
        engine = self._fork_engine()
        status = self._wait(engine)
        self._note_end(status)
        self._clear()
        remove_group(self._cookie)
        self._conclude()
        shutil.rmtree(self._sockets, ignore_errors=True)
        return 0

    # ------------------------------------------------------------ the engine

    def _fork_engine(self) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid

        def run() -> int:
            system.die_with_parent(parent)
            which = name_of_signal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, lambda *_: _ask_to_end(self._directory, which))
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            try:
                code = _run_engine(self._directory, self._sockets, self._equipment)
            except Exception:  # noqa: BLE001  whatever it is, the supervisor has to hear of it
                _log.exception("the engine failed")
                code = 1
            sys.stderr.flush()
            os._exit(code)

        raise Become(run)

    def _wait(self, engine: int) -> int:
        """Wait for the engine, reap everyone else; see to it that a cancel comes to an end."""
        while True:
            received = signal.sigtimedwait(_SIGNALS, _TICK_S)
            if received is not None and received.si_signo != signal.SIGCHLD:
                _ask_to_end(self._directory, describe_signal(received))
                if not self._has_task:
                    os.kill(engine, signal.SIGKILL)
            while (ended := _reap()) is not None:
                if ended[0] == engine:
                    return ended[1]
            self._watch(engine)

    def _watch(self, engine: int) -> None:
        now = time.monotonic()
        if _is_gone(self._directory):
            # Nothing can be kept, nobody can cancel it, and who looks for it finds nobody.
            os.kill(engine, signal.SIGKILL)
            return
        if not self._has_task and (self._directory / files.TASK).exists():
            # Whatever was killed while we waited was not ours.
            self._has_task = True
            self._owner = _read_owner(self._directory)
            self._oom_kills = system.count_oom_kills()
        if self._owner is not None and not is_alive(self._owner):
            self._evidence["owner_ended"] = True
            os.kill(engine, signal.SIGKILL)
            return
        if self._result_at is None and (self._directory / files.RESULT).exists():
            self._result_at = now
        if self._cancelled_at is None and is_requested(self._directory):
            self._cancelled_at = now
        if self._result_at is not None:
            is_late = now - self._result_at > _RESULT_DEADLINE_S
        elif self._cancelled_at is not None:
            is_late = now - self._cancelled_at > self._cancel_deadline_s()
        else:
            return
        if is_late:
            # Our child, not yet reaped: the id cannot be somebody else's.
            os.kill(engine, signal.SIGKILL)

    def _cancel_deadline_s(self) -> float:
        try:
            has_begun = (self._directory / files.JOURNAL).stat().st_size > 0
        except OSError:
            has_begun = False
        return _CANCEL_DEADLINE_S if has_begun else _EARLY_CANCEL_DEADLINE_S

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

    def _clear(self) -> None:
        """End every process of the attempt but us and the guard."""
        # Twice: a list of children may miss one while another ends.
        left = self._find() or self._find()
        for process in left:
            send(process, signal.SIGTERM)
        deadline = time.monotonic() + _TERMINATE_GRACE_S
        while left and time.monotonic() < deadline:
            time.sleep(0.01)
            _reap_all()
            left = self._find()
        if left:
            _kill_until_none(self._find)

    def _find(self) -> set[Process]:
        return _find_below(self._own, self._cookie) - {self._guard}

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
        adopter=identify(os.getppid()),
        start=equipment.start,
        news=equipment.bell.ring,
    ).run()
    return 0


def _be_nice(nice: int) -> None:
    if hasattr(os, "nice"):
        os.nice(nice)
        system.yield_as_session(os.getpid())
    if nice and hasattr(os, "sched_setscheduler"):
        # When it wakes up it waits until whoever works has had their turn (sched(7)).
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _guard(supervisor: int, directory: Path) -> None:
    """Sleep until the supervisor is gone, however; a signal to us is meant for the attempt."""
    while True:
        received = signal.sigwaitinfo(_SIGNALS)
        if received.si_signo != signal.SIGCHLD:
            _ask_to_end(directory, describe_signal(received))
            continue
        while (ended := _reap()) is not None:
            if ended[0] == supervisor:
                return


def _end_rest(own: Process) -> bool:
    """End what the supervisor could not; whether there was something, as when it was killed."""
    cookie = os.environ.get(COOKIE, "")

    def find() -> set[Process]:
        return _find_below(own, cookie)

    if not find() and not find():
        return False
    _kill_until_none(find)
    return True


def _find_below(own: Process, cookie: str) -> set[Process]:
    """Return what is left of the attempt; on Linux every orphan has come to us."""
    found = set(find_descendants(own))
    if not system.ADOPTS and cookie:
        found |= set(find_marked(cookie, not_before=own.started))
    return found - {own}


def _kill_until_none(find: Callable[[], set[Process]]) -> None:
    """Kill whom `find` names until it names nobody; the log tells who cannot be killed."""
    deadline = time.monotonic() + _KILL_PATIENCE_S
    before: set[Process] = set()
    while left := find():
        kill_all(left)
        _reap_all()
        if left == before:
            if time.monotonic() > deadline:
                _log.error("processes %s do not end", sorted(process.pid for process in left))
                return
            # They are on their way; those that fork meanwhile must not get ahead.
            time.sleep(0.01)
        before = left


def _ask_to_end(directory: Path, which: str) -> None:
    """End the attempt for a signal; what has no task yet is none, and nothing to be ended."""
    if (directory / files.TASK).exists():
        note_signal(directory, which)


def _identify_self() -> Process:
    own = identify(os.getpid())
    assert own is not None
    return own


def _read_owner(directory: Path) -> Process | None:
    """Return with whom the attempt ends; a task that cannot be read is the engine's to report."""
    from jupyter_async_exec.errors import AsyncExecError
    from jupyter_async_exec.runner.task import read_task

    try:
        owner = read_task(directory).owner
    except (AsyncExecError, OSError):
        return None
    return None if owner is None else Process(*owner)


def _is_gone(directory: Path) -> bool:
    """Whether a folder was removed, also one that is somebody's current folder."""
    try:
        return directory.stat().st_nlink == 0
    except FileNotFoundError:
        return True


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
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108
        if parent and len(os.fsencode(parent)) < _LONGEST_PARENT and os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix=files.SOCKETS_PREFIX, dir=parent))
    return Path(tempfile.mkdtemp(prefix=files.SOCKETS_PREFIX))
