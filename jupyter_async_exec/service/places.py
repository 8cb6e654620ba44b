"""Where executions run: how many at once, how each place is, and why somebody waits for it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.store import ExecutionStore

#: Reasons to wait hold for so long (s) unless something changes here.
REASON_AGE_S = 0.1


class Places:
    """The backends, as people see them.

    Parameters
    ----------
    store
        Tells what runs.
    backends
        By name.
    slots
        Gives how many executions may run at once on a backend that does not say so itself.
    """

    def __init__(
        self, store: ExecutionStore, backends: Mapping[str, Backend], slots: Callable[[], int]
    ) -> None:
        self._store = store
        self._backends = backends
        self._slots = slots
        self._healths: dict[str, Health] = {}
        #: When reasons were found the last time, and by backend what.
        self._found: tuple[float, Mapping[str, str]] | None = None

    def forget(self) -> None:
        """Find reasons anew the next time: something has changed."""
        self._found = None

    async def reasons(self) -> Mapping[str, str]:
        """Return, as a sentence for each backend, why a queued execution waits at this moment."""
        found = self._found
        if found is not None and time.monotonic() - found[0] < REASON_AGE_S:
            return found[1]
        await self._look()
        return await asyncio.to_thread(self.find_reasons)

    async def describe(self) -> list[JSONObject]:
        """Return the JSON of every backend."""
        await self._look()
        return await asyncio.to_thread(self._describe)

    def find_reasons(self) -> Mapping[str, str]:
        """Do what `reasons` does, in a thread, with the health known last."""
        busy = self._count_busy()
        reasons = {name: self._reason(name, busy[name]) for name in self._backends}
        self._found = (time.monotonic(), reasons)
        return reasons

    async def _look(self) -> None:
        for name, backend in self._backends.items():
            self._healths[name] = await backend.health()

    def _reason(self, name: str, busy: int) -> str:
        health, slots = self._of(name)
        if busy >= slots > 0:
            return f"Waits for a free slot ({busy} of {slots} busy)."
        if health.problem is not None:
            return f"Waits for {health.problem}"
        return "Waits for its turn."

    def _describe(self) -> list[JSONObject]:
        busy = self._count_busy()
        described: list[JSONObject] = []
        for name in self._backends:
            health, slots = self._of(name)
            described.append(
                {"name": name, "slots": slots, "running": busy[name], "problem": health.problem}
            )
        return described

    def _of(self, name: str) -> tuple[Health, int]:
        health = self._healths.get(name, Health())
        return health, self._slots() if health.slots is None else health.slots

    def _count_busy(self) -> dict[str, int]:
        if len(self._backends) == 1:
            # The usual case, and cheaper.
            return dict.fromkeys(self._backends, self._store.counts().running)
        busy = dict.fromkeys(self._backends, 0)
        for execution in self._store.running():
            if execution.backend in busy:
                busy[execution.backend] += 1
        return busy
