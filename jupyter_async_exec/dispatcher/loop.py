"""Whose turn it is: the queue, the slots, and what runs in them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.machines import machine_of
from jupyter_async_exec.core.resources import Floor, Room
from jupyter_async_exec.dispatcher.clearing import OBSERVE_INTERVAL_S, Clearing
from jupyter_async_exec.dispatcher.following import Following, Means
from jupyter_async_exec.errors import AsyncExecError, OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.store import ExecutionStore

#: How often an idle dispatcher looks for what other processes submitted, in seconds.
IDLE_INTERVAL_S = 0.5
#: How often a backend that counts its slots itself is asked again.
HEALTH_INTERVAL_S = 1.0
#: How often somebody who is not the dispatcher asks to become it.
STANDBY_INTERVAL_S = 2.0
#: What earlier dispatchers left is brought to an end within this time, or left to the next.
SETTLE_LIMIT_S = 60.0
#: Starts and harvests under way get this long when the dispatcher stops.
STOP_LIMIT_S = 10.0

LOGGER = logging.getLogger("jupyter_async_exec.dispatcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The store as it was at one moment, as far as the dispatcher acts on it."""

    version: int
    #: Id and attempt of what runs and was asked to end.
    unwanted: Sequence[tuple[str, int]]
    slots: int
    #: The next moment that an execution in the queue waits for.
    due_at: datetime | None


class Dispatcher:
    """Move executions through their lives; one per store at a time.

    Being the dispatcher is holding a lock on `lock_path`: the system takes it
    away from a dead process, without clocks. Whoever does not get it stands
    by and tries again.

    Parameters
    ----------
    store
        The queue and the record.
    backends
        By name.
    lock_path
        File whose lock makes a process the dispatcher of the store.
    slots
        Gives the number of executions that may run at once (>= 1); asked each
        round, in a thread.
    changed
        Called, in the event loop, after the dispatcher changed the store.
    vouch
        Tells, in a thread, whether an execution that succeeded computed what
        its key for reuse says.
    hand_over
        Seals, in a thread, what an execution that collects others is handed,
        and returns it with that.
    clock
        The present moment.
    start_pause_s
        Nothing is claimed for so long after a start that failed for want of room.
    """

    def __init__(
        self,
        *,
        store: ExecutionStore,
        backends: Mapping[str, Backend],
        lock_path: Path,
        slots: Callable[[], int],
        changed: Callable[[], None] = lambda: None,
        vouch: Callable[[Execution], bool] = lambda _: True,
        hand_over: Callable[[Execution], Execution] = lambda execution: execution,
        clock: Clock = utc_now,
        start_pause_s: float = 5.0,
    ) -> None:
        self._store = store
        self._backends = backends
        self._lock_path = lock_path
        self._slots = slots
        self._changed = changed
        self._clock = clock
        self._start_pause_s = start_pause_s
        self._clearing = Clearing(store, changed=changed, is_stopping=lambda: self.is_stopping)
        self._means = Means(
            store=store,
            clearing=self._clearing,
            changed=changed,
            vouch=vouch,
            hand_over=hand_over,
            clock=clock,
        )
        #: The next moment that an execution in the queue waits for.
        self._due_at: datetime | None = None
        #: By backend.
        self._claim_after_s: dict[str, float] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._followed: dict[AttemptKey, Following] = {}
        self._followers: set[asyncio.Task[None]] = set()
        #: What an earlier dispatcher left behind its end, being cleared.
        self._leftovers: set[AttemptKey] = set()
        self._wake = asyncio.Event()
        #: Whether everything is to be left as it is.
        self.is_stopping = False
        self._lock_fd: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._seen_version: int | None = None
        #: Whether the end of a claim is not known.
        self._may_have_claimed = False

    @property
    def is_active(self) -> bool:
        """Whether this process is the one that moves the queue."""
        return self._lock_fd is not None

    def wake(self) -> None:
        """Look at the queue now; for the loop's own thread."""
        self._wake.set()

    def is_taken(self) -> bool:
        """Whether another process is the dispatcher; asks the system, in a thread by choice."""
        if self._lock_fd is not None:
            return False
        if not self._take_lock():
            return True
        self._free_lock()
        return False

    async def settle(self) -> bool:
        """Bring to an end what earlier dispatchers left behind; start nothing.

        Takes the place of `start`. What still runs goes on. Returns whether everything
        was looked at; false when another process is the dispatcher, or it took too long.
        """
        if not await asyncio.to_thread(self._take_lock):
            return False
        is_settled = False
        try:
            await self._adopt()
            deadline_s = time.monotonic() + SETTLE_LIMIT_S
            while not is_settled and time.monotonic() < deadline_s:
                await asyncio.sleep(OBSERVE_INTERVAL_S)
                is_settled = not self._leftovers and all(
                    followed.is_alive for followed in self._followed.values()
                )
        finally:
            await self.stop()
        return is_settled

    def start(self) -> None:
        """Start the loop in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="dispatcher")

    async def stop(self) -> None:
        """End the loop; running executions go on without it.

        Starts and harvests under way come to their end first, because the
        next dispatcher must not meet them half done.
        """
        self.is_stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._followers:
            await asyncio.wait(self._followers, timeout=STOP_LIMIT_S)
        for follower in tuple(self._followers):
            follower.cancel()
        self._free_lock()

    def _free_lock(self) -> None:
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    async def _run(self) -> None:
        while not await asyncio.to_thread(self._take_lock):
            await self._pause(STANDBY_INTERVAL_S)
            if self.is_stopping:
                return
        adopted = False
        while not self.is_stopping:
            try:
                if not adopted:
                    await self._adopt()
                    adopted = True
                await self._round()
            except AsyncExecError as error:
                LOGGER.warning("The queue waits: %s", error)
            except Exception:
                LOGGER.exception("The dispatcher met something unexpected and goes on.")
            await self._pause(IDLE_INTERVAL_S)

    async def _round(self) -> None:
        """Act on what changed in the store, by us or by another process."""
        if self._due_at is not None and self._clock() >= self._due_at:
            await asyncio.to_thread(self._store.fan_in.consider_due)
            self.look_again()
        view = await asyncio.to_thread(self._look)
        if view is None:
            return
        # Before acting: `look_again` may be called meanwhile and must not be lost.
        self._seen_version, self._due_at = view.version, view.due_at
        try:
            if self._may_have_claimed:
                await self._start_unheard()
                self._may_have_claimed = False
            await self._cancel(view.unwanted)
            await self._fill_slots(view.slots)
        except BaseException:
            self._seen_version = None
            raise

    def _look(self) -> _View | None:
        """Return what there is to act on, nothing when nothing changed; for a thread."""
        version = self._store.data_version()
        if version == self._seen_version:
            return None
        return _View(
            version=version,
            unwanted=self._store.find_unwanted(),
            slots=self._slots(),
            due_at=self._store.fan_in.next_due(),
        )

    async def _pause(self, limit_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), limit_s)
        self._wake.clear()

    def _take_lock(self) -> bool:
        try:
            self._lock_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            LOGGER.warning("The queue waits, its lock cannot be opened: %s", error)
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._lock_fd = fd
        return True

    async def _adopt(self) -> None:
        """Take over what an earlier dispatcher left running, and clear its leftovers."""
        await asyncio.to_thread(self._store.fan_in.consider_all)
        for execution in await self._running_alone():
            backend = self._backends.get(execution.backend)
            if backend is None and machine_of(execution.backend) is not None:
                continue  # Another machine looks after it.
            if backend is None:
                LOGGER.warning(
                    "#%d runs on the backend %r, which is not configured here.",
                    execution.number,
                    execution.backend,
                )
                continue
            self._adopt_one(execution, backend)
        running = {
            AttemptKey(execution.id, execution.attempt)
            for execution in await asyncio.to_thread(self._store.running)
        }
        for backend in self._backends.values():
            for key in await backend.attempts():
                if key in self._followed or key in self._leftovers:
                    continue
                if key in running:
                    # Recorded under a name that is not ours; clearing it would end it unrecorded.
                    LOGGER.warning("The attempt %s runs under another name, and is left.", key)
                    continue
                self._leftovers.add(key)
                self._begin(self._clear_leftover(backend, key), name=f"leftover-{key}")

    def _adopt_one(self, execution: Execution, backend: Backend) -> None:
        # What the store knows counts, whatever became of the journal.
        may_have_run = (
            execution.started_at is not None
            or execution.current_cell is not None
            or execution.cells_done > 0
        )
        self._follow(execution, backend, start=False, may_have_run=may_have_run)

    async def _start_unheard(self) -> None:
        """Start what was claimed when the database was lost, if it was: nobody else will."""
        for execution in await self._running_alone():
            backend = self._backends.get(execution.backend)
            if backend is not None:
                self._follow(execution, backend, start=True)

    async def _running_alone(self) -> list[Execution]:
        """Return what runs and is not followed here."""
        # What ends while the store is read is not running any more, whatever was read.
        before = set(self._followed)
        return [
            execution
            for execution in await asyncio.to_thread(self._store.running)
            if AttemptKey(execution.id, execution.attempt) not in before
        ]

    async def _cancel(self, unwanted: Sequence[tuple[str, int]]) -> None:
        for execution_id, attempt in unwanted:
            followed = self._followed.get(AttemptKey(execution_id, attempt))
            if followed is not None:
                await followed.cancel()

    async def _fill_slots(self, slots: int) -> None:
        for name, backend in self._backends.items():
            if time.monotonic() < self._claim_after_s.get(name, 0.0):
                self._look_again_in(self._start_pause_s)
                continue
            if backend.grows:
                waiting = await asyncio.to_thread(self._store.count_waiting, backend=name)
                await backend.expect(waiting)
            health = await backend.health()
            if health.slots is not None:
                # It may get more room, or less, without anything changing in the store.
                self._look_again_in(HEALTH_INTERVAL_S)
            room = slots if health.slots is None else health.slots
            floor = Floor(health.rooms or (Room(),), self._needed_on(backend))
            may_end_beside = room if health.has_memory_for_ending else 0
            while not self.is_stopping and self._count_on(backend, may_end_beside) < room:
                try:
                    execution = await asyncio.to_thread(
                        self._store.claim, backend=name, has_room=floor.has_room
                    )
                except OutcomeUnknownError:
                    self._may_have_claimed = True
                    raise
                if execution is None:
                    break
                floor.put(execution.resources)
                self._follow(execution, backend, start=True)
                self._changed()

    def _count_on(self, backend: Backend, may_end_beside: int) -> int:
        """Return how many slots are taken, when so many attempts may end beside them."""
        there = [each.is_final for each in self._followed.values() if each.backend is backend]
        return len(there) - min(sum(there), may_end_beside)

    def _needed_on(self, backend: Backend) -> dict[str, Resources]:
        return {
            key.execution_id: followed.execution.resources
            for key, followed in self._followed.items()
            if followed.backend is backend
        }

    def _follow(
        self, execution: Execution, backend: Backend, *, start: bool, may_have_run: bool = False
    ) -> None:
        if start:
            LOGGER.info("#%d starts (attempt %d).", execution.number, execution.attempt)
        following = Following(
            execution, backend, means=self._means, queue=self, may_have_run=may_have_run
        )
        self._followed[following.key] = following
        self._begin(following.live_through(start=start), name=f"execution-{following.key}")

    def _begin(self, life: Coroutine[None, None, None], *, name: str) -> None:
        follower = asyncio.get_running_loop().create_task(life, name=name)
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)

    async def _clear_leftover(self, backend: Backend, key: AttemptKey) -> None:
        await self._clearing.clear_leftover(backend, key)
        self._leftovers.discard(key)

    def let_go(self, following: Following) -> None:
        """Give its slot to another."""
        self._followed.pop(following.key, None)
        self.look_again()

    def hold(self, backend: Backend) -> None:
        """Claim nothing for this backend for a while."""
        self._claim_after_s[backend.name] = time.monotonic() + self._start_pause_s

    def look_again(self) -> None:
        """Look at the queue, whatever the store says of itself."""
        self._seen_version = None
        self.wake()

    def _look_again_in(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        if self._next_look is not None:
            if loop.time() < self._next_look.when() <= loop.time() + delay_s:
                return
            self._next_look.cancel()
        self._next_look = loop.call_later(delay_s, self.look_again)
