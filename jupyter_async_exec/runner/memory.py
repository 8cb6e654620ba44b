"""How much memory a kernel and all it started use, daemons too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyter_async_exec.runner.processes import Process, find_descendants, identify


class Family:
    """The processes of one kernel.

    Parameters
    ----------
    kernel_pid
        Of the kernel.
    adopter
        Who adopts its orphans, and has no other children but us; `None` when nobody does.
    """

    def __init__(self, kernel_pid: int, adopter: Process | None) -> None:
        self._kernel_pid = kernel_pid
        self._adopter = adopter

    def find(self) -> list[Process]:
        """Return who lives now."""
        kernel = identify(self._kernel_pid)
        if self._adopter is None:
            return [] if kernel is None else [kernel, *find_descendants(kernel)]
        return [each for each in find_descendants(self._adopter) if each.pid != os.getpid()]

    def resident_bytes(self) -> int:
        """Return the sum of resident memory; what several share counts for each of them."""
        return sum(resident_bytes(each.pid) for each in self.find())

    def proportional_bytes(self) -> int:
        """Return the same with shared memory divided among those who share it (Linux)."""
        return sum(_proportional_bytes(each.pid) for each in self.find())


if sys.platform == "linux":

    def resident_bytes(pid: int) -> int:
        """Return the resident bytes of one process; 0 when it is gone."""
        try:
            pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            return 0

else:
    import psutil

    def resident_bytes(pid: int) -> int:
        """Return the resident bytes of one process; 0 when it is gone."""
        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0


def _proportional_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return resident_bytes(pid)
