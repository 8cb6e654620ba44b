"""The loop that chooses the next executions of adaptive sweeps."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.machines import machine_of
from jupyter_async_exec.core.search import Search, objective_of
from jupyter_async_exec.core.search_space import read_space
from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.service.suggestions import Tried, suggest
from jupyter_async_exec.service.sweep_submission import definition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.service.admission import Admission
    from jupyter_async_exec.service.sweep_submission import SweepSealer
    from jupyter_async_exec.store import ExecutionStore

#: Searches are looked at this often although nobody said that anything changed.
LOOK_INTERVAL_S = 5.0
#: Who does not dispatch looks this often whether that has changed.
STANDBY_INTERVAL_S = 1.0

#: Said of a search for which no next parameters can be computed.
UNEXPECTED = (
    "The search waits: it met something unexpected, and is tried again; the server's log says more."
)

LOGGER = logging.getLogger("jupyter_async_exec.searches")


class Searches:
    """Chooses the next executions of adaptive sweeps, in the process that dispatches.

    All that is known of a search is in the store, and the store takes a choice
    only if nobody chose meanwhile: it may be interrupted anywhere, and goes on
    in the next process.

    Parameters
    ----------
    store
        Where sweeps and their executions are recorded.
    sealer
        Makes submissions of what is chosen.
    admission
        Refuses what there is no room for.
    changed
        Called, in the event loop, after something was added.
    """

    def __init__(
        self,
        *,
        store: ExecutionStore,
        sealer: SweepSealer,
        admission: Admission,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._admission = admission
        self._changed = changed
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def wake(self) -> None:
        """Look now; for the loop's own thread."""
        self._wake.set()

    def start(self, *, is_active: Callable[[], bool]) -> None:
        """Start in the running event loop.

        Parameters
        ----------
        is_active
            Whether this process is the one that dispatches; others only watch.
        """
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(is_active), name="searches")

    async def stop(self) -> None:
        """Stop; a choice that is being made comes to its end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            # Not cancelled: the store must not be closed under a choice.
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self, is_active: Callable[[], bool]) -> None:
        while not self._stopping:
            if is_active():
                try:
                    if await asyncio.to_thread(self.go_on):
                        self._changed()
                except Exception:
                    LOGGER.exception("A search met something unexpected and goes on.")
            if not self._stopping:
                with contextlib.suppress(TimeoutError):
                    limit_s = LOOK_INTERVAL_S if is_active() else STANDBY_INTERVAL_S
                    await asyncio.wait_for(self._wake.wait(), limit_s)
                self._wake.clear()

    def go_on(self) -> bool:
        """Choose what there is room for in every search; return whether anything was added.

        Reads and writes the store and may compute for a second: call it in a thread.
        """
        has_added = False
        for sweep, members in self._store.sweeps.choosing():
            if members and machine_of(members[0].backend) is not None:
                continue  # The machine that runs it chooses.
            try:
                has_added |= self._choose(sweep, members)
            except AsyncExecError as error:
                self._say(sweep, f"The search waits: {error.message}", error)
            except Exception as error:  # noqa: BLE001  one search must not hold up the others
                self._say(sweep, UNEXPECTED, error)
        return has_added

    def _say(self, sweep: Sweep, message: str, error: Exception) -> None:
        """Say once why a search does not go on."""
        if message != sweep.message:
            trace = None if isinstance(error, AsyncExecError) else error
            LOGGER.warning("The search %s waits: %s", sweep.id, error, exc_info=trace)
            self._store.sweeps.say(sweep.id, message)

    def _choose(self, sweep: Sweep, members: Sequence[Execution]) -> bool:
        definition = definition_of(sweep)
        search = definition.search or Search()
        n_open = sum(not each.is_final for each in members)
        if not members:
            # All of it went to the trash.
            return self._store.sweeps.choose(sweep.id, (), to_come=sweep.counts.to_come) is not None
        if search.goal is None or (n_open and _is_alone(sweep, members)):
            return False
        n = min((search.parallel or 1) - n_open, sweep.counts.to_come)
        if n < 1:
            return False
        declared = self._sealer.declared(sweep.snapshot_id)
        space = read_space(
            definition.values,
            declared.parameters,
            typed=declared.typed,
            fixed=sweep.definition.get("parameters", {}),
        )
        points = suggest(
            space,
            [Tried(each.parameters, objective_of(each, search.goal), each.is_final)
             for each in members],
            goal=search.goal,
            sampler=search.sampler,
            seed=definition.seed,
            place=max((definition.samples or 0) - sweep.counts.to_come, len(members)),
            n=n,
        )  # fmt: skip
        submissions = self._sealer.chosen(sweep, space, points, members)
        if submissions:
            self._admission.check(len(submissions))
        added = self._store.sweeps.choose(sweep.id, submissions, to_come=sweep.counts.to_come)
        return added is not None


def _is_alone(sweep: Sweep, members: Sequence[Execution]) -> bool:
    """Tell whether the first one is still on its way, with which all others wait."""
    underway = {Status.QUEUED, Status.RUNNING}
    return any(each.id == sweep.canary_id and each.status in underway for each in members)
