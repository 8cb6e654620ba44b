"""Sweeps in the store: all or nothing, first the canary, in turns with everybody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import (
    AttemptReturned,
    Event,
    ExecutionFinished,
    ExecutionStarted,
)
from jupyter_async_exec.core.execution import Execution, Hold, Status, Submission, new_id
from jupyter_async_exec.core.sweeps import Sweep, SweepCounts
from jupyter_async_exec.errors import ConflictError, NotFoundError
from jupyter_async_exec.store import ExecutionQuery
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission, make_sweep

if TYPE_CHECKING:
    from jupyter_async_exec.store import ExecutionStore


def accept(
    store: ExecutionStore, n: int = 3, *, canary: bool = False, **changes: object
) -> tuple[Sweep, list[Execution]]:
    sweep, submissions = made(n, **changes)
    if canary:
        sweep = replace(sweep, canary_id=submissions[0].id)
    accepted, executions, is_new = store.sweeps.accept(sweep, submissions)
    assert is_new
    return accepted, executions


def made(n: int = 3, **changes: object) -> tuple[Sweep, list[Submission]]:
    sweep = make_sweep(**changes)
    submissions = [
        make_submission(sweep_id=sweep.id, parameters={"x": place}, title=f"x={place}")
        for place in range(n)
    ]
    return sweep, submissions


def end(
    store: ExecutionStore,
    number: int,
    status: Status = Status.SUCCEEDED,
    *,
    at: datetime = SOME_MOMENT,
) -> Execution:
    execution = store.get(number)
    event: Event = ExecutionFinished(at=at, status=status)
    return store.record(execution.id, execution.attempt, (event,))


def claim(store: ExecutionStore) -> int | None:
    execution = store.claim(backend="local")
    return None if execution is None else execution.number


def claim_all(store: ExecutionStore) -> list[int]:
    numbers = []
    while (number := claim(store)) is not None:
        numbers.append(number)
    return numbers


# ---------------------------------------------------------------- accept, get


def test_a_sweep_is_accepted_with_all_its_executions(store: ExecutionStore) -> None:
    store.accept(make_submission())

    sweep, executions = accept(store, 3)

    assert [each.number for each in executions] == [2, 3, 4]
    assert executions == [store.get(number) for number in (2, 3, 4)]
    assert (sweep.status, sweep.counts) == (Status.QUEUED, SweepCounts(queued=3))
    assert (sweep.first_number, sweep.last_number) == (2, 4)
    assert store.sweeps.read(sweep.id) == (sweep, executions)
    assert store.sweeps.get(3) == store.sweeps.get("#3") == sweep
    assert [each.type for each in store.history(3)] == ["accepted"]


def test_its_executions_are_found_like_all_others(store: ExecutionStore) -> None:
    sweep, executions = accept(store, 3)

    for query in (ExecutionQuery(sweep=sweep.id), ExecutionQuery(text="x=1"), ExecutionQuery()):
        found = store.find(query).executions
        assert {each.number for each in found} <= {1, 2, 3}
        assert executions[1] in found
    assert store.changes_since(0) == executions


def test_what_all_share_is_kept_once_and_read_with_each(store: ExecutionStore) -> None:
    accept(store, 2, provenance={"git": {"commit": "abc"}, "notes": ["a"]})

    claimed = store.claim(backend="local")

    assert claimed is not None
    walked = [execution for _, execution in store.health.walk()]
    for execution in (claimed, store.get(2), *store.running(), *walked):
        assert isinstance(execution, Execution)
        assert execution.provenance == {"git": {"commit": "abc"}, "notes": ["a"]}
    assert end(store, 1).provenance == store.get(1).provenance


def test_one_request_id_is_one_sweep_under_eight_threads(store: ExecutionStore) -> None:
    barrier = threading.Barrier(8)

    def submit(_: int) -> tuple[str, list[int], bool]:
        barrier.wait()
        sweep, executions, is_new = store.sweeps.accept(*made(3, request_id="click"))
        return sweep.id, [each.number for each in executions], is_new

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(submit, range(8)))

    assert len({sweep_id for sweep_id, _, _ in answers}) == 1
    assert [numbers for _, numbers, _ in answers] == [[1, 2, 3]] * 8
    assert sum(is_new for _, _, is_new in answers) == 1


def test_a_sweep_is_accepted_whole_or_not_at_all(store: ExecutionStore) -> None:
    sweep, submissions = made(3)
    twice = [*submissions, replace(submissions[0])]

    with pytest.raises(Exception, match="recorded already"):
        store.sweeps.accept(sweep, twice)

    assert store.counts().queued == 0
    with pytest.raises(NotFoundError):
        store.sweeps.get(sweep.id)
    assert store.accept(make_submission())[0].number == 1


@pytest.mark.parametrize("ref", ["7", "#7", "f" * 32, "x", "", "\ud800"])
def test_a_sweep_that_is_not_there_is_said_so(store: ExecutionStore, ref: str) -> None:
    with pytest.raises(NotFoundError):
        store.sweeps.get(ref)


def test_a_single_execution_is_no_sweep(store: ExecutionStore) -> None:
    store.accept(make_submission())

    with pytest.raises(NotFoundError, match=r"^#1 belongs to no sweep\.$"):
        store.sweeps.get("1")


# ---------------------------------------------------------------- the end


def test_a_sweep_is_over_when_its_last_execution_is(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 2)
    claim_all(store)
    rev = store.last_rev()

    end(store, 1)
    underway = store.sweeps.get(sweep.id)
    assert not store.sweeps.changes_since(rev)
    end(store, 2, Status.FAILED)

    assert (underway.status, underway.finished_at) == (Status.RUNNING, None)
    (ended,) = store.sweeps.changes_since(rev)
    assert (ended.status, ended.counts) == (Status.FAILED, SweepCounts(succeeded=1, failed=1))
    assert ended.finished_at is not None


def test_cancelling_a_sweep_ends_what_waits_and_asks_what_runs(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 4, canary=False)
    claim(store)

    cancelled = store.sweeps.cancel(sweep.id)

    assert cancelled.counts == SweepCounts(running=1, cancelled=3)
    assert store.get(1).cancel_requested
    assert store.get(3).message == "Cancelled before it started."
    assert [each.type for each in store.history(3)] == [
        "accepted", "cancel_requested", "execution_finished",
    ]  # fmt: skip
    end(store, 1, Status.CANCELLED)
    over = store.sweeps.get(sweep.id)
    assert (over.status, over.finished_at is None) == (Status.CANCELLED, False)
    assert store.sweeps.cancel(1) == over


# ---------------------------------------------------------------- canary, stop


def test_the_first_runs_alone_and_then_the_others(store: ExecutionStore) -> None:
    accept(store, 4, canary=True)
    assert claim_all(store) == [1]
    assert store.get(2).hold is Hold.CANARY

    end(store, 1)

    assert claim_all(store) == [2, 3, 4]
    assert store.get(2).hold is None


@pytest.mark.parametrize(
    ("status", "word"), [(Status.FAILED, "failed"), (Status.CANCELLED, "was cancelled")]
)
def test_when_the_first_fails_the_others_are_not_started(
    store: ExecutionStore, status: Status, word: str
) -> None:
    sweep, _ = accept(store, 4, canary=True)
    claim(store)
    rev = store.last_rev()

    end(store, 1, status)

    assert claim(store) is None
    assert store.get(4).status is Status.CANCELLED
    assert not store.get(4).cancel_requested
    why = f"the first execution of the sweep, #1, {word}."
    assert store.get(4).message == f"Not started: {why}"
    (over,) = store.sweeps.changes_since(rev)
    assert over.id == sweep.id
    assert over.message == f"3 of its executions were not started: {why}"
    assert over.finished_at is not None


def test_a_first_one_that_is_cancelled_while_it_waits_stops_the_others(
    store: ExecutionStore,
) -> None:
    sweep, _ = accept(store, 4, canary=True)

    store.request_cancel(1)

    assert store.sweeps.get(sweep.id).counts == SweepCounts(cancelled=4)


def test_a_first_one_that_never_began_still_goes_first(store: ExecutionStore) -> None:
    accept(store, 4, canary=True)
    claimed = store.claim(backend="local")
    assert claimed is not None
    store.record(claimed.id, 1, (AttemptReturned(at=SOME_MOMENT),))

    assert claim_all(store) == [1]


def test_after_so_many_failures_nothing_more_is_started(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 6, stop_after=2)
    assert [claim(store) for _ in range(3)] == [1, 2, 3]

    end(store, 1, Status.FAILED)
    assert store.get(4).status is Status.QUEUED
    end(store, 2, Status.FAILED)

    stopped = store.sweeps.get(sweep.id)
    assert stopped.counts == SweepCounts(running=1, failed=2, cancelled=3)
    assert stopped.message == (
        "3 of its executions were not started: 2 executions of the sweep failed."
    )
    assert stopped.finished_at is None
    end(store, 3)
    assert store.sweeps.get(sweep.id).finished_at is not None


# ---------------------------------------------------------------- add


def test_added_executions_open_a_sweep_again(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 1)
    claim(store)
    end(store, 1, Status.FAILED)
    again = make_submission(sweep_id=sweep.id, parameters={"x": 0})

    reopened, added = store.sweeps.add(sweep.id, (again,), replaced=(store.get(1).id,))

    assert [each.number for each in added] == [2]
    assert (reopened.counts, reopened.finished_at) == (SweepCounts(queued=1), None)
    claim(store)
    end(store, 2)
    assert store.sweeps.get(sweep.id).status is Status.SUCCEEDED
    assert [each.number for each in store.sweeps.read(1)[1]] == [1, 2]


# ---------------------------------------------------------------- whose turn it is


def test_a_single_execution_behind_a_sweep_of_500_is_next(store: ExecutionStore) -> None:
    accept(store, 500)

    store.accept(make_submission())

    assert [claim(store) for _ in range(3)] == [501, 1, 2]


def test_a_single_execution_is_next_also_after_another_one(store: ExecutionStore) -> None:
    store.accept(make_submission())
    claim(store)
    accept(store, 500)

    store.accept(make_submission())

    assert [claim(store) for _ in range(3)] == [502, 2, 3]


def test_a_single_execution_is_next_also_when_the_sweep_runs(store: ExecutionStore) -> None:
    accept(store, 50)
    assert [claim(store) for _ in range(10)] == list(range(1, 11))

    store.accept(make_submission())
    store.accept(make_submission())

    assert [claim(store) for _ in range(5)] == [51, 11, 52, 12, 13]


def test_single_executions_do_not_keep_a_sweep_waiting(store: ExecutionStore) -> None:
    for _ in range(20):
        store.accept(make_submission())
    accept(store, 3)

    assert [claim(store) for _ in range(7)] == [1, 21, 2, 22, 3, 23, 4]


def test_who_submits_again_and_again_does_not_starve_a_sweep(store: ExecutionStore) -> None:
    accept(store, 20)
    claimed = []
    for _ in range(10):
        store.accept(make_submission())
        claimed += [claim(store), claim(store)]

    n_of_sweep = sum(number is not None and number <= 20 for number in claimed)
    assert n_of_sweep == 10


def test_two_sweeps_take_turns(store: ExecutionStore) -> None:
    accept(store, 3)
    accept(store, 3)

    assert claim_all(store) == [1, 4, 2, 5, 3, 6]


def test_what_waited_for_its_canary_takes_no_one_else_s_turn(store: ExecutionStore) -> None:
    accept(store, 6, canary=True)
    claim(store)
    for _ in range(8):
        store.accept(make_submission())
        claim(store)
    store.accept(make_submission())
    store.accept(make_submission())

    end(store, 1)

    assert [claim(store) for _ in range(4)] == [15, 2, 16, 3]


def test_an_attempt_that_never_began_is_next_again(store: ExecutionStore) -> None:
    accept(store, 5)
    claimed = store.claim(backend="local")
    assert claimed is not None
    store.record(claimed.id, 1, (AttemptReturned(at=SOME_MOMENT),))

    assert claim_all(store) == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- history


def test_the_usual_duration_is_the_median_of_the_latest_successes(store: ExecutionStore) -> None:
    assert store.sweeps.usual_duration_s("projects/train.ipynb") is None
    for seconds in (10, 20, 60):
        execution, _ = store.accept(make_submission(id=new_id()))
        claim(store)
        ended_at = SOME_MOMENT.replace(minute=40, second=seconds % 60)
        started = ExecutionStarted(at=SOME_MOMENT.replace(minute=40, second=0), cells_total=1)
        if seconds == 60:
            ended_at = ended_at.replace(minute=41)
        done = ExecutionFinished(at=ended_at, status=Status.SUCCEEDED)
        store.record(execution.id, 1, (started, done))

    assert store.sweeps.usual_duration_s("projects/train.ipynb") == 20.0


# ---------------------------------------------------------------- add, at the same time


def test_what_failed_is_replaced_once(store: ExecutionStore) -> None:
    sweep, (execution,) = accept(store, 1)
    claim(store)
    end(store, 1, Status.FAILED)

    def again() -> Submission:
        return make_submission(sweep_id=sweep.id, parameters={"x": 0})

    store.sweeps.add(sweep.id, (again(),), replaced=(execution.id,))
    with pytest.raises(ConflictError, match="being run again already"):
        store.sweeps.add(sweep.id, (again(),), replaced=(execution.id,))

    assert len(store.sweeps.read(sweep.id)[1]) == 2


def test_what_somebody_else_added_meanwhile_is_not_added_twice(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 2)
    more = [make_submission(sweep_id=sweep.id, parameters={"x": place}) for place in (1, 2)]

    _, added = store.sweeps.add(sweep.id, more, only_new=True)
    with pytest.raises(ConflictError, match="in the sweep already"):
        store.sweeps.add(sweep.id, [replace(more[1], id=new_id())], only_new=True)

    assert [each.parameters for each in added] == [{"x": 2}]


def test_what_is_added_waits_for_the_first_one_too(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 4, canary=True)
    assert claim_all(store) == [1]

    store.sweeps.add(sweep.id, [make_submission(sweep_id=sweep.id, parameters={"x": 9})])

    assert claim(store) is None
    end(store, 1)
    assert claim_all(store) == [2, 3, 4, 5]


def test_only_failures_since_the_last_addition_count(store: ExecutionStore) -> None:
    sweep, _ = accept(store, 2, stop_after=2)
    claim_all(store)
    end(store, 1, Status.FAILED)
    end(store, 2, Status.FAILED)
    later = SOME_MOMENT + timedelta(minutes=1)
    more = [
        make_submission(sweep_id=sweep.id, parameters={"x": place}, created_at=later)
        for place in range(5, 9)
    ]
    store.sweeps.add(sweep.id, more)
    assert [claim(store), claim(store)] == [3, 4]

    end(store, 3, Status.FAILED, at=later)
    assert store.get(5).status is Status.QUEUED
    end(store, 4, Status.FAILED, at=later)

    assert store.get(5).status is Status.CANCELLED


def test_a_fresh_result_is_found_behind_one_that_ended_earlier(store: ExecutionStore) -> None:
    for _ in range(2):
        store.accept(make_submission(reuse_key="k"))
    claim_all(store)
    later = SOME_MOMENT + timedelta(minutes=1)
    end(store, 1, at=later)
    end(store, 2)

    found = store.sweeps.find_reusable(["k"], not_before=later)

    assert found["k"].number == 1
