"""Which processes belong to an attempt, and how they are ended; nobody else's are touched.

A process is named by its id *and* the moment it started, because ids are used
again. An attempt's own are the descendants of its supervisor, and whoever
carries the attempt's cookie in the environment under our user.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COOKIE = "JUPYTER_ASYNC_EXEC_ATTEMPT"
#: Between two looks where nobody tells.
_LOOK_S = 0.003
_SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Process:
    """One process, for certain: the id alone may be somebody else's tomorrow."""

    pid: int
    #: Since boot (Linux: clock ticks) or the epoch; comparable on one machine only.
    started: float


@dataclass(frozen=True, slots=True)
class _Row:
    process: Process
    parent: int
    is_dead: bool


def identify(pid: int) -> Process | None:
    """Return the process that has this id now, unless it is gone or a zombie."""
    row = _row(pid)
    return None if row is None or row.is_dead else row.process


def is_alive(process: Process) -> bool:
    """Whether exactly this process still runs."""
    return identify(process.pid) == process


def find_descendants(root: Process) -> list[Process]:
    """Return the living descendants of `root`, parents before children."""
    if not is_alive(root):
        return []
    children_of = _find_children()
    found: list[Process] = []
    queue = [root.pid]
    while queue:
        for row in children_of(queue.pop(0)):
            queue.append(row.process.pid)
            if not row.is_dead:
                found.append(row.process)
    return found


def find_marked(cookie: str, *, not_before: float | None = None) -> list[Process]:
    """Return the living processes of our user that carry exactly this cookie.

    Parameters
    ----------
    cookie
        Value of `COOKIE` in their environment.
    not_before
        Start of the attempt's first process; whoever is older is not ours.
    """
    return [
        row.process
        for row in _table()
        if not row.is_dead
        and (not_before is None or row.process.started >= not_before)
        and _carries(row.process.pid, cookie)
    ]


def wait_for_end(child: int, timeout_s: float) -> None:
    """Wait until a child of ours, not yet reaped, may have ended; not longer than `timeout_s`.

    It sleeps all the while where the system tells of ends (Linux: pidfd_open(2)).
    """
    try:
        descriptor = os.pidfd_open(child)
    except (AttributeError, OSError):
        time.sleep(min(timeout_s, _LOOK_S))
        return
    try:
        select.select([descriptor], [], [], timeout_s)
    except (OSError, ValueError):
        # A descriptor too high for `select`.
        time.sleep(min(timeout_s, _LOOK_S))
    finally:
        os.close(descriptor)


def send(process: Process, number: int) -> bool:
    """Signal exactly this process; `False` when it is gone (or is another one now).

    Notes
    -----
    A descriptor of a process (pidfd_open(2)) keeps naming it when its id is given
    to another. It is opened first and compared afterwards: whoever has the right
    start time now is who was opened. Without such descriptors (Linux before 5.3,
    other systems) a moment remains between looking and signalling.
    """
    if not _HAS_DESCRIPTORS:
        return is_alive(process) and _try_to(os.kill, process.pid, number)
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        return is_alive(process) and _try_to(signal.pidfd_send_signal, descriptor, number)
    finally:
        os.close(descriptor)


def _try_to(signal_: Callable[[int, int], None], target: int, number: int) -> bool:
    try:
        signal_(target, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _has_descriptors() -> bool:
    if sys.platform != "linux" or not hasattr(signal, "pidfd_send_signal"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


_HAS_DESCRIPTORS = _has_descriptors()


def kill_all(processes: Iterable[Process]) -> None:
    """Kill each at once."""
    for process in processes:
        send(process, _SIGKILL)


def wait_gone(processes: Iterable[Process], *, timeout_s: float) -> bool:
    """Wait until none of them runs; `False` when some still do after the time."""
    left = list(processes)
    deadline = time.monotonic() + timeout_s
    while left := [process for process in left if is_alive(process)]:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def _find_children() -> Callable[[int], list[_Row]]:
    """Return what gives the children of a process id."""
    if _HAS_CHILDREN_FILE:
        return _children_of
    children: dict[int, list[_Row]] = {}
    for row in _table():
        children.setdefault(row.parent, []).append(row)
    return lambda pid: children.get(pid, [])


#: Most kernels list a process's children (CONFIG_PROC_CHILDREN); reading all of `/proc` costs more.
_HAS_CHILDREN_FILE = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _children_of(pid: int) -> list[_Row]:
    rows = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            children = Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
            rows += [_row(int(child)) for child in children]
    except OSError:  # it ended while we looked
        pass
    return [row for row in rows if row is not None]


if sys.platform == "linux":

    def _row(pid: int) -> _Row | None:
        try:
            text = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        # The name, in brackets, may hold anything; fields count from behind it.
        fields = text[text.rindex(b")") + 2 :].split()
        return _Row(Process(pid, float(fields[19])), int(fields[1]), fields[0] in (b"Z", b"X"))

    def _table() -> list[_Row]:
        rows = (_row(int(name)) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
        return [row for row in rows if row is not None]

    def _carries(pid: int, cookie: str) -> bool:
        folder = Path(f"/proc/{pid}")
        try:
            if folder.stat().st_uid != os.getuid():
                return False
            environment = (folder / "environ").read_bytes()
        except OSError:
            return False
        return f"{COOKIE}={cookie}".encode() in environment.split(b"\0")

else:
    import psutil

    def _row(pid: int) -> _Row | None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
                return _Row(Process(pid, process.create_time()), process.ppid(), dead)
        except psutil.Error:
            return None

    def _table() -> list[_Row]:
        rows = (_row(pid) for pid in psutil.pids())
        return [row for row in rows if row is not None]

    def _carries(pid: int, cookie: str) -> bool:
        try:
            process = psutil.Process(pid)
            if process.username() != psutil.Process().username():
                return False
            return bool(process.environ().get(COOKIE) == cookie)
        except (psutil.Error, OSError):
            return False
