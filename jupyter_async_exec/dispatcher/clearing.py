"""What is left of attempts that are over: kept as far as it is of use, then removed."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.backends.base import AttemptKey, Backend
    from jupyter_async_exec.store import ExecutionStore

#: How often running attempts are looked at, in seconds.
OBSERVE_INTERVAL_S = 0.1
#: After something unexpected an attempt is looked at again only this much later.
RETRY_INTERVAL_S = 1.0
#: After its result an attempt may take this long to take its processes down before what is
#: left is killed; the supervisor gives its engine 10 s.
TEARDOWN_LIMIT_S = 12.0
#: Results that cannot be kept (a full disk, say) are tried again for so long.
HARVEST_PATIENCE_S = 300.0

LOGGER = logging.getLogger("jupyter_async_exec.dispatcher")


class Clearing:
    """Keeps what attempts wrote at their very end, and removes what is left of them.

    Parameters
    ----------
    store
        The record.
    changed
        Called, in the event loop, after the store was changed.
    is_stopping
        Whether the next dispatcher is to do what is not done yet.
    """

    def __init__(
        self,
        store: ExecutionStore,
        *,
        changed: Callable[[], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._changed = changed
        self._is_stopping = is_stopping

    async def clear_leftover(self, backend: Backend, key: AttemptKey) -> None:
        """Let what an earlier dispatcher left come to its end, and clear it."""
        deadline_s = time.monotonic() + TEARDOWN_LIMIT_S
        offset = 0
        while not self._is_stopping() and time.monotonic() < deadline_s:
            try:
                observation = await backend.observe(key, offset=offset)
            except Exception:
                LOGGER.exception("The attempt %s cannot be looked at; tried again.", key)
                await asyncio.sleep(RETRY_INTERVAL_S)
                continue
            offset = observation.offset
            if not observation.alive or observation.result is None:
                # It is gone, or runs without anybody wanting it.
                break
            await asyncio.sleep(OBSERVE_INTERVAL_S)
        if not self._is_stopping():
            await self.clear(backend, key)

    async def clear(self, backend: Backend, key: AttemptKey) -> None:
        """Keep what an attempt wrote at its very end, then remove what is left of it."""
        deadline_s = time.monotonic() + HARVEST_PATIENCE_S
        while True:
            try:
                await self._keep_late(backend, key)
                break
            except Exception:
                LOGGER.exception("What the attempt %s wrote at its very end is not kept.", key)
                if time.monotonic() >= deadline_s:
                    break
                if self._is_stopping():
                    return  # The next dispatcher finds it and tries again.
            await asyncio.sleep(RETRY_INTERVAL_S)
        await discard(backend, key)

    async def _keep_late(self, backend: Backend, key: AttemptKey) -> None:
        late = await backend.harvest_late(key)
        if late.artifacts or late.remarks:
            await asyncio.to_thread(
                self._store.add_late,
                key.execution_id,
                key.attempt,
                artifacts=late.artifacts,
                remarks=late.remarks,
            )
            self._changed()


async def discard(backend: Backend, key: AttemptKey) -> None:
    """Discard what an attempt left; what cannot be removed must not hold up the queue."""
    try:
        await backend.discard(key)
    except Exception:
        LOGGER.exception("What the attempt %s left cannot be removed.", key)
