"""Who may end a running notebook from outside: a cancel, and the limits it was given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.runner import files, system
from jupyter_async_exec.runner.endings import Ending, StoppedError, fail

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Limits

_MEASURE_S = 1.0
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
    """

    def __init__(self, directory: Path, limits: Limits, *, cell_time_s: float | None) -> None:
        self._cancel = directory / files.CANCEL
        self._limits = limits
        self._cell_time_s = cell_time_s
        self._next_measure = 0.0
        #: Bytes the kernel used when last measured.
        self.memory = 0
        self._oom_kills = system.count_oom_kills()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked for the end."""
        return self._cancel.exists()

    def check_cancel(self) -> None:
        """Raise when somebody asked for the end."""
        if self.is_cancelled:
            raise StoppedError(Ending(status=Status.CANCELLED, message="Cancelled."))

    def check_memory(self, kernel_pid: int) -> None:
        """Raise when kernel and descendants use more than they may; measured every second."""
        now = time.monotonic()
        if now < self._next_measure:
            return
        self._next_measure = now + _MEASURE_S
        limit = self._limits.memory_bytes
        if limit is None:
            self.memory = max(self.memory, system.resident_bytes(kernel_pid))
            return
        self.memory = system.measure_memory(kernel_pid)
        if self.memory > limit:
            message = (
                f"Stopped at the memory limit: used {gigabytes(self.memory)} "
                f"of {gigabytes(limit)} GB."
            )
            raise StoppedError(fail(Reason.OUT_OF_MEMORY, message), at_once=True)

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
        """Return the ending when the system has killed for memory since the start."""
        if system.count_oom_kills() <= self._oom_kills:
            return None
        used, total = gigabytes(self.memory), gigabytes(system.total_memory())
        message = (
            f"The system killed the kernel {where} because memory ran out; "
            f"it used {used} of {total} GB when last measured."
        )
        return fail(Reason.OUT_OF_MEMORY, message)


def gigabytes(size: int) -> str:
    """Return ``15.8`` or, below one, ``0.25``."""
    digits = 1 if size >= _GIGABYTE else 2
    return f"{size / _GIGABYTE:.{digits}f}"
