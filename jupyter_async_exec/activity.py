"""Is there work? For whoever would stop a server that has nothing to do."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.errors import AsyncExecError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jupyter_async_exec.store import ExecutionStore

#: How often is looked, in seconds; those who stop idle servers think in minutes.
LOOK_INTERVAL_S = 10.0

LOGGER = logging.getLogger("jupyter_async_exec.activity")


class ActivityWatch:
    """Say again and again that there is work, as long as something runs or waits.

    Parameters
    ----------
    store
        Where executions are recorded.
    note
        Called in the event loop with the present moment, whenever there is work.
    interval_s
        Between two looks, in seconds.
    clock
        The present moment.
    """

    def __init__(
        self,
        store: ExecutionStore,
        note: Callable[[datetime], None],
        *,
        interval_s: float | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._note = note
        self._interval_s = LOOK_INTERVAL_S if interval_s is None else interval_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        #: Executions that ran or waited at the last look.
        self.n_unfinished = 0

    def start(self) -> None:
        """Start in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="activity")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                counts = await asyncio.to_thread(self._store.counts)
            except AsyncExecError as error:
                # What was true a moment ago is the better guess.
                LOGGER.warning("Whether there is work is looked up later: %s", error)
            else:
                self.n_unfinished = counts.queued + counts.running
            if self.n_unfinished:
                self._note(self._clock())
            await asyncio.sleep(self._interval_s)
