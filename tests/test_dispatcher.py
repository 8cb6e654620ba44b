"""The dispatcher, with a real store and a backend that does what the test says."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.base import Harvest, Health
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import CellFinished, CellStarted, ExecutionStarted
from jupyter_async_exec.core.execution import Artifact, Execution, Reason, Remark, Status
from jupyter_async_exec.dispatcher import Dispatcher
from jupyter_async_exec.dispatcher.following import JOURNAL_LOST, MAX_ATTEMPTS
from jupyter_async_exec.errors import (
    CorruptObjectError,
    ObjectsAwayError,
    StartCancelledError,
    UnavailableError,
)
from jupyter_async_exec.testing.factories import make_submission
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from jupyter_async_exec.store import ExecutionStore

    Dispatch = Callable[..., AbstractAsyncContextManager[Dispatcher]]


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def dispatch(store: ExecutionStore, backend: ScriptedBackend, tmp_path: Path) -> Dispatch:
    @asynccontextmanager
    async def start(slots: int = 1) -> AsyncIterator[Dispatcher]:
        dispatcher = Dispatcher(
            store=store,
            backends={"local": backend},
            lock_path=tmp_path / "dispatcher.lock",
            slots=lambda: slots,
            start_pause_s=0.05,
        )
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            await dispatcher.stop()

    return start


def make_artifact(name: str, digit: str) -> Artifact:
    return Artifact(name=name, object_id=digit * 64, size_bytes=1, media_type="text/plain")


def submit(store: ExecutionStore) -> Execution:
    return store.accept(make_submission())[0]


def _has_started(backend: ScriptedBackend, n_attempts: int) -> bool:
    return len(backend.started) == n_attempts


def _is_final(store: ExecutionStore, execution_id: str) -> bool:
    return store.get(execution_id).is_final


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.01)


async def test_executions_start_in_the_order_they_came(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    numbers = [submit(store).number for _ in range(3)]
    async with dispatch(slots=1):
        for number in numbers:
            await until(partial(backend.attempts_by_number.__contains__, number))
            assert max(backend.attempts_by_number) == number
            backend.end(number)
        await until(lambda: store.get(3).is_final)

    assert [store.get(number).status for number in numbers] == [Status.SUCCEEDED] * 3


async def test_no_more_run_at_once_than_there_are_slots(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    for _ in range(4):
        submit(store)
    async with dispatch(slots=2):
        await until(lambda: len(backend.started) == 2)
        backend.end(1)
        await until(lambda: len(backend.started) == 3)

        assert store.counts().running == 2
        assert store.counts().queued == 1


async def test_progress_is_written_to_the_store(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        now = utc_now()
        backend.attempts_by_number[1].events += [
            ExecutionStarted(at=now, cells_total=3),
            CellStarted(at=now, cell_index=0),
            CellFinished(at=now, cell_index=0),
        ]
        await until(lambda: store.get(1).cells_done == 1)

        assert store.get(1).cells_total == 3
        assert store.get(1).started_at == now


async def test_a_cancelled_execution_ends_cancelled(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        store.request_cancel(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).status is Status.CANCELLED


async def test_what_an_attempt_leaves_behind_is_recorded(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    remark = Remark(kind="wrote_through_link", message="It wrote to data.csv.")
    backend.harvest_result = Harvest(output_object="a" * 64, remarks=(remark,))
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.end(1, Status.FAILED, reason=Reason.CELL_ERROR)
        await until(lambda: store.get(1).is_final)

    execution = store.get(1)
    assert (execution.status, execution.reason) == (Status.FAILED, Reason.CELL_ERROR)
    assert execution.output_object == "a" * 64
    assert execution.remarks == (remark,)
    assert len(backend.discarded) == 1


async def test_an_attempt_that_died_before_its_first_cell_is_tried_again(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.end(1, Status.FAILED, reason=Reason.LOST, began=False)
        await until(lambda: len(backend.started) == 2)
        backend.end(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).status is Status.SUCCEEDED
    assert store.get(1).attempt == 2


async def test_an_attempt_that_always_dies_early_is_given_up(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        for attempt in range(1, MAX_ATTEMPTS + 1):
            await until(partial(_has_started, backend, attempt))
            backend.end(1, Status.FAILED, reason=Reason.LOST, began=False)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).reason is Reason.LOST


async def test_an_attempt_that_had_begun_is_never_run_twice(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.end(1, Status.FAILED, reason=Reason.LOST, began=True)
        await until(lambda: store.get(1).is_final)

    assert (store.get(1).status, store.get(1).reason) == (Status.FAILED, Reason.LOST)
    assert len(backend.started) == 1


async def test_the_next_dispatcher_adopts_what_still_runs(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        now = utc_now()
        backend.attempts_by_number[1].events += [
            ExecutionStarted(at=now, cells_total=2),
            CellFinished(at=now, cell_index=0),
        ]
        await until(lambda: store.get(1).cells_done == 1)
    assert store.get(1).status is Status.RUNNING
    async with dispatch():
        backend.attempts_by_number[1].events.append(CellFinished(at=now, cell_index=1))
        backend.end(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).cells_done == 2
    assert len(backend.started) == 1


async def test_only_one_of_two_dispatchers_is_active(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    async with dispatch() as first:
        await until(lambda: first.is_active)
        async with dispatch() as second:
            submit(store)
            await until(lambda: 1 in backend.attempts_by_number)

            assert not second.is_active
    assert len(backend.started) == 1


async def test_what_cannot_be_started_fails_with_the_sentence(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.start_error = CorruptObjectError("The snapshot is damaged.")
    submit(store)
    async with dispatch():
        await until(lambda: store.get(1).is_final)

    execution = store.get(1)
    assert (execution.status, execution.reason) == (Status.FAILED, Reason.INTERNAL)
    assert execution.message == "The snapshot is damaged."


async def test_a_start_that_was_cancelled_meanwhile_ends_as_cancelled(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.start_error = StartCancelledError("Cancelled before it started.")
    submit(store)
    async with dispatch():
        await until(lambda: store.get(1).attempt >= 1)
        store.request_cancel(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).status is Status.CANCELLED


async def test_a_start_for_which_there_is_no_room_now_is_tried_again_later(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.start_error = UnavailableError("There is no room.")
    submit(store)
    async with dispatch():
        await until(lambda: store.get(1).attempt >= 2)
        backend.start_error = None
        await until(lambda: 1 in backend.attempts_by_number)
        backend.end(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).status is Status.SUCCEEDED


async def test_a_leftover_that_cannot_be_removed_does_not_hold_up_the_queue(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.discard_error = PermissionError("It belongs to somebody else.")
    backend.leave_behind("f" * 32)
    submit(store)
    submit(store)
    async with dispatch():
        for number in (1, 2):
            await until(partial(backend.attempts_by_number.__contains__, number))
            backend.end(number)
        await until(lambda: store.get(2).is_final)

    assert [store.get(number).status for number in (1, 2)] == [Status.SUCCEEDED] * 2


async def test_results_that_cannot_be_kept_at_once_are_tried_again(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.harvest_errors = [OSError("Too many open files"), ValueError("torn")]
    backend.harvest_result = Harvest(output_object="a" * 64)
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.end(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).output_object == "a" * 64


async def test_results_wait_for_an_object_store_that_is_away_and_are_not_given_up(
    store: ExecutionStore,
    backend: ScriptedBackend,
    dispatch: Dispatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jupyter_async_exec.dispatcher.following.HARVEST_PATIENCE_S", 0.0)
    backend.harvest_errors = [ObjectsAwayError("It does not answer.")] * 2
    backend.harvest_result = Harvest(output_object="a" * 64)
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.end(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).output_object == "a" * 64


async def test_an_adoption_that_fails_half_way_follows_nothing_twice(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
    backend.listing_errors = [OSError("Too many open files")] * 2
    async with dispatch():
        await until(lambda: not backend.listing_errors)
        now = utc_now()
        backend.attempts_by_number[1].events += [
            ExecutionStarted(at=now, cells_total=1),
            CellFinished(at=now, cell_index=0),
        ]
        backend.end(1)
        await until(lambda: store.get(1).is_final)

    assert store.get(1).cells_done == 1


async def test_an_end_is_known_before_its_processes_are_gone(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    execution = submit(store)
    async with dispatch():
        await until(lambda: _has_started(backend, 1))
        backend.end(execution.number)
        backend.attempts_by_number[execution.number].alive = True

        await until(lambda: store.get(execution.id).status is Status.SUCCEEDED)

        assert not backend.discarded


async def test_a_slot_is_free_when_the_processes_are_gone(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    first, second = submit(store), submit(store)
    async with dispatch(slots=1):
        await until(lambda: _has_started(backend, 1))
        backend.end(first.number)
        backend.attempts_by_number[first.number].alive = True
        await until(lambda: store.get(first.id).is_final)

        assert store.get(second.id).status is Status.QUEUED
        backend.attempts_by_number[first.number].alive = False

        await until(lambda: store.get(second.id).status is Status.RUNNING)


async def test_with_memory_to_spare_the_next_starts_while_the_last_is_taken_down(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.health_result = Health(has_memory_for_ending=True)
    first, second = submit(store), submit(store)
    async with dispatch(slots=1):
        await until(lambda: _has_started(backend, 1))
        backend.end(first.number)
        backend.attempts_by_number[first.number].alive = True

        await until(lambda: store.get(second.id).status is Status.RUNNING)

        assert store.get(first.id).is_final
        assert not backend.discarded


async def test_no_more_are_taken_down_beside_others_than_there_are_slots(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    backend.health_result = Health(has_memory_for_ending=True)
    first, second, third = (submit(store) for _ in range(3))
    async with dispatch(slots=1):
        for ending in (first, second):
            await until(partial(backend.attempts_by_number.__contains__, ending.number))
            backend.end(ending.number)
            backend.attempts_by_number[ending.number].alive = True
            await until(partial(_is_final, store, ending.id))

        assert store.get(third.id).status is Status.QUEUED
        backend.attempts_by_number[first.number].alive = False

        await until(lambda: store.get(third.id).status is Status.RUNNING)


async def test_what_is_written_while_processes_end_is_kept(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    execution = submit(store)
    early = make_artifact("model.bin", "a")
    backend.harvest_result = Harvest(artifacts=(early, make_artifact("log.txt", "b")))
    backend.late_result = Harvest(
        artifacts=(make_artifact("log.txt", "c"), make_artifact("bye.txt", "d")),
        remarks=(Remark(kind="wrote_through_link", message="Wrote x."),),
    )
    async with dispatch():
        await until(lambda: _has_started(backend, 1))
        backend.end(execution.number)

        await until(lambda: bool(backend.discarded))

    kept = store.get(execution.id)
    assert [(each.name, each.object_id[0]) for each in kept.artifacts] == [
        ("bye.txt", "d"),
        ("log.txt", "c"),
        ("model.bin", "a"),
    ]
    assert [remark.kind for remark in kept.remarks] == ["wrote_through_link"]


async def test_a_dispatcher_that_returns_keeps_what_was_written_at_the_very_end(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    execution = submit(store)
    async with dispatch():
        await until(lambda: _has_started(backend, 1))
        backend.end(execution.number)
        await until(lambda: bool(backend.discarded))
    backend.leave_behind(execution.id)
    backend.late_result = Harvest(artifacts=(make_artifact("bye.txt", "d"),))

    async with dispatch():
        await until(lambda: len(backend.discarded) > 1)

    assert [each.name for each in store.get(execution.id).artifacts] == ["bye.txt"]


async def test_what_had_begun_never_runs_again_even_if_its_journal_says_otherwise(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.attempts_by_number[1].events.append(CellStarted(at=utc_now(), cell_index=0))
        backend.end(1, Status.FAILED, reason=Reason.LOST, began=False)
        await until(lambda: store.get(1).status is not Status.RUNNING)

    assert (store.get(1).status, store.get(1).reason) == (Status.FAILED, Reason.LOST)
    assert len(backend.started) == 1


async def test_an_attempt_that_vanished_after_its_first_cell_is_never_run_again(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.attempts_by_number[1].events.append(CellStarted(at=utc_now(), cell_index=0))
        await until(lambda: store.get(1).current_cell == 0)
        backend.vanish(1)
        await until(lambda: store.get(1).status is not Status.RUNNING)

    assert (store.get(1).status, store.get(1).reason) == (Status.FAILED, Reason.LOST)
    assert store.get(1).message == JOURNAL_LOST
    assert len(backend.started) == 1


async def test_what_vanished_while_no_dispatcher_looked_is_never_run_again(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    submit(store)
    async with dispatch():
        await until(lambda: 1 in backend.attempts_by_number)
        backend.attempts_by_number[1].events.append(ExecutionStarted(at=utc_now(), cells_total=1))
        await until(lambda: store.get(1).started_at is not None)
    backend.vanish(1)
    async with dispatch():
        await until(lambda: store.get(1).status is not Status.RUNNING)

    assert (store.get(1).status, store.get(1).reason) == (Status.FAILED, Reason.LOST)
    assert len(backend.started) == 1


async def test_what_ended_unreadably_is_never_run_again(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    execution = submit(store)
    async with dispatch():
        await until(lambda: _has_started(backend, 1))

        backend.end_unreadably(execution.number, "Its journal cannot be read.")
        await until(lambda: store.get(execution.number).is_final)

    ended = store.get(execution.number)
    assert (ended.status, ended.reason) == (Status.FAILED, Reason.LOST)
    assert ended.message == "Its journal cannot be read."
    assert len(backend.started) == 1


async def test_late_files_that_cannot_be_kept_at_once_are_tried_again(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    execution = submit(store)
    backend.late_errors = [OSError("Too many open files")]
    backend.late_result = Harvest(artifacts=(make_artifact("bye.txt", "d"),))
    async with dispatch():
        await until(lambda: _has_started(backend, 1))
        backend.end(execution.number)
        await until(lambda: bool(backend.discarded))

    assert [each.name for each in store.get(execution.id).artifacts] == ["bye.txt"]


async def test_a_leftover_that_is_still_being_taken_down_holds_up_nobody(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    execution = submit(store)
    async with dispatch():
        await until(lambda: _has_started(backend, 1))
        backend.end(execution.number)
        backend.attempts_by_number[1].alive = True
        await until(lambda: store.get(1).is_final)
    submit(store)

    async with dispatch():
        await until(lambda: store.get(2).status is Status.RUNNING)
        assert not backend.discarded
        backend.attempts_by_number[1].alive = False
        backend.late_result = Harvest(artifacts=(make_artifact("bye.txt", "d"),))
        await until(lambda: bool(backend.discarded))

    assert [each.name for each in store.get(1).artifacts] == ["bye.txt"]


async def test_what_is_recorded_as_running_elsewhere_is_no_leftover(
    store: ExecutionStore, backend: ScriptedBackend, dispatch: Dispatch
) -> None:
    store.accept(make_submission(backend="local@before"))
    running = store.claim(backend="local@before")
    assert running is not None
    await backend.start(running)
    backend.leave_behind("f" * 32)

    async with dispatch():
        await until(lambda: bool(backend.discarded))

    assert [key.execution_id for key in backend.discarded] == ["f" * 32]
    assert store.get(1).status is Status.RUNNING


def vouch_with_error(_: Execution) -> bool:
    raise ValueError("embedded null byte")


@pytest.mark.parametrize(
    ("vouch", "is_offered"),
    [(lambda _: True, True), (lambda _: False, False), (vouch_with_error, False)],
)
async def test_a_result_of_which_not_all_is_as_submitted_is_offered_to_nobody(
    store: ExecutionStore,
    backend: ScriptedBackend,
    tmp_path: Path,
    vouch: Callable[[Execution], bool],
    is_offered: bool,
) -> None:
    store.accept(make_submission(reuse_key="k", provenance={"environment_key": "e"}))
    dispatcher = Dispatcher(
        store=store,
        backends={"local": backend},
        lock_path=tmp_path / "dispatcher.lock",
        slots=lambda: 1,
        vouch=vouch,
    )
    dispatcher.start()
    await until(lambda: 1 in backend.attempts_by_number)
    assert store.sweeps.find_reusable(["k"]) == {}

    backend.end(1)
    await until(lambda: store.get(1).is_final)

    assert list(store.sweeps.find_reusable(["k"])) == (["k"] if is_offered else [])
    await dispatcher.stop()
