"""The processes of one measurement: found by a cookie, weighed, waited for, ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.context import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
#: Until its `exec` a new process shows its parent's environment; after so many
#: looks a process without the cookie is taken for a stranger.
_LOOKS = 20
#: So many looks in a row must find nobody before a family counts as ended.
_EMPTY_LOOKS = 10


class Family:
    """Every process that carries the cookie, however far from us it was started.

    Linux only: elsewhere it has no members, and what is weighed is 0.
    """

    def __init__(self, cookie: str) -> None:
        self._mark = f"{COOKIE}={cookie}".encode()
        self._ours: set[tuple[int, str]] = set()
        #: Process → the parent it was first seen with, and its session.
        self._origins: dict[int, tuple[int, int]] = {}
        self._looks: dict[tuple[int, str], int] = {}

    def members(self) -> list[int]:
        """Return the ids of those that live."""
        if not _PROC.exists():
            return []
        pids = [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208  half the time
        return [pid for pid in pids if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            stat = _stat(pid)
            process = (pid, stat[19])
            if process in self._ours:
                return True
            if self._looks.get(process, 0) > _LOOKS:
                return False
            if self._mark in (_PROC / str(pid) / "environ").read_bytes():
                self._ours.add(process)
                self._origins[pid] = (int(stat[1]), int(stat[3]))
                return True
        except (OSError, IndexError, ValueError):
            return False
        self._looks[process] = self._looks.get(process, 0) + 1
        return False

    def session_above(self, pid: int) -> set[int]:
        """Return who shared the session of the parent of `pid`: of a kernel, its runner."""
        parent, _ = self._origins.get(pid, (0, 0))
        _, session = self._origins.get(parent, (0, 0))
        return {each for each, origin in self._origins.items() if session and origin[1] == session}

    def cpu_s(self) -> float:
        """Return what the living have used of the processors, in seconds."""
        ticks = 0
        for pid in self.members():
            with suppress(OSError, IndexError, ValueError):
                fields = _stat(pid)
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS_PER_S

    def wait_until_quiet(self, *, quiet_s: float = 0.5, limit_s: float = 15) -> None:
        """Wait until nobody came, went or worked for a while (5 % of a core is resting)."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            cpu_s, members = self.cpu_s(), self.members()
            time.sleep(quiet_s)
            if self.cpu_s() - cpu_s <= 0.05 * quiet_s + 0.005 and self.members() == members:
                return

    def rss_bytes(self) -> dict[int, int]:
        """Return the resident memory of each."""
        return self._weigh(_rss)

    def pss_bytes(self) -> dict[int, int]:
        """Return the memory of each, with what is shared divided among those who share it."""
        return self._weigh(_pss)

    def _weigh(self, weigh: Callable[[int], int]) -> dict[int, int]:
        found = {}
        for pid in self.members():
            with suppress(OSError, IndexError, ValueError):
                found[pid] = weigh(pid)
        return found

    def end(self) -> None:
        """Kill who is left."""
        deadline = time.monotonic() + 10
        empty = 0
        # During its `exec` a process shows no environment, so one empty look proves nothing.
        while empty < _EMPTY_LOOKS and time.monotonic() < deadline:
            left = self.members()
            empty = 0 if left else empty + 1
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


class MemoryWatch:
    """Weighs repeatedly, in a thread, while the block runs.

    Parameters
    ----------
    weigh
        One weighing: process → bytes.
    interval_s
        Between two of them.
    """

    def __init__(self, weigh: Callable[[], dict[int, int]], *, interval_s: float = 0.02) -> None:
        self._weigh = weigh
        self._interval_s = interval_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.weighed: list[dict[int, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._interval_s):
            self.weighed.append(self._weigh())

    def peak_bytes(self, of: set[int] | None = None) -> int:
        """Return the most that these, or all, weighed together."""
        return max(
            (
                sum(weight for pid, weight in one.items() if of is None or pid in of)
                for one in self.weighed
            ),
            default=0,
        )


def _stat(pid: int) -> list[str]:
    """Return ``/proc/PID/stat`` from the state on: the numbers of proc(5) less three."""
    text = (_PROC / str(pid) / "stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return fields


def _rss(pid: int) -> int:
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_BYTES


def _pss(pid: int) -> int:
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(pid)
