"""Jobs of Slurm, whose queue tells which of them are gone before their workers came."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from typing import Any

from typing_extensions import override

from jupyter_async_exec.backends.dask.managers import SpecManager

#: The queue answers within this time (s), or is asked the next time.
SQUEUE_S = 20.0

_log = logging.getLogger(__name__)


class SlurmManager(SpecManager):
    """A cluster of jobs of Slurm; Dask only notices the end of those whose workers have come."""

    def __init__(self, cluster: Any) -> None:
        super().__init__(cluster)
        #: Jobs that were not in the queue when it was asked the last time.
        self._missing: set[str] = set()

    @override
    async def ask(self, n: int) -> None:
        jobs = {
            str(job.job_id): name
            for name, job in self._cluster.workers.items()
            if getattr(job, "job_id", None)
        }
        queued = await asyncio.to_thread(read_queue) if jobs else None
        if queued is not None:
            missing = set(jobs) - queued
            # Of those that just ended Dask hears by itself, and must not take the next for them.
            for job_id in missing & self._missing:
                _log.info("The job %s is not in the queue any more.", job_id)
                self._cluster.workers.pop(jobs[job_id], None)
            self._missing = missing
        await super().ask(n)


def is_slurm(cluster: Any) -> bool:
    """Whether a cluster's workers are jobs of Slurm."""
    job = getattr(cluster, "job_cls", None)
    return getattr(job, "cancel_command", None) == "scancel"


def read_queue() -> set[str] | None:
    """Return the jobs of this user that wait or run; None when the queue does not say."""
    try:
        found = subprocess.run(
            # As dask-jobqueue finds the other commands.
            ["squeue", "--me", "--noheader", "--format=%A"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SQUEUE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.info("Slurm's queue cannot be read: %s", error)
        return None
    return set(found.stdout.split())
