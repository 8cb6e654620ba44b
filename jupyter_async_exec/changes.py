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
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.store import ExecutionStore

#: How often changes by other processes (another server, the command line) are looked for.
POLL_INTERVAL_S = 1.0
#: Changes read at once.
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
        Called in the event loop with each execution that changed, in order; of
        several changes of one it is told the last.
    sweep_listener
        Likewise with each sweep, after the executions that made it change.
    """

    def __init__(
        self,
        store: ExecutionStore,
        listener: Callable[[Sequence[Execution]], None],
        sweep_listener: Callable[[Sequence[Sweep]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._listener = listener
        self._sweep_listener = sweep_listener
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: Up to which everything was passed on; `None` before the first look.
        self._rev: int | None = None
        self._sweep_rev = 0
        self._version: int | None = None
        #: Read with the executions, to be passed on after them.
        self._changed_sweeps: list[Sweep] = []

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
        while True:
            try:
                while len(changed := await asyncio.to_thread(self._look)) == BATCH:
                    await self._pass_on(changed)
                await self._pass_on(changed)
                await self._pass_on_sweeps()
            except AsyncExecError as error:
                LOGGER.warning("Changes are passed on later: %s", error)
            except Exception:
                LOGGER.exception("A listener failed; the next changes are passed on all the same.")
                self._rev = None
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`, which forgets that it was cancelled when it is woken meanwhile.
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._wake.wait()
            self._wake.clear()

    def _look(self) -> list[Execution]:
        """Return the next changes; for a thread, all in one go, because each hop costs."""
        if self._rev is None:
            self._rev = self._sweep_rev = self._store.last_rev()
        version = self._store.data_version()
        if version == self._version:
            return []
        changed = self._store.changes_since(self._rev, limit=BATCH)
        if len(changed) < BATCH:
            self._changed_sweeps = self._store.sweeps.changes_since(self._sweep_rev, limit=BATCH)
            self._version = version
        return changed

    async def _pass_on_sweeps(self) -> None:
        changed, self._changed_sweeps = self._changed_sweeps, []
        for sweep in changed:
            self._sweep_rev = sweep.rev
            self._sweep_listener((sweep,))
            await asyncio.sleep(0)

    async def _pass_on(self, changed: Sequence[Execution]) -> None:
        for execution in changed:
            self._rev = execution.rev
            self._listener((execution,))
            # Whatever the listener set off gets its turn before the next change:
            # a burst of hundreds must not hold up the loop.
            await asyncio.sleep(0)
