"""The loop that moves queued executions into slots and journals into the store."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import AttemptKey, Harvest
from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.events import (
    AttemptReturned,
    CellFinished,
    CellStarted,
    EnvironmentFound,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import Execution, Reason, Remark, Status
from jupyter_async_exec.core.machines import machine_of
from jupyter_async_exec.core.resources import Floor, Room
from jupyter_async_exec.errors import (
    AsyncExecError,
    DiskFullError,
    KernelMissingError,
    NotFoundError,
    ObjectsAwayError,
    OutcomeUnknownError,
    StartCancelledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.runner.result import Result
    from jupyter_async_exec.store import ExecutionStore

#: How often running attempts are looked at, in seconds.
OBSERVE_INTERVAL_S = 0.1
#: How often an idle dispatcher looks for what other processes submitted.
IDLE_INTERVAL_S = 0.5
#: How often a backend that counts its slots itself is asked again.
HEALTH_INTERVAL_S = 1.0
#: How often somebody who is not the dispatcher asks to become it.
STANDBY_INTERVAL_S = 2.0
#: Progress is written to the store at most this often per execution.
PROGRESS_INTERVAL_S = 1.0
#: After its result an attempt may take this long to take its processes down before what is
#: left is killed; the supervisor gives its engine 10 s.
TEARDOWN_LIMIT_S = 12.0
#: What earlier dispatchers left is brought to an end within this time, or left to the next.
SETTLE_LIMIT_S = 60.0
#: Starts and harvests under way get this long when the dispatcher stops.
STOP_LIMIT_S = 10.0
#: After something unexpected an attempt is looked at again only this much later.
RETRY_INTERVAL_S = 1.0
#: Results that cannot be kept (a full disk, say) are tried again for so long.
HARVEST_PATIENCE_S = 300.0
#: Longer where they are kept elsewhere and that place is away: they wait here meanwhile.
AWAY_PATIENCE_S = 86_400.0
#: Starts that fail for want of room, memory or descriptors are tried again this often.
MAX_STARTS = 100
TRANSIENT_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
)
#: Said of an attempt that had begun and whose journal does not know of it any more.
JOURNAL_LOST = "The runner disappeared, and so did its journal: which cells ran is not known."
#: Attempts that die before their first cell go back to the queue this often.
MAX_ATTEMPTS = 5

#: What is written at most once per `PROGRESS_INTERVAL_S`; the rest at once.
_PROGRESS_TYPES = (CellStarted, CellFinished, MetricRecorded, EnvironmentFound)

LOGGER = logging.getLogger("jupyter_async_exec.dispatcher")


@dataclass(slots=True)
class _Followed:
    """What the dispatcher knows about one running attempt."""

    execution: Execution
    backend: Backend
    offset: int = 0
    pending: list[Event] = field(default_factory=list)
    recorded_s: float = 0.0
    cancel_sent: bool = False
    result_seen_s: float | None = None
    #: Whether a cell may have been sent to a kernel; what may have run never runs again.
    may_have_run: bool = False
    #: Whether its end was found without its journal; the result says so itself.
    is_unreadable: bool = False
    #: Whether a process of it lived when it was last looked at.
    is_alive: bool = False
    #: Whether the store knows its end.
    is_final: bool = False
    #: Whether it was cleared away, to go back to the queue.
    is_discarded: bool = False
    #: Whether something was to be recorded of it, and nobody knows whether it was.
    is_uncertain: bool = False

    @property
    def key(self) -> AttemptKey:
        return AttemptKey(self.execution.id, self.execution.attempt)


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
        self._vouch = vouch
        self._hand_over = hand_over
        self._clock = clock
        self._start_pause_s = start_pause_s
        #: The next moment that an execution in the queue waits for.
        self._due_at: datetime | None = None
        #: By backend.
        self._claim_after_s: dict[str, float] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._followed: dict[AttemptKey, _Followed] = {}
        self._followers: set[asyncio.Task[None]] = set()
        #: What an earlier dispatcher left behind its end, being cleared.
        self._leftovers: set[AttemptKey] = set()
        self._wake = asyncio.Event()
        self._stopping = False
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
        self._stopping = True
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
            if self._stopping:
                return
        adopted = False
        while not self._stopping:
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
            self._look_again()
        version = await asyncio.to_thread(self._store.data_version)
        if version == self._seen_version:
            return
        # Before acting: `_look_again` may be called meanwhile and must not be lost.
        self._seen_version = version
        try:
            if self._may_have_claimed:
                await self._start_unheard()
                self._may_have_claimed = False
            await self._notice_cancels()
            await self._fill_slots()
            self._due_at = await asyncio.to_thread(self._store.fan_in.next_due)
        except BaseException:
            self._seen_version = None
            raise

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
        for backend in self._backends.values():
            for key in await backend.attempts():
                if key not in self._followed and key not in self._leftovers:
                    self._leftovers.add(key)
                    self._begin(self._clear_leftover(backend, key), name=f"leftover-{key}")

    def _adopt_one(self, execution: Execution, backend: Backend) -> None:
        followed = _Followed(
            execution=execution,
            backend=backend,
            # What the store knows counts, whatever became of the journal.
            may_have_run=execution.started_at is not None
            or execution.current_cell is not None
            or execution.cells_done > 0,
        )
        self._follow(followed, start=False)

    async def _start_unheard(self) -> None:
        """Start what was claimed when the database was lost, if it was: nobody else will."""
        for execution in await self._running_alone():
            backend = self._backends.get(execution.backend)
            if backend is not None:
                LOGGER.info("#%d starts (attempt %d).", execution.number, execution.attempt)
                self._follow(_Followed(execution=execution, backend=backend), start=True)

    async def _running_alone(self) -> list[Execution]:
        """Return what runs and is not followed here."""
        # What ends while the store is read is not running any more, whatever was read.
        before = set(self._followed)
        return [
            execution
            for execution in await asyncio.to_thread(self._store.running)
            if AttemptKey(execution.id, execution.attempt) not in before
        ]

    async def _notice_cancels(self) -> None:
        for execution_id, attempt in await asyncio.to_thread(self._store.find_unwanted):
            followed = self._followed.get(AttemptKey(execution_id, attempt))
            if followed is not None and not followed.cancel_sent:
                await followed.backend.cancel(followed.key)
                followed.cancel_sent = True

    async def _fill_slots(self) -> None:
        slots = await asyncio.to_thread(self._slots)
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
            while not self._stopping and self._count_on(backend, may_end_beside) < room:
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
                LOGGER.info("#%d starts (attempt %d).", execution.number, execution.attempt)
                self._follow(_Followed(execution=execution, backend=backend), start=True)
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

    def _follow(self, followed: _Followed, *, start: bool) -> None:
        self._followed[followed.key] = followed
        self._begin(self._live_through(followed, start=start), name=f"execution-{followed.key}")

    def _begin(self, life: Coroutine[None, None, None], *, name: str) -> None:
        follower = asyncio.get_running_loop().create_task(life, name=name)
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)

    async def _live_through(self, followed: _Followed, *, start: bool) -> None:
        """Accompany one attempt from its start to its end in the store."""
        step = self._start if start else self._look_at
        while not self._stopping:
            try:
                if followed.is_uncertain and await self._find_out(followed):
                    return
                if await step(followed):
                    return
                step = self._look_at
            except (AsyncExecError, OSError) as error:
                LOGGER.warning("#%d: %s It is tried again.", followed.execution.number, error)
                if isinstance(error, OutcomeUnknownError):
                    followed.is_uncertain = True
            except Exception:
                LOGGER.exception("#%d: unexpected; tried again.", followed.execution.number)
            else:
                await followed.backend.wait(followed.key, timeout_s=OBSERVE_INTERVAL_S)
                continue
            await asyncio.sleep(RETRY_INTERVAL_S)

    async def _find_out(self, followed: _Followed) -> bool:
        """Learn from the store what was recorded; return whether the attempt is over for us."""
        ours = followed.execution
        try:
            found = await asyncio.to_thread(self._store.get, ours.id, include_deleted=True)
        except NotFoundError:
            found = None
        followed.is_uncertain = False
        is_ours = found is not None and found.attempt == ours.attempt
        if is_ours and found is not None and found.status is Status.RUNNING:
            # What may be recorded of its journal is recorded again from the start, not twice.
            followed.offset = 0
            followed.pending.clear()
            return False
        if is_ours and followed.result_seen_s is not None and not followed.is_discarded:
            # It has come to its end, and its processes may not have yet.
            followed.is_final = True
            return False
        # It is in the queue again, or ended before it began.
        self._let_go(followed)
        await _discard(followed.backend, followed.key)
        return True

    async def _start(self, followed: _Followed) -> bool:
        """Start the attempt; return whether that failed and it is over."""
        reason = Reason.INTERNAL
        try:
            if followed.execution.collect is not None:
                followed.execution = await asyncio.to_thread(self._hand_over, followed.execution)
            await followed.backend.start(followed.execution)
        except StartCancelledError:
            await self._return_to_queue(followed)
            return True
        except (DiskFullError, UnavailableError, OSError) as error:
            is_away = isinstance(error, ObjectsAwayError)
            if is_away or (_is_transient(error) and followed.execution.attempt < MAX_STARTS):
                await self._try_later(followed, str(error))
                return True
            message = f"It could not be started: {error}"
        except AsyncExecError as error:
            message = error.message
            if isinstance(error, KernelMissingError):
                reason = Reason.KERNEL_MISSING
        except Exception as error:
            LOGGER.exception("#%d could not be started.", followed.execution.number)
            message = f"It could not be started: {error}"
        else:
            # A cancel that came during the start found nothing to cancel.
            followed.cancel_sent = False
            self._look_again()
            return False
        end = ExecutionFinished(
            at=self._clock(), status=Status.FAILED, reason=reason, message=message
        )
        await self._make_final(followed, (end,))
        self._let_go(followed)
        await _discard(followed.backend, followed.key)
        return True

    async def _try_later(self, followed: _Followed, why: str) -> None:
        """Put an execution that never began back, and claim nothing for a while."""
        LOGGER.warning("#%d waits: %s", followed.execution.number, why)
        self._claim_after_s[followed.backend.name] = time.monotonic() + self._start_pause_s
        await self._return_to_queue(followed)

    async def _return_to_queue(self, followed: _Followed) -> None:
        await _discard(followed.backend, followed.key)
        followed.is_discarded = True
        await self._record(followed, (AttemptReturned(at=self._clock()),))
        self._let_go(followed)

    async def _look_at(self, followed: _Followed) -> bool:
        """Note what is new; return whether the attempt is over for us."""
        observation = await followed.backend.observe(followed.key, offset=followed.offset)
        followed.offset = observation.offset
        followed.is_alive = observation.alive
        followed.pending.extend(observation.events)
        followed.may_have_run |= any(
            # A cell comes right after the start, and what is not yet read may be lost.
            isinstance(event, ExecutionStarted | CellStarted)
            for event in observation.events
        )
        if observation.is_unreadable:
            followed.may_have_run = followed.is_unreadable = True
        if observation.result is None:
            await self._record_progress(followed)
            return False
        if followed.result_seen_s is None:
            followed.result_seen_s = time.monotonic()
        if not followed.is_final and await self._end(followed, observation.result):
            return True
        waited_s = time.monotonic() - followed.result_seen_s
        if observation.alive and waited_s < TEARDOWN_LIMIT_S:
            return False
        await self._leave(followed)
        return True

    async def _record_progress(self, followed: _Followed) -> None:
        now_s = time.monotonic()
        urgent = any(not isinstance(event, _PROGRESS_TYPES) for event in followed.pending)
        if not followed.pending or (
            not urgent and now_s - followed.recorded_s < PROGRESS_INTERVAL_S
        ):
            return
        await self._record(followed, tuple(followed.pending))
        followed.pending.clear()
        followed.recorded_s = now_s

    async def _record(self, followed: _Followed, events: Sequence[Event]) -> Execution:
        execution = followed.execution
        recorded = await asyncio.to_thread(
            self._store.record, execution.id, execution.attempt, events
        )
        self._changed()
        return recorded

    async def _end(self, followed: _Followed, result: Result) -> bool:
        """Make it final; return whether there is nothing more to wait for."""
        if result.reason is Reason.LOST and result.started_at is None:
            if not followed.may_have_run and followed.execution.attempt < MAX_ATTEMPTS:
                await self._return_to_queue(followed)
                LOGGER.info("#%d goes back to the queue.", followed.execution.number)
                return True
            is_said = followed.is_unreadable or result.cells_total is not None
            if followed.may_have_run and not is_said:
                result = replace(result, message=JOURNAL_LOST)
        if result.reason is Reason.LOST and self._is_tried_again(followed):
            await self._return_to_queue(followed)
            LOGGER.info("#%d was lost and goes back to the queue.", followed.execution.number)
            return True
        # At the same time: whoever waits for the end waits no longer for it.
        # Neither is left running beside its next try.
        harvest, checked = await asyncio.gather(
            self._harvest(followed), self._check_key(followed, result), return_exceptions=True
        )
        if isinstance(harvest, BaseException):
            raise harvest
        if checked is not None:
            raise checked
        remarks = (*harvest.remarks, *_remark_tries(followed))
        remarked = (Remarked(at=result.finished_at, remark=each) for each in remarks)
        end = ExecutionFinished(
            at=result.finished_at,
            status=result.status,
            reason=result.reason,
            message=result.message,
            error=result.error,
            output_object=harvest.output_object,
            journal_object=harvest.journal_object,
            log_object=harvest.log_object,
            artifacts=harvest.artifacts,
        )
        await self._make_final(followed, (*followed.pending, *remarked, end))
        return False

    def _is_tried_again(self, followed: _Followed) -> bool:
        execution = followed.execution
        return execution.attempt <= followed.backend.lost_retries

    async def _check_key(self, followed: _Followed, result: Result) -> None:
        """Let nobody take this result for that of something else; tried again for some minutes."""
        execution = followed.execution
        has_key = execution.provenance.get("environment_key") is not None
        if not has_key or result.status is not Status.SUCCEEDED:
            return

        def check() -> None:
            try:
                is_same = self._vouch(execution)
            except Exception:
                LOGGER.exception("Whether #%d is as submitted cannot be told.", execution.number)
                is_same = False
            if not is_same:
                self._store.forget_key(execution.id)

        try:
            await asyncio.to_thread(check)
        except Exception as error:
            if not _is_patience_over(followed, error):
                raise
            LOGGER.exception("The key of #%d cannot be removed.", execution.number)

    async def _leave(self, followed: _Followed) -> None:
        """Keep what it wrote while it was taken down, then let it go."""
        self._let_go(followed)
        await self._clear(followed.backend, followed.key)

    async def _clear_leftover(self, backend: Backend, key: AttemptKey) -> None:
        """Let what an earlier dispatcher left come to its end, and clear it."""
        deadline_s = time.monotonic() + TEARDOWN_LIMIT_S
        offset = 0
        while not self._stopping and time.monotonic() < deadline_s:
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
        if not self._stopping:
            await self._clear(backend, key)
        self._leftovers.discard(key)

    async def _clear(self, backend: Backend, key: AttemptKey) -> None:
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
                if self._stopping:
                    return  # The next dispatcher finds it and tries again.
            await asyncio.sleep(RETRY_INTERVAL_S)
        await _discard(backend, key)

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

    async def _harvest(self, followed: _Followed) -> Harvest:
        """Keep what the attempt left; an error is raised, and tried again, for some minutes."""
        try:
            return await followed.backend.harvest(followed.key, followed.execution)
        except Exception as error:
            if not _is_patience_over(followed, error):
                raise
            LOGGER.exception("The results of #%d cannot be kept.", followed.execution.number)
            remark = Remark(kind="results_lost", message=f"Its results could not be kept: {error}")
            return Harvest(remarks=(remark,))

    async def _make_final(self, followed: _Followed, events: Sequence[Event]) -> None:
        execution = await self._record(followed, events)
        followed.is_final = True
        self._look_again()
        LOGGER.info("#%d is %s.", execution.number, execution.status)

    def _let_go(self, followed: _Followed) -> None:
        self._followed.pop(followed.key, None)
        self._look_again()

    def _look_again(self) -> None:
        self._seen_version = None
        self.wake()

    def _look_again_in(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        if self._next_look is not None:
            if loop.time() < self._next_look.when() <= loop.time() + delay_s:
                return
            self._next_look.cancel()
        self._next_look = loop.call_later(delay_s, self._look_again)


async def _discard(backend: Backend, key: AttemptKey) -> None:
    """Discard what an attempt left; what cannot be removed must not hold up the queue."""
    try:
        await backend.discard(key)
    except Exception:
        LOGGER.exception("What the attempt %s left cannot be removed.", key)


def _remark_tries(followed: _Followed) -> tuple[Remark, ...]:
    """Say of what may have run before that it may have."""
    attempt = followed.execution.attempt
    if attempt == 1 or not followed.backend.lost_retries:
        return ()
    message = f"This was attempt {attempt}: an earlier one was lost, and some cells may have run."
    return (Remark(kind="tried_again", message=message),)


def _is_transient(error: AsyncExecError | OSError) -> bool:
    return not isinstance(error, OSError) or error.errno in TRANSIENT_ERRNOS


def _is_patience_over(followed: _Followed, error: Exception) -> bool:
    assert followed.result_seen_s is not None
    is_away = isinstance(error, ObjectsAwayError)
    patience_s = AWAY_PATIENCE_S if is_away else HARVEST_PATIENCE_S
    return time.monotonic() - followed.result_seen_s >= patience_s
