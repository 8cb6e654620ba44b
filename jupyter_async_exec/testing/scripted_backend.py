"""A backend without processes: the test says what each attempt does and when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from typing_extensions import override

from jupyter_async_exec.backends.base import AttemptKey, Backend, Harvest, Health, Observation
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.runner.result import Result

if TYPE_CHECKING:
    from jupyter_async_exec.core.events import Event
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.errors import AsyncExecError


@dataclass
class ScriptedAttempt:
    """One attempt, as the test moves it."""

    execution: Execution
    events: list[Event] = field(default_factory=list)
    result: Result | None = None
    alive: bool = True
    cancelled: bool = False
    is_unreadable: bool = False


class ScriptedBackend(Backend):
    """Attempts begin when the dispatcher starts them and end when the test says so.

    Attributes
    ----------
    attempts_by_number
        The newest attempt of each execution, by its number.
    health_result
        How it is.
    start_error
        Raised by `start` when set.
    harvest_result, late_result
        What every attempt leaves behind with its result, and after it.
    discard_error
        Raised by every `discard` when set.
    harvest_errors, late_errors, listing_errors
        Raised by `harvest`, `harvest_late` and `attempts`, one a call, until none is left.
    """

    def __init__(self, name: str = "local") -> None:
        self.name = name
        self.health_result = Health()
        self.attempts_by_number: dict[int, ScriptedAttempt] = {}
        self.started: list[AttemptKey] = []
        self.discarded: list[AttemptKey] = []
        self.start_error: AsyncExecError | None = None
        self.harvest_result = Harvest()
        self.late_result = Harvest()
        self.discard_error: Exception | None = None
        self.harvest_errors: list[Exception] = []
        self.late_errors: list[Exception] = []
        self.listing_errors: list[Exception] = []
        self._attempts: dict[AttemptKey, ScriptedAttempt] = {}
        self._leftovers: list[AttemptKey] = []

    def leave_behind(self, execution_id: str) -> None:
        """Hold something of an attempt that no store knows."""
        self._leftovers.append(AttemptKey(execution_id, 1))

    def vanish(self, number: int) -> None:
        """Forget the newest attempt of execution `number`, as if its folder were removed."""
        execution = self.attempts_by_number[number].execution
        del self._attempts[AttemptKey(execution.id, execution.attempt)]

    def end(
        self,
        number: int,
        status: Status = Status.SUCCEEDED,
        *,
        reason: Reason | None = None,
        began: bool = True,
    ) -> None:
        """End the newest attempt of execution `number`."""
        attempt = self.attempts_by_number[number]
        now = utc_now()
        attempt.result = Result(
            attempt=attempt.execution.attempt,
            status=status,
            reason=reason,
            message=None,
            error=None,
            started_at=now if began else None,
            finished_at=now,
            cells_total=1,
            machine={},
        )
        attempt.alive = False

    def end_unreadably(self, number: int, message: str) -> None:
        """End the newest attempt of execution `number` as one that cannot be read."""
        self.end(number, Status.FAILED, reason=Reason.LOST, began=False)
        attempt = self.attempts_by_number[number]
        assert attempt.result is not None
        attempt.result = replace(attempt.result, message=message, cells_total=None)
        attempt.is_unreadable = True

    @override
    async def health(self) -> Health:
        return self.health_result

    @override
    async def start(self, execution: Execution) -> None:
        if self.start_error is not None:
            raise self.start_error
        key = AttemptKey(execution.id, execution.attempt)
        if key not in self._attempts:
            attempt = ScriptedAttempt(execution)
            self._attempts[key] = attempt
            self.attempts_by_number[execution.number] = attempt
            self.started.append(key)

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        attempt = self._attempts.get(key)
        if attempt is None:
            now = utc_now()
            lost = Result(
                attempt=key.attempt,
                status=Status.FAILED,
                reason=Reason.LOST,
                message="It is not known here.",
                error=None,
                started_at=None,
                finished_at=now,
                cells_total=None,
                machine={},
            )
            return Observation(offset=offset, result=lost, alive=False)
        return Observation(
            events=tuple(attempt.events[offset:]),
            offset=len(attempt.events),
            result=attempt.result,
            alive=attempt.alive,
            is_unreadable=attempt.is_unreadable,
        )

    @override
    async def cancel(self, key: AttemptKey) -> None:
        attempt = self._attempts.get(key)
        if attempt is not None:
            attempt.cancelled = True
            self.end(attempt.execution.number, Status.CANCELLED)

    @override
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        if self.harvest_errors:
            raise self.harvest_errors.pop()
        return self.harvest_result

    @override
    async def harvest_late(self, key: AttemptKey) -> Harvest:
        if self.late_errors:
            raise self.late_errors.pop()
        return self.late_result

    @override
    async def discard(self, key: AttemptKey) -> None:
        if self.discard_error is not None:
            raise self.discard_error
        self._attempts.pop(key, None)
        self.discarded.append(key)

    @override
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        return None

    @override
    async def read_log(
        self, key: AttemptKey, *, offset: int, limit_bytes: int
    ) -> tuple[bytes, int]:
        return b"", 0

    @override
    async def attempts(self) -> tuple[AttemptKey, ...]:
        if self.listing_errors:
            raise self.listing_errors.pop()
        return (*self._attempts, *self._leftovers)
