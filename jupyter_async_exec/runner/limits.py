"""Who may end a running notebook from outside: a cancel, and the limits it was given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Reason
from jupyter_async_exec.runner import system
from jupyter_async_exec.runner.cgroup import MemoryGroup, make_group
from jupyter_async_exec.runner.end_requests import find_request, is_requested
from jupyter_async_exec.runner.endings import Ending, StoppedError, fail
from jupyter_async_exec.runner.memory import Family

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Limits
    from jupyter_async_exec.runner.processes import Process

#: Between two measurements of memory: with a limit, without. One takes under a millisecond.
_MEASURE_S = 0.25
_MEASURE_UNLIMITED_S = 0.5
#: Measuring takes at most this share of the time, however many processes there are.
_MEASURE_SHARE = 0.05
#: Who used this share of all memory and was killed, was killed for it, counted or not.
_NEARLY_ALL = 0.8
_GIGABYTE = 1e9


class Watch:
    """Looks after cancel and limits; each check raises `StoppedError` when it is time.

    Parameters
    ----------
    directory
        The attempt's, where a cancel appears.
    limits
        What the execution may use.
    cell_time_s
        Limit for one cell.
    adopter
        Who adopts the kernel's orphans, if somebody does.
    cookie
        Of the attempt; names its control group. Without one there is none.
    first_measure_s
        Memory without a limit is first measured so long after the kernel was taken.
    """

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        *,
        cell_time_s: float | None,
        adopter: Process | None = None,
        cookie: str | None = None,
        first_measure_s: float = _MEASURE_UNLIMITED_S,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._cell_time_s = cell_time_s
        self._adopter = adopter
        self._cookie = cookie
        self._family: Family | None = None
        self._group: MemoryGroup | None = None
        self._first_measure_s = first_measure_s
        self._next_measure = 0.0
        #: Most bytes the kernel was seen to use.
        self.memory = 0
        self._oom_kills = system.count_oom_kills()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked for the end."""
        return is_requested(self._directory)

    def check_cancel(self) -> None:
        """Raise when somebody asked for the end."""
        ending = find_request(self._directory)
        if ending is not None:
            raise StoppedError(ending)

    def take_kernel(self, pid: int) -> None:
        """Look after this kernel from now on, in a control group of its own if it has a limit."""
        self._family = Family(pid, self._adopter)
        limit = self._limits.memory_bytes
        if limit is None:
            # What a kernel needs before it has run anything says nothing.
            self._next_measure = time.monotonic() + self._first_measure_s
        if limit is not None and self._cookie:
            self._group = make_group(self._cookie, limit)
            if self._group is not None:
                self._group.add(pid)

    def check_memory(self) -> None:
        """Raise when kernel and descendants use more than they may; measured now and then."""
        now = time.monotonic()
        if now < self._next_measure or self._family is None:
            return
        limit = self._limits.memory_bytes
        used = self._family.resident_bytes()
        took = time.monotonic() - now
        pause = _MEASURE_UNLIMITED_S if limit is None else _MEASURE_S
        self._next_measure = now + max(pause, took / _MEASURE_SHARE)
        nearly_all = _NEARLY_ALL * system.total_memory()
        if (limit is not None and used > limit) or used >= nearly_all > 0:
            # What several processes share is not used several times.
            used = self._family.proportional_bytes()
        self.memory = max(self.memory, used)
        if limit is None:
            return
        if self._group is not None and self._group.count_kills():
            used = max(self.memory, self._group.read_peak())
            raise StoppedError(_memory_limit(used, limit, by_system=True), at_once=True)
        if used > limit:
            raise StoppedError(_memory_limit(used, limit), at_once=True)

    def check_times(self, *, ran_s: float, cell_s: float | None, silent_s: float) -> None:
        """Raise when something took too long.

        Parameters
        ----------
        ran_s
            Since the first cell could start.
        cell_s
            Since the running cell started, `None` between cells.
        silent_s
            Since the kernel last said something.
        """
        limit = self._limits.run_time_s
        if limit is not None and ran_s > limit:
            message = f"Stopped at the time limit: ran {ran_s:.1f} of {limit:g} s."
            raise StoppedError(fail(Reason.TIME_LIMIT, message))
        if cell_s is None:
            return
        limit = self._cell_time_s
        if limit is not None and cell_s > limit:
            message = f"A cell exceeded its time limit: {cell_s:.1f} of {limit:g} s."
            raise StoppedError(fail(Reason.TIME_LIMIT, message))
        limit = self._limits.silence_s
        if limit is not None and silent_s > limit:
            message = (
                f"Stopped because nothing came for {silent_s:.1f} s; the limit is {limit:g} s."
            )
            raise StoppedError(fail(Reason.STALLED, message))

    def explain_kill(self, where: str) -> Ending | None:
        """Return the ending when it was memory for which the kernel was killed."""
        limit = self._limits.memory_bytes
        if limit is not None and self._group is not None and self._group.count_kills():
            used = max(self.memory, self._group.read_peak())
            return _memory_limit(used, limit, by_system=True)
        total = system.total_memory()
        figures = f"it used {gigabytes(self.memory)} of {gigabytes(total)} GB when last measured."
        if system.count_oom_kills() > self._oom_kills:
            message = f"The system killed the kernel {where} because memory ran out; {figures}"
        elif total and self.memory >= _NEARLY_ALL * total:
            # By a guard of memory other than the system itself, which counts for itself.
            message = f"The kernel was killed {where}, most likely because of its memory: {figures}"
        else:
            return None
        return fail(Reason.OUT_OF_MEMORY, message)


def _memory_limit(used: int, limit: int, *, by_system: bool = False) -> Ending:
    how = "Stopped by the system" if by_system else "Stopped"
    message = f"{how} at the memory limit: used {gigabytes(used)} of {gigabytes(limit)} GB."
    return fail(Reason.OUT_OF_MEMORY, message)


def gigabytes(size: int) -> str:
    """Return ``15.8`` or, below one, ``0.25``."""
    digits = 1 if size >= _GIGABYTE else 2
    return f"{size / _GIGABYTE:.{digits}f}"
