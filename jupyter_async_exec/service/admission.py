"""Whether one more execution may be accepted: room in the queue, room on the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import DiskFullError, QueueFullError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Far above what people queue by hand, far below what the store bears.
MAX_QUEUED = 100_000
#: Kept free unless somebody chose otherwise: this much, or on a small disk this share of it.
DISK_RESERVE_BYTES = 1_000_000_000
DISK_RESERVE_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    """When nothing more is accepted."""

    #: Executions that may wait at the same time (>= 1).
    max_queued: int = MAX_QUEUED
    #: Bytes that stay free on the disk of the data folder; `None`: 1 GB, or 5 % of a small disk.
    disk_reserve_bytes: int | None = None


class Admission:
    """Refuses what there is no room for.

    Parameters
    ----------
    count_queued
        Returns how many executions wait.
    data_dir
        Whose disk is meant.
    limits
        When nothing more is accepted.
    """

    def __init__(
        self, *, count_queued: Callable[[], int], data_dir: Path, limits: RoomLimits
    ) -> None:
        self._count_queued = count_queued
        self._data_dir = data_dir
        self._limits = limits

    def check(self, n_new: int = 1) -> None:
        """See whether so many more (>= 1) fit; takes well under a millisecond.

        Those accepted at the same moment by others are not counted.

        Raises
        ------
        QueueFullError
            Too many wait already.
        DiskFullError
            Less room is left than stays reserved.
        """
        queued, longest = self._count_queued(), self._limits.max_queued
        if queued + n_new > longest:
            raise QueueFullError(
                f"The queue is full: {queued:,} of {longest:,} executions wait already. "
                "Try again when some have run, or cancel some.",
                {"queued": queued, "max_queued": longest},
            )
        self._check_disk()

    def _check_disk(self) -> None:
        try:
            disk = shutil.disk_usage(self._data_dir)
        except OSError:
            return  # Whoever writes there next says what is wrong.
        reserve = self._limits.disk_reserve_bytes
        if reserve is None:
            reserve = min(DISK_RESERVE_BYTES, int(disk.total * DISK_RESERVE_SHARE))
        if disk.free < reserve:
            raise DiskFullError(
                f"Only {disk.free / 1e9:.2f} GB are free where executions are kept "
                f"({self._data_dir}), and {reserve / 1e9:.2f} GB stay reserved; make room first.",
                {"free_bytes": disk.free, "disk_reserve_bytes": reserve},
            )
