"""How large a cluster should be: it grows with what waits, and nobody who runs something ends."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.backends.dask.link import Link
    from jupyter_async_exec.backends.dask.managers import Manager
    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.backends.dask.settings import ClusterSettings
    from jupyter_async_exec.core.json_types import JSONObject

#: Who has not come, or not gone, within this time is asked for, or ended, again (s). Dask
#: takes 15 s to note that a worker is lost.
REPEAT_S = 30.0

_log = logging.getLogger(__name__)


class Growth:
    """Lets one cluster grow and shrink.

    Parameters
    ----------
    manager
        Of the cluster.
    settings
        How large, and how long idle.
    """

    def __init__(self, manager: Manager, settings: ClusterSettings) -> None:
        self._manager = manager
        self._settings = settings
        self._idle_since_s: dict[str, float] = {}
        self._needless_since_s: float | None = None
        self._asked_s: float | None = None
        #: Who may have been told to take nothing more.
        self._retired: set[str] = set()
        #: Who of them is about to go, and since when.
        self._ending: dict[str, float] = {}

    def n_wanted(self, workers: Sequence[Worker], n_waiting: int, n_held: int) -> int:
        """Return how many workers there should be."""
        per_worker = max((worker.slots for worker in workers), default=1) or 1
        n_busy = max(sum(worker.busy for worker in workers), n_held)
        n = math.ceil((n_busy + n_waiting) / per_worker)
        most = min(self._settings.maximum, self._manager.limit)
        return min(max(n, self._settings.minimum), most)

    async def step(
        self, link: Link, workers: Sequence[Worker], n_waiting: int, n_held: int, now_s: float
    ) -> bool:
        """Grow or shrink; return whether the cluster is still needed."""
        there = {worker.address for worker in workers}
        self._retired &= there
        self._ending = {each: self._ending[each] for each in there & set(self._ending)}
        idle = self._find_idle(workers, now_s)
        n_wanted = self.n_wanted(workers, n_waiting, n_held)
        if n_wanted > 0 or any(worker.busy for worker in workers):
            self._needless_since_s = None
        elif self._needless_since_s is None:
            self._needless_since_s = now_s
        elif now_s - self._needless_since_s >= self._settings.idle_s:
            return not await self._retire(link, workers)
        await self._end_again(link, workers, now_s)
        await self._take_back(link, workers)
        await self._grow(workers, n_wanted, now_s)
        if self._manager.is_exact:
            await self._end_surplus(link, workers, idle, n_wanted, now_s)
        elif self._manager.can_grow:
            await self._shrink(link, workers, idle, n_wanted, now_s)
        return True

    def _find_idle(self, workers: Sequence[Worker], now_s: float) -> dict[str, float]:
        """Return who has been idle for long enough, and since when."""
        idle = {worker.address for worker in workers if worker.busy == 0}
        self._idle_since_s = {each: self._idle_since_s.get(each, now_s) for each in sorted(idle)}
        return {
            address: since_s
            for address, since_s in self._idle_since_s.items()
            if now_s - since_s >= self._settings.idle_s
        }

    # ------------------------------------------------------------ more of them

    async def _grow(self, workers: Sequence[Worker], n_wanted: int, now_s: float) -> None:
        manager = self._manager
        if self._ending and not manager.is_exact:
            # Where the cluster chooses who goes, that has to be over before others come.
            return
        n = manager.n_asked
        if manager.can_grow:
            # Who asks for fewer than there are has some of them ended.
            n = max(n, n_wanted, len(self._staying(workers)))
        if self._asked_s is None:
            # Those that the cluster began with are on their way.
            self._asked_s = now_s
        is_late = len(self._staying(workers)) < n and now_s - self._asked_s >= REPEAT_S
        if n > manager.n_asked or is_late:
            _log.info("%d workers are asked for; there are %d.", n, len(workers))
            self._asked_s = now_s
            await manager.ask(n)

    def _staying(self, workers: Sequence[Worker]) -> list[Worker]:
        return [worker for worker in workers if worker.address not in self._ending]

    # ------------------------------------------------------------ fewer of them

    async def _end_surplus(
        self,
        link: Link,
        workers: Sequence[Worker],
        idle: dict[str, float],
        n_wanted: int,
        now_s: float,
    ) -> None:
        """End whoever is idle and not needed, the one that has been for longest first."""
        manager = self._manager
        staying = self._staying(workers)
        groups = [
            group
            for group in manager.group(staying)
            if all(worker.address in idle for worker in group)
        ]
        groups.sort(key=lambda group: max(idle[worker.address] for worker in group))
        n = max(manager.n_asked, len(staying))
        chosen: list[Worker] = []
        for group in groups:
            if n - len(chosen) - len(group) >= n_wanted and await self._retire(link, group):
                chosen += group
        if chosen:
            _log.info("The idle workers %s are ended.", [worker.name for worker in chosen])
            self._ending |= {worker.address: now_s for worker in chosen}
            await manager.end(link, chosen, n - len(chosen))

    async def _end_again(self, link: Link, workers: Sequence[Worker], now_s: float) -> None:
        late = [
            worker
            for worker in workers
            if now_s - self._ending.get(worker.address, now_s) >= REPEAT_S
        ]
        if not late:
            return
        self._ending |= {worker.address: now_s for worker in late}
        if self._manager.is_exact:
            await self._manager.end(link, late, self._manager.n_asked)
        else:
            await self._manager.ask(self._manager.n_asked)

    async def _shrink(
        self,
        link: Link,
        workers: Sequence[Worker],
        idle: dict[str, float],
        n_wanted: int,
        now_s: float,
    ) -> None:
        """Have fewer of them, whoever that is, when all are idle."""
        if self._ending:
            if len(workers) <= self._manager.n_asked:
                # Those who were meant are gone.
                self._ending.clear()
        elif n_wanted < len(workers) == len(idle) and await self._retire(link, workers):
            _log.info("%d workers are enough; there are %d.", n_wanted, len(workers))
            self._ending = {worker.address: now_s for worker in workers}
            await self._manager.ask(n_wanted)

    async def _retire(self, link: Link, workers: Sequence[Worker]) -> bool:
        """Have workers take nothing more; return whether all agree."""
        for worker in workers:
            # From its answer on nothing begins there any more.
            self._retired.add(worker.address)
            answer, _ = await link.ask(worker.address, "retire", {}, is_direct=worker.is_direct)
            if not answer["is_retired"]:
                self._retired.discard(worker.address)
                return False
        return True

    async def _take_back(self, link: Link, workers: Sequence[Worker]) -> None:
        """Have those work again that were retired and stay."""
        for worker in workers:
            if worker.address in self._retired and worker.address not in self._ending:
                fields: JSONObject = {"is_over": True}
                await link.ask(worker.address, "retire", fields, is_direct=worker.is_direct)
                self._retired.discard(worker.address)
