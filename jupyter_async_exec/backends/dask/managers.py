"""What the keeper can ask of a cluster: each of Dask's cluster managers has its own ways."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jupyter_async_exec.backends.dask.link import Link, tls_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.core.json_types import JSONObject

_log = logging.getLogger(__name__)


class Manager:
    """A cluster that chooses by itself whom it ends, such as one of Kubernetes.

    Parameters
    ----------
    cluster
        As Dask's cluster managers are.
    """

    #: Whether chosen workers can be ended; else only so many of them.
    is_exact = False
    #: Whether there can be more of them.
    can_grow = True
    #: A scheduler that is silent for longer may be gone (s).
    patience_s = 90.0

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        #: More than so many are refused.
        self.limit = sys.maxsize
        #: How many workers were asked for.
        self.n_asked = self.count()

    def count(self) -> int:
        """Return how many workers there are, as far as the cluster has heard."""
        return len((getattr(self._cluster, "scheduler_info", None) or {}).get("workers", ()))

    def describe(self) -> JSONObject:
        """Return where the scheduler is, and what it takes to be let in."""
        address = str(self._cluster.scheduler_address)
        tls = {} if address.startswith("tcp://") else tls_of(self._cluster.security)
        return {"address": address, **tls}

    async def ask(self, n: int) -> None:
        """Have so many workers; who is ended when there are more is not ours to say."""
        await asyncio.to_thread(self._cluster.scale, n)
        self.n_asked = n

    def group(self, workers: Sequence[Worker]) -> list[list[Worker]]:
        """Return those together who can only be ended together."""
        return [list(workers)] if workers else []

    async def end(self, link: Link, workers: Sequence[Worker], n: int) -> None:
        """End these workers; `n` of all that were asked for remain."""
        raise NotImplementedError

    async def is_gone(self) -> bool:
        """Whether a scheduler that has been silent for long will not come back."""
        return True

    def close(self) -> None:
        """End the cluster."""
        self._cluster.close()


class SpecManager(Manager):
    """A cluster that is told about each of its workers, such as jobs of Slurm."""

    is_exact = True

    @override
    def count(self) -> int:
        return len(self._cluster.worker_spec)

    @override
    def group(self, workers: Sequence[Worker]) -> list[list[Worker]]:
        found: dict[object, list[Worker]] = {}
        for worker in workers:
            found.setdefault(self._job_of(worker), []).append(worker)
        # Whom the cluster does not know it cannot end.
        found.pop(None, None)
        return list(found.values())

    @override
    async def end(self, link: Link, workers: Sequence[Worker], n: int) -> None:
        cluster = self._cluster
        self.n_asked = n
        jobs = list({self._job_of(worker) for worker in workers} - {None})
        await asyncio.to_thread(cluster.sync, cluster.scale_down, jobs)

    def _job_of(self, worker: Worker) -> object:
        """Return what the cluster calls a worker, or the job in which it is one of several."""
        jobs = {str(job): job for job in self._cluster.worker_spec}
        name = str(worker.name)
        return jobs.get(name, jobs.get(name.rpartition("-")[0]))


class FixedManager(Manager):
    """A cluster that is there as a whole or not at all, such as one of SSH."""

    can_grow = False

    @override
    def count(self) -> int:
        return len(self._cluster.worker_spec)

    @override
    async def ask(self, n: int) -> None:
        workers = self._cluster.workers
        # SSH tells of the end of what it started; Dask does not know which of them that was.
        for name in [name for name, worker in workers.items() if _has_ended(worker)]:
            _log.info("The worker %s has ended.", name)
            workers.pop(name, None)
        # The same again starts those that are missing.
        await super().ask(self.count())


def _has_ended(worker: Any) -> bool:
    process = getattr(worker, "proc", None)
    return process is not None and bool(process.is_closing())


class LeftManager(Manager):
    """A cluster whose keeper was killed, and with it the manager: it stays until nothing runs.

    Parameters
    ----------
    link
        To its scheduler.
    fields
        What `describe` gave.
    n_workers
        How many there are.
    """

    can_grow = False

    def __init__(self, link: Link, fields: JSONObject, *, n_workers: int) -> None:
        super().__init__(None)
        self._link = link
        self._fields = fields
        self.n_asked = n_workers

    @override
    def describe(self) -> JSONObject:
        return self._fields

    @override
    async def ask(self, n: int) -> None:
        """Do nothing: who is gone stays gone."""

    @override
    def close(self) -> None:
        asyncio.run(self._link.run(self._link.end_scheduler()))
        self._link.close()
