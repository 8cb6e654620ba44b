"""The thread from the store to its listeners: whatever changed, by whomever, is passed on once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store import ExecutionStore

#: How often changes by other processes (another server, the command line) are looked for.
POLL_INTERVAL_S = 1.0
#: Changes passed on at once; more come in the next round.
BATCH = 500

LOGGER = logging.getLogger("jupyter_async_exec.changes")


class ChangeFeed:
    """Pass every change in the store on to `listener`, in order.

    One mechanism for our own changes (`wake` makes them immediate) and for
    those of other processes on the same store (a cheap look once a second).

    Parameters
    ----------
    store
        Where changes come from.
    listener
        Called in the event loop with the executions that changed, oldest first.
    """

    def __init__(
        self, store: ExecutionStore, listener: Callable[[Sequence[Execution]], None]
    ) -> None:
        self._store = store
        self._listener = listener
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Look now; for the loop's own thread."""
        self._wake.set()

    def start(self) -> None:
        """Start in the running event loop; earlier changes are not passed on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="change-feed")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        rev: int | None = None
        version: int | None = None
        while True:
            try:
                if rev is None:
                    rev = await asyncio.to_thread(self._store.last_rev)
                seen = await asyncio.to_thread(self._store.data_version)
                if seen != version:
                    rev = await self._pass_on(rev)
                    version = seen
            except AsyncExecError as error:
                LOGGER.warning("Changes are passed on later: %s", error)
            except Exception:
                LOGGER.exception("A listener failed; the next changes are passed on all the same.")
                rev = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_INTERVAL_S)
            self._wake.clear()

    async def _pass_on(self, rev: int) -> int:
        while True:
            changed = await asyncio.to_thread(self._store.changes_since, rev, limit=BATCH)
            if changed:
                self._listener(changed)
                rev = changed[-1].rev
            if len(changed) < BATCH:
                return rev
