"""What the dispatcher does with attempts that were lost after their code may have begun."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from jupyter_async_exec.backends.base import AttemptKey, Health
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import ExecutionStarted
from jupyter_async_exec.core.execution import TRIED_AGAIN, Execution, Reason, Status
from jupyter_async_exec.dispatcher import Dispatcher, following, loop
from jupyter_async_exec.errors import NoRoomError, UnavailableError
from jupyter_async_exec.testing.factories import make_submission
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from jupyter_async_exec.store import ExecutionStore


class Far(ScriptedBackend):
    """A cluster: what is lost there is tried once more, and no wish to cancel arrives."""

    lost_retries = 1

    def __init__(self) -> None:
        super().__init__("far")
        self.health_result = Health(slots=2)

    @override
    async def cancel(self, key: AttemptKey) -> None:
        pass

    async def lose(self, number: int, attempt: int, *, began: bool = True) -> None:
        """Let an attempt begin, and be lost."""
        await until(lambda: self.has_started(number, attempt))
        if began:
            begun = ExecutionStarted(at=utc_now(), cells_total=1)
            self.attempts_by_number[number].events.append(begun)
        self.end(number, Status.FAILED, reason=Reason.LOST, began=began)

    async def succeed(self, number: int, attempt: int) -> None:
        """Let an attempt end well."""
        await until(lambda: self.has_started(number, attempt))
        self.end(number)

    def has_started(self, number: int, attempt: int) -> bool:
        """Whether an attempt of that number was started here."""
        newest = self.attempts_by_number.get(number)
        return newest is not None and newest.execution.attempt == attempt


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "HEALTH_INTERVAL_S", 0.02)
    monkeypatch.setattr(loop, "IDLE_INTERVAL_S", 0.02)


@asynccontextmanager
async def dispatching(store: ExecutionStore, tmp_path: Path, far: Far) -> AsyncIterator[None]:
    dispatcher = Dispatcher(
        store=store,
        backends={"far": far},
        lock_path=tmp_path / "dispatcher.lock",
        slots=lambda: 1,
        start_pause_s=0.02,
    )
    dispatcher.start()
    try:
        yield
    finally:
        await dispatcher.stop()


def submit(store: ExecutionStore) -> Execution:
    return store.accept(make_submission(backend="far"))[0]


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.005)


async def ended(store: ExecutionStore, number: int = 1) -> Execution:
    await until(lambda: store.get(number).is_final)
    return store.get(number)


def kinds(execution: Execution) -> list[str]:
    return [remark.kind for remark in execution.remarks]


async def test_what_was_lost_is_tried_once_more_and_says_so(
    store: ExecutionStore, far: Far, tmp_path: Path
) -> None:
    submit(store)

    async with dispatching(store, tmp_path, far):
        await far.lose(1, attempt=1)
        await far.succeed(1, attempt=2)
        execution = await ended(store)

    assert (execution.status, execution.attempt) == (Status.SUCCEEDED, 2)
    (remark,) = execution.remarks
    assert remark.kind == TRIED_AGAIN
    assert remark.message == "Attempt 1 was lost and tried again: its cells may have run twice."


async def test_what_is_lost_twice_is_lost(store: ExecutionStore, far: Far, tmp_path: Path) -> None:
    submit(store)

    async with dispatching(store, tmp_path, far):
        await far.lose(1, attempt=1)
        await far.lose(1, attempt=2)
        execution = await ended(store)

    assert (execution.reason, execution.attempt) == (Reason.LOST, 2)
    assert kinds(execution) == [TRIED_AGAIN]


async def test_where_nothing_is_tried_again_it_is_lost_at_once(
    store: ExecutionStore, far: Far, tmp_path: Path
) -> None:
    far.lost_retries = 0
    submit(store)

    async with dispatching(store, tmp_path, far):
        await far.lose(1, attempt=1)
        execution = await ended(store)

    assert (execution.reason, execution.attempt) == (Reason.LOST, 1)
    assert kinds(execution) == []


@pytest.mark.parametrize("reason", [None, *(each for each in Reason if each is not Reason.LOST)])
async def test_an_end_that_is_known_is_not_tried_again(
    store: ExecutionStore, far: Far, tmp_path: Path, reason: Reason | None
) -> None:
    status = Status.FAILED if reason else Status.CANCELLED
    submit(store)

    async with dispatching(store, tmp_path, far):
        await until(lambda: 1 in far.attempts_by_number)
        far.end(1, status, reason=reason)
        execution = await ended(store)

    assert (execution.status, execution.reason) == (status, reason)
    assert execution.attempt == 1


async def test_what_was_to_be_cancelled_is_not_tried_again(
    store: ExecutionStore, far: Far, tmp_path: Path
) -> None:
    submit(store)

    async with dispatching(store, tmp_path, far):
        await until(lambda: 1 in far.attempts_by_number)
        store.request_cancel(1)
        await far.lose(1, attempt=1)
        execution = await ended(store)

    assert (execution.reason, execution.attempt) == (Reason.LOST, 1)


async def test_what_waited_for_room_was_never_lost(
    store: ExecutionStore, far: Far, tmp_path: Path
) -> None:
    far.start_error = UnavailableError("far: every worker is busy.")
    submit(store)

    async with dispatching(store, tmp_path, far):
        await until(lambda: store.get(1).attempt > 2)
        far.start_error = None
        await until(lambda: 1 in far.attempts_by_number)
        first = store.get(1).attempt
        await far.lose(1, attempt=first)
        await far.succeed(1, attempt=first + 1)
        execution = await ended(store)

    assert execution.status is Status.SUCCEEDED
    assert kinds(execution) == [TRIED_AGAIN]


async def test_who_finds_no_room_waits_however_often(
    store: ExecutionStore, far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MAX_STARTS", 2)
    far.start_error = NoRoomError("far: no worker is free.")
    submit(store)

    async with dispatching(store, tmp_path, far):
        await until(lambda: store.get(1).attempt > 3)
        far.start_error = None
        await until(lambda: 1 in far.attempts_by_number)
        far.end(1)
        execution = await ended(store)

    assert execution.status is Status.SUCCEEDED


async def test_what_died_before_its_first_cell_is_no_remark(
    store: ExecutionStore, far: Far, tmp_path: Path
) -> None:
    submit(store)

    async with dispatching(store, tmp_path, far):
        await far.lose(1, attempt=1, began=False)
        await far.succeed(1, attempt=2)
        execution = await ended(store)

    assert (execution.status, kinds(execution)) == (Status.SUCCEEDED, [])


async def test_the_next_dispatcher_knows_what_was_tried_again(
    store: ExecutionStore, far: Far, tmp_path: Path
) -> None:
    submit(store)
    async with dispatching(store, tmp_path, far):
        await far.lose(1, attempt=1)
        await until(lambda: far.has_started(1, attempt=2))

    async with dispatching(store, tmp_path, far):
        await far.lose(1, attempt=2)
        execution = await ended(store)

    assert (execution.reason, execution.attempt) == (Reason.LOST, 2)
    assert kinds(execution) == [TRIED_AGAIN]
