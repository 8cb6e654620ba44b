"""What we ask of the operating system: die with the parent, adopt orphans, tell about memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.runner import cgroup

if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
#: The system, short of memory, ends the kernel before supervisor and server.
_OOM_SCORE = 800
#: Whether `adopt_orphans` works here.
ADOPTS = sys.platform == "linux"


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """End this process when the thread that started it ends; at once if that has happened.

    Must be called in the child of a long-lived thread: the signal follows the
    thread that forked, not the process (prctl(2)). Elsewhere
    than on Linux the guard process does it.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def prefer_as_victim() -> None:
    """Let the system, when it needs memory, end this process first (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def yield_as_session(pid: int) -> bool:
    """Let the session of a process yield to other sessions as the process yields to others.

    Where ``kernel.sched_autogroup_enabled`` is set, as on most desktops, Linux divides the
    processors among sessions first, and niceness counts only within one of them (sched(7),
    "The autogroup feature"). A new session begins without any.

    Returns
    -------
    bool
        `False` when the system asks to try again later: all ordinary users together may
        change this ten times a second.
    """
    if sys.platform != "linux":
        return True
    try:
        nice = str(os.getpriority(os.PRIO_PROCESS, pid))
        group = os.open(f"/proc/{pid}/autogroup", os.O_RDWR)
        try:
            if os.read(group, 100).split()[-1:] != [nice.encode()]:
                os.write(group, nice.encode())
        finally:
            os.close(group)
    except BlockingIOError:
        return False
    except OSError:  # there are no such groups, or this process is in a control group's
        return True
    return True


def end_successfully() -> None:
    """End this process as C does: what libraries do at the end is done, Python's own end not."""
    # Without letting other threads run Python meanwhile, as `CDLL` would.
    ctypes.PyDLL(None).exit(0)


def count_threads() -> int | None:
    """Return how many threads this process has, native ones included; `None` when unknown."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except OSError:
        return None


def overwrite_variable(name: str, value: str) -> bool:
    """Write `value` where the process was given the variable, so that `/proc` shows it.

    `os.environ` changes only our own view; other processes read the block the
    process started with. Does nothing, and says so, when there is too little room.
    """
    if sys.platform != "linux":
        return False
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    address = getenv(name.encode())
    room = len(os.environb.get(name.encode(), b""))
    content = value.encode()
    if not address or len(content) > room:
        return False
    ctypes.memmove(address, content.ljust(room, b"\0"), room)
    return True


def overwrite_command(arguments: Sequence[str]) -> None:
    """Show `arguments` as this process's command line (Linux), as far as there is room.

    Notes
    -----
    `/proc/PID/stat`, fields 48 and 49, tell where the system reads it from (proc(5)).
    """
    if sys.platform != "linux":
        return
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    content = b"".join(os.fsencode(part) + b"\0" for part in arguments)[: end - start - 1]
    ctypes.memmove(start, content.ljust(end - start, b"\0"), end - start)


def count_oom_kills() -> int:
    """Return how many processes the system has killed for memory, as far as it tells us.

    Among our neighbours in the control group where those are counted, else on
    the whole machine; only two counts of the same process can be compared.
    """
    counted = cgroup.count_kills()
    if counted is not None:
        return counted
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    found = (line.partition(" ")[2] for line in lines if line.startswith("oom_kill "))
    return int(next(found, "0"))


def total_memory() -> int:
    """Return the bytes there are, on the machine or for its part we are in; 0 when unknown."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = 0
    limit = cgroup.read_limit()
    return machine if limit is None else min(limit, machine or limit)


def available_memory() -> int:
    """Return the bytes that can be had without swapping; a lot where that is unknown.

    On the machine, or of what is left for its part we are in.
    """
    left = cgroup.read_left()
    return min(_available_on_machine(), sys.maxsize if left is None else left)


def _available_on_machine() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return sys.maxsize
