"""One attempt, accompanied from its start to its end in the store."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from jupyter_async_exec.backends.base import AttemptKey, Harvest
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
from jupyter_async_exec.core.execution import TRIED_AGAIN, Execution, Reason, Remark, Status
from jupyter_async_exec.dispatcher.clearing import (
    HARVEST_PATIENCE_S,
    OBSERVE_INTERVAL_S,
    RETRY_INTERVAL_S,
    TEARDOWN_LIMIT_S,
    discard,
)
from jupyter_async_exec.errors import (
    AsyncExecError,
    DiskFullError,
    KernelMissingError,
    NoRoomError,
    NotFoundError,
    ObjectsAwayError,
    OutcomeUnknownError,
    StartCancelledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.dispatcher.clearing import Clearing
    from jupyter_async_exec.runner.result import Result
    from jupyter_async_exec.store import ExecutionStore

#: Progress is written to the store at most this often per execution.
PROGRESS_INTERVAL_S = 1.0
#: Longer than `HARVEST_PATIENCE_S` where results are kept elsewhere and that place is away:
#: they wait here meanwhile.
AWAY_PATIENCE_S = 86_400.0
#: Starts that fail for want of disk, memory, descriptors or an answer are tried again this often.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every attempt is accompanied with; see `Dispatcher` for each."""

    store: ExecutionStore
    clearing: Clearing
    changed: Callable[[], None]
    vouch: Callable[[Execution], bool]
    hand_over: Callable[[Execution], Execution]
    clock: Clock


class Queue(Protocol):
    """What an attempt tells the dispatcher it came from."""

    @property
    def is_stopping(self) -> bool:
        """Whether attempts are to be left as they are."""

    def look_again(self) -> None:
        """Look at the queue: something has changed that the store does not say."""

    def let_go(self, following: Following) -> None:
        """Give its slot to another."""

    def hold(self, backend: Backend) -> None:
        """Claim nothing for this backend for a while."""


class Following:
    """What the dispatcher knows about one running attempt, and does about it.

    Parameters
    ----------
    execution, backend
        What runs, and where.
    means, queue
        What it is done with, and who hears of it.
    may_have_run
        Whether a cell may have been sent to a kernel; what may have run never runs again.
    """

    def __init__(
        self,
        execution: Execution,
        backend: Backend,
        *,
        means: Means,
        queue: Queue,
        may_have_run: bool = False,
    ) -> None:
        self.execution = execution
        self.backend = backend
        #: Whether a process of it lived when it was last looked at.
        self.is_alive = False
        #: Whether the store knows its end.
        self.is_final = False
        self._means = means
        self._queue = queue
        self._may_have_run = may_have_run
        #: Of its journal, in bytes.
        self._offset = 0
        self._pending: list[Event] = []
        self._recorded_s = 0.0
        self._is_cancel_sent = False
        self._result_seen_s: float | None = None
        #: Whether its end was found without its journal; the result says so itself.
        self._is_unreadable = False
        #: Whether it was cleared away, to go back to the queue.
        self._is_discarded = False
        #: Whether something was to be recorded of it, and nobody knows whether it was.
        self._is_uncertain = False

    @property
    def key(self) -> AttemptKey:
        """Which attempt it is."""
        return AttemptKey(self.execution.id, self.execution.attempt)

    async def cancel(self) -> None:
        """Ask it to end, once."""
        if not self._is_cancel_sent:
            await self.backend.cancel(self.key)
            self._is_cancel_sent = True

    async def live_through(self, *, start: bool) -> None:
        """Accompany one attempt from its start to its end in the store."""
        step = self._start if start else self._look_at
        while not self._queue.is_stopping:
            try:
                if self._is_uncertain and await self._find_out():
                    return
                if await step():
                    return
                step = self._look_at
            except (AsyncExecError, OSError) as error:
                LOGGER.warning("#%d: %s It is tried again.", self.execution.number, error)
                if isinstance(error, OutcomeUnknownError):
                    self._is_uncertain = True
            except Exception:
                LOGGER.exception("#%d: unexpected; tried again.", self.execution.number)
            else:
                await self.backend.wait(self.key, timeout_s=OBSERVE_INTERVAL_S)
                continue
            await asyncio.sleep(RETRY_INTERVAL_S)

    async def _find_out(self) -> bool:
        """Learn from the store what was recorded; return whether the attempt is over for us."""
        ours = self.execution
        try:
            found = await asyncio.to_thread(self._means.store.get, ours.id, include_deleted=True)
        except NotFoundError:
            found = None
        self._is_uncertain = False
        is_ours = found is not None and found.attempt == ours.attempt
        if is_ours and found is not None and found.status is Status.RUNNING:
            # What may be recorded of its journal is recorded again from the start, not twice.
            self._offset = 0
            self._pending.clear()
            return False
        if is_ours and self._result_seen_s is not None and not self._is_discarded:
            # It has come to its end, and its processes may not have yet.
            self.is_final = True
            return False
        # It is in the queue again, or ended before it began.
        self._queue.let_go(self)
        await discard(self.backend, self.key)
        return True

    async def _start(self) -> bool:
        """Start the attempt; return whether that failed and it is over."""
        reason = Reason.INTERNAL
        try:
            if self.execution.collect is not None:
                self.execution = await asyncio.to_thread(self._means.hand_over, self.execution)
            await self.backend.start(self.execution)
        except StartCancelledError:
            await self._return_to_queue()
            return True
        except (DiskFullError, UnavailableError, OSError) as error:
            only_waits = isinstance(error, NoRoomError | ObjectsAwayError)
            if only_waits or (_is_transient(error) and self.execution.attempt < MAX_STARTS):
                await self._try_later(str(error))
                return True
            message = f"It could not be started: {error}"
        except AsyncExecError as error:
            message = error.message
            if isinstance(error, KernelMissingError):
                reason = Reason.KERNEL_MISSING
        except Exception as error:
            LOGGER.exception("#%d could not be started.", self.execution.number)
            message = f"It could not be started: {error}"
        else:
            # A cancel that came during the start found nothing to cancel.
            self._is_cancel_sent = False
            self._queue.look_again()
            return False
        end = ExecutionFinished(
            at=self._means.clock(), status=Status.FAILED, reason=reason, message=message
        )
        await self._make_final((end,))
        self._queue.let_go(self)
        await discard(self.backend, self.key)
        return True

    async def _try_later(self, why: str) -> None:
        """Put an execution that never began back, and claim nothing for a while."""
        LOGGER.warning("#%d waits: %s", self.execution.number, why)
        self._queue.hold(self.backend)
        await self._return_to_queue()

    async def _return_to_queue(self, *said: Remark) -> None:
        await discard(self.backend, self.key)
        self._is_discarded = True
        now = self._means.clock()
        remarked = (Remarked(at=now, remark=each) for each in said)
        await self._record((*remarked, AttemptReturned(at=now)))
        self._queue.let_go(self)

    async def _look_at(self) -> bool:
        """Note what is new; return whether the attempt is over for us."""
        observation = await self.backend.observe(self.key, offset=self._offset)
        self._offset = observation.offset
        self.is_alive = observation.alive
        self._pending.extend(observation.events)
        self._may_have_run |= any(
            # A cell comes right after the start, and what is not yet read may be lost.
            isinstance(event, ExecutionStarted | CellStarted)
            for event in observation.events
        )
        if observation.is_unreadable:
            self._may_have_run = self._is_unreadable = True
        if observation.result is None:
            await self._record_progress()
            return False
        if self._result_seen_s is None:
            self._result_seen_s = time.monotonic()
        if not self.is_final and await self._end(observation.result):
            return True
        waited_s = time.monotonic() - self._result_seen_s
        if observation.alive and waited_s < TEARDOWN_LIMIT_S:
            return False
        await self._leave()
        return True

    async def _record_progress(self) -> None:
        now_s = time.monotonic()
        urgent = any(not isinstance(event, _PROGRESS_TYPES) for event in self._pending)
        if not self._pending or (not urgent and now_s - self._recorded_s < PROGRESS_INTERVAL_S):
            return
        await self._record(tuple(self._pending))
        self._pending.clear()
        self._recorded_s = now_s

    async def _record(self, events: Sequence[Event]) -> Execution:
        execution = self.execution
        recorded = await asyncio.to_thread(
            self._means.store.record, execution.id, execution.attempt, events
        )
        self._means.changed()
        return recorded

    async def _end(self, result: Result) -> bool:
        """Make it final; return whether there is nothing more to wait for."""
        if result.reason is Reason.LOST:
            result = self._say_what_ran(result)
            if await self._goes_back(result):
                return True
        # At the same time: whoever waits for the end waits no longer for it.
        # Neither is left running beside its next try.
        harvest, checked = await asyncio.gather(
            self._harvest(), self._check_key(result), return_exceptions=True
        )
        if isinstance(harvest, BaseException):
            raise harvest
        if checked is not None:
            raise checked
        remarked = (Remarked(at=result.finished_at, remark=each) for each in harvest.remarks)
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
        await self._make_final((*self._pending, *remarked, end))
        return False

    def _say_what_ran(self, result: Result) -> Result:
        """Return the result of a lost attempt, which says so if that is not known."""
        is_said = self._is_unreadable or result.cells_total is not None
        if result.started_at is None and self._may_have_run and not is_said:
            return replace(result, message=JOURNAL_LOST)
        return result

    async def _goes_back(self, lost: Result) -> bool:
        """Put it back into the queue if it may run once more; return whether it was."""
        ours = self.execution
        if not self._may_have_run and lost.started_at is None:
            if ours.attempt >= MAX_ATTEMPTS:
                return False
            await self._return_to_queue()
            LOGGER.info("#%d goes back to the queue.", ours.number)
            return True
        if ours.n_tried_again >= self.backend.lost_retries:
            return False
        now = await asyncio.to_thread(self._means.store.get, ours.id, include_deleted=True)
        if now.cancel_requested:
            return False  # Nobody wants it once more.
        await self._return_to_queue(_tried_again(ours.attempt, lost.message))
        LOGGER.warning("#%d was lost and is tried again: %s", ours.number, lost.message)
        return True

    async def _check_key(self, result: Result) -> None:
        """Let nobody take this result for that of something else; tried again for some minutes."""
        execution = self.execution
        has_key = execution.provenance.get("environment_key") is not None
        if not has_key or result.status is not Status.SUCCEEDED:
            return

        def check() -> None:
            try:
                is_same = self._means.vouch(execution)
            except Exception:
                LOGGER.exception("Whether #%d is as submitted cannot be told.", execution.number)
                is_same = False
            if not is_same:
                self._means.store.forget_key(execution.id)

        try:
            await asyncio.to_thread(check)
        except Exception as error:
            if not self._is_patience_over(error):
                raise
            LOGGER.exception("The key of #%d cannot be removed.", execution.number)

    async def _leave(self) -> None:
        """Keep what it wrote while it was taken down, then let it go."""
        self._queue.let_go(self)
        await self._means.clearing.clear(self.backend, self.key)

    async def _harvest(self) -> Harvest:
        """Keep what the attempt left; an error is raised, and tried again, for some minutes."""
        try:
            return await self.backend.harvest(self.key, self.execution)
        except Exception as error:
            if not self._is_patience_over(error):
                raise
            LOGGER.exception("The results of #%d cannot be kept.", self.execution.number)
            remark = Remark(kind="results_lost", message=f"Its results could not be kept: {error}")
            return Harvest(remarks=(remark,))

    async def _make_final(self, events: Sequence[Event]) -> None:
        execution = await self._record(events)
        self.is_final = True
        self._queue.look_again()
        LOGGER.info("#%d is %s.", execution.number, execution.status)

    def _is_patience_over(self, error: Exception) -> bool:
        assert self._result_seen_s is not None
        is_away = isinstance(error, ObjectsAwayError)
        patience_s = AWAY_PATIENCE_S if is_away else HARVEST_PATIENCE_S
        return time.monotonic() - self._result_seen_s >= patience_s


def _tried_again(attempt: int, why: str | None) -> Remark:
    """Say that it ran, or may have, before it runs again."""
    sentences = [f"Attempt {attempt} was lost and tried again: its cells may have run twice."]
    sentences += [why] if why else []
    return Remark(kind=TRIED_AGAIN, message=" ".join(sentences))


def _is_transient(error: AsyncExecError | OSError) -> bool:
    return not isinstance(error, OSError) or error.errno in TRANSIENT_ERRNOS
