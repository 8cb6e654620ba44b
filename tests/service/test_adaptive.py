"""Adaptive sweeps: chosen step by step, whoever is killed in between, and ended in every way."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import (
    Event,
    ExecutionFinished,
    ExecutionStarted,
    MetricRecorded,
)
from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.core.search import Search
from jupyter_async_exec.core.sweeps import Mode, SweepDefinition
from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    InvalidRequestError,
    UnavailableError,
)
from jupyter_async_exec.service import SubmitRequest, SweepRequest, adaptive
from jupyter_async_exec.service.suggestions import suggest
from jupyter_async_exec.store import ExecutionStore
from tests.conftest import make_notebook
from tests.service.conftest import make_service

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.service import ExecutionService

NOTEBOOK = make_notebook("print(lr)", parameters="lr: float = 0.1\nn: int = 1\nkind: str = 'a'")
VALUES = {"lr": "log(1e-4, 1e-1)", "n": "int(8, 128)", "kind": "relu, tanh"}
SCORE = Goal("score", Direction.MAXIMISE)


def request(
    n: int | None = 8,
    *,
    goal: Goal | None = SCORE,
    parallel: int | None = 2,
    canary: bool | None = False,
    stop_after: int | None = None,
    definition: dict[str, Any] | None = None,
    **base: Any,
) -> SweepRequest:
    asked: dict[str, Any] = {
        "values": VALUES,
        "mode": Mode.ADAPTIVE,
        "samples": n,
        "search": Search(goal=goal, parallel=parallel),
    }
    return SweepRequest(
        base=SubmitRequest(**{"path": "a.ipynb", "notebook": NOTEBOOK, **base}),
        definition=SweepDefinition(**{**asked, **(definition or {})}),
        canary=canary,
        stop_after=stop_after,
    )


def score(execution: Execution) -> float:
    return float(str(execution.parameters.get("n", 0))) / 128


def end_one(
    store: ExecutionStore, status: Status = Status.SUCCEEDED, metrics: dict[str, Any] | None = None
) -> Execution | None:
    claimed = store.claim(backend="local")
    if claimed is None:
        return None
    at = claimed.created_at + timedelta(seconds=1)
    recorded = {"score": score(claimed)} if metrics is None else metrics
    events: tuple[Event, ...] = (
        ExecutionStarted(at=at, cells_total=1),
        *(MetricRecorded(at=at, name=name, value=value) for name, value in recorded.items()),
        ExecutionFinished(at=at, status=status),
    )
    return store.record(claimed.id, claimed.attempt, events)


def run_through(service: ExecutionService, store: ExecutionStore) -> None:
    """Let everything run, one after the other, with a choice after each."""
    while end_one(store) is not None:
        service.searches.go_on()


async def members(service: ExecutionService, sweep: Sweep) -> list[Execution]:
    return (await service.sweeps.get(sweep.id))[1]


async def test_a_search_runs_as_many_as_were_wanted_and_never_more_at_once(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, first = await service.sweeps.submit(request(8, parallel=3))
    most = 0
    while end_one(store) is not None:
        service.searches.go_on()
        most = max(most, store.counts().queued + store.counts().running)

    done, executions = await service.sweeps.get(sweep.id)

    assert (len(first), sweep.counts.to_come, sweep.title) == (3, 5, "search of 8: lr, n, kind")
    assert (done.status, done.counts.total, done.counts.to_come) == (Status.SUCCEEDED, 8, 0)
    assert done.finished_at is not None
    assert most == 3
    assert len({str(each.parameters) for each in executions}) == 8
    assert [each.parent_id for each in executions] == [None] * 8
    assert done.definition["objective"] == {"metric": "score", "direction": "maximise"}


async def test_the_first_goes_alone_and_the_others_are_chosen_when_it_succeeded(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, first = await service.sweeps.submit(request(8, parallel=3, canary=None))

    before = service.searches.go_on()
    end_one(store)
    after = service.searches.go_on()

    assert (len(first), before, after) == (1, False, True)
    assert (await service.sweeps.get(sweep.id))[0].counts.queued == 3


async def test_when_the_first_fails_nothing_more_is_chosen(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(8, canary=True))

    end_one(store, Status.FAILED)

    assert not service.searches.go_on()
    done, executions = await service.sweeps.get(sweep.id)
    assert (done.status, len(executions)) == (Status.FAILED, 1)
    assert done.message is not None
    assert done.message.startswith("7 of its executions were not started: the first execution")


async def test_a_search_that_is_interrupted_anywhere_goes_on_as_if_it_was_not(
    tmp_path: Path, service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(6))
    run_through(service, store)
    undisturbed = [each.parameters for each in await members(service, sweep)]
    (tmp_path / "other").mkdir()
    address = f"sqlite:///{tmp_path / 'other' / 'store.sqlite'}"
    disturbed = ExecutionStore(address)
    other, _ = await make_service(disturbed, tmp_path / "other").sweeps.submit(request(6))

    # A new process after each step; what the one before it knew is gone.
    while end_one(disturbed) is not None:
        disturbed.close()
        disturbed = ExecutionStore(address)
        make_service(disturbed, tmp_path / "other").searches.go_on()

    _, executions = disturbed.sweeps.read(other.id)
    disturbed.close()
    assert [each.parameters for each in executions] == undisturbed


async def test_two_that_choose_at_once_choose_once(
    tmp_path: Path, service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(12, parallel=4))
    for _ in range(4):
        end_one(store)
    others = [make_service(store, tmp_path) for _ in range(4)]
    barrier = threading.Barrier(4)

    def choose(other: ExecutionService) -> None:
        barrier.wait()
        other.searches.go_on()

    await asyncio.gather(*(asyncio.to_thread(choose, other) for other in others))

    now, executions = await service.sweeps.get(sweep.id)
    assert (len(executions), now.counts.to_come) == (8, 4)
    assert len({str(each.parameters) for each in executions}) == 8


@pytest.mark.parametrize(
    ("metrics", "why"),
    [
        ({}, "no metric `score` was recorded"),
        ({"score": "NaN"}, "its metric `score` is NaN"),
        ({"score": "-Infinity"}, "its metric `score` is -Infinity"),
    ],
)
async def test_nothing_is_learned_without_a_number_and_the_execution_says_so(
    service: ExecutionService, store: ExecutionStore, metrics: dict[str, Any], why: str
) -> None:
    sweep, _ = await service.sweeps.submit(request(3, parallel=1))

    end_one(store, metrics=metrics)
    service.searches.go_on()
    run_through(service, store)

    done, (first, second, _) = await service.sweeps.get(sweep.id)
    assert done.status is Status.SUCCEEDED
    assert [each.message for each in first.remarks] == [
        f"The search learned nothing from it: {why}."
    ]
    assert second.remarks == ()


async def test_failures_are_counted_and_end_the_search(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(8, parallel=1, stop_after=2))
    for _ in range(2):
        end_one(store, Status.FAILED)
        service.searches.go_on()

    done, executions = await service.sweeps.get(sweep.id)

    assert (done.status, len(executions)) == (Status.FAILED, 2)
    assert done.message == "6 of its executions were not started: 2 executions of the sweep failed."


async def test_a_search_that_meets_something_unexpected_holds_up_no_other(
    service: ExecutionService, store: ExecutionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suggest_or_fail(*given: Any, seed: int, **named: Any) -> list[dict[str, JSONValue]]:
        if seed == 13:
            raise ValueError("A sampler of another release.")
        return suggest(*given, seed=seed, **named)

    broken, _ = await service.sweeps.submit(request(4, parallel=1, definition={"seed": 13}))
    whole, _ = await service.sweeps.submit(request(4, parallel=1))
    monkeypatch.setattr(adaptive, "suggest", suggest_or_fail)

    run_through(service, store)
    message = (await service.sweeps.get(broken.id))[0].message
    cancelled, _ = await service.sweeps.cancel(broken.id)

    assert (await service.sweeps.get(whole.id))[0].status is Status.SUCCEEDED
    assert message is not None
    assert message.startswith("The search waits: it met something unexpected")
    # It waits no longer.
    assert cancelled.message is None


async def test_a_cancelled_search_chooses_nothing_more(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(8))

    cancelled, executions = await service.sweeps.cancel(sweep.id)

    assert not service.searches.go_on()
    assert (cancelled.status, len(executions)) == (Status.CANCELLED, 2)
    assert cancelled.finished_at is not None


async def test_what_failed_is_run_again_without_ending_or_prolonging_the_search(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(4, parallel=1))
    end_one(store, Status.FAILED)
    service.searches.go_on()

    await service.sweeps.retry(sweep.id)
    run_through(service, store)

    done, executions = await service.sweeps.get(sweep.id)
    assert (done.status, done.counts.total, len(executions)) == (Status.SUCCEEDED, 4, 5)


async def test_a_small_space_ends_when_all_of_it_was_tried(
    service: ExecutionService, store: ExecutionStore
) -> None:
    values = {"values": {"kind": "a, b, c"}}
    sweep, _ = await service.sweeps.submit(request(50, definition=values))
    run_through(service, store)

    more = await service.sweeps.add(sweep.id, SweepDefinition(mode=Mode.ADAPTIVE, samples=5))
    service.searches.go_on()

    assert sweep.counts.total == 3
    assert more[0].counts.to_come == 5
    done = (await service.sweeps.get(sweep.id))[0]
    assert (done.status, done.counts.total) == (Status.SUCCEEDED, 3)
    assert done.message == "Everything that could be searched was tried."


async def test_a_search_can_go_on(service: ExecutionService, store: ExecutionStore) -> None:
    sweep, _ = await service.sweeps.submit(request(3))
    run_through(service, store)
    longer = SweepDefinition(mode=Mode.ADAPTIVE, samples=4)

    plan = await service.sweeps.plan_more(sweep.id, longer)
    more, _ = await service.sweeps.add(sweep.id, longer)
    service.searches.go_on()
    run_through(service, store)

    done, executions = await service.sweeps.get(sweep.id)
    assert (plan.count, plan.message[:18]) == (4, "4 more executions,")
    assert (more.status, more.finished_at) == (Status.RUNNING, None)
    assert (done.status, len(executions)) == (Status.SUCCEEDED, 7)
    assert len({str(each.parameters) for each in executions}) == 7


async def test_only_a_search_goes_on_and_only_with_a_number(
    service: ExecutionService, store: ExecutionStore
) -> None:
    grid, _ = await service.sweeps.submit(
        request(None, definition={"values": {"n": "1..2"}, "mode": Mode.GRID, "search": None})
    )
    search, _ = await service.sweeps.submit(request(3))
    more = SweepDefinition(mode=Mode.ADAPTIVE, samples=4)

    with pytest.raises(ConflictError, match="has no objective"):
        await service.sweeps.add(grid.id, more)
    with pytest.raises(InvalidRequestError, match="at most 1,000"):
        await service.sweeps.add(search.id, SweepDefinition(mode=Mode.ADAPTIVE, samples=998))
    with pytest.raises(InvalidRequestError, match="stays the same"):
        await service.sweeps.add(
            search.id, SweepDefinition(mode=Mode.ADAPTIVE, samples=1, values={"n": "1..2"})
        )


async def test_the_metric_that_counts_for_the_notebook_is_the_objective_unless_another_is_named(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await service.set_goal("a.ipynb", Goal("loss", Direction.MINIMISE))

    sweep, _ = await service.sweeps.submit(request(3, goal=None, parallel=None))

    assert sweep.definition["objective"] == {"metric": "loss", "direction": "minimise"}
    assert sweep.definition["parallel"] == 2


async def test_a_plan_says_how_many_and_about_how_long(
    service: ExecutionService, store: ExecutionStore
) -> None:
    plan = await service.sweeps.plan(request(8, canary=None))

    assert (plan.count, len(plan.trials)) == (8, 1)
    assert plan.message.startswith("8 executions, each chosen by what came of those before it; ")
    assert store.counts().queued == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"goal": None}, "needs an objective"),
        ({"n": None}, "needs to know how many"),
        ({"n": 1_001}, "would be 1,001 executions; at most 1,000"),
        ({"parallel": 101}, "from 1 to 100, not 101"),
        ({"definition": {"values": {}}}, "There is nothing to search"),
        ({"definition": {"values": {"nn": "1..3"}}}, "`nn`"),
        ({"definition": {"values": {"n": "float(0, 1)"}}}, "`n` takes whole numbers"),
        ({"definition": {"values": {"n": "log(0, 8)"}}}, "must be above 0"),
        ({"definition": {"values": {"kind": "glob:*.csv"}}}, "files are not searched"),
        ({"definition": {"table": [{"n": 1}]}}, "not rows of a table"),
        ({"parameters": {"n": 3}}, "`n` is given twice"),
        ({"reuse": ReusePolicy(wanted=True)}, "takes no earlier results over"),
        (
            {
                "parameters": {"api_key": "abc"},
                "notebook": make_notebook("1", parameters="api_key = ''\nn = 1\nlr = 1.\nkind=''"),
            },
            "cannot have secrets",
        ),
    ],
)
async def test_a_bad_search_is_refused_with_a_sentence_before_anything_is_queued(
    service: ExecutionService, store: ExecutionStore, changes: dict[str, Any], sentence: str
) -> None:
    for attempt in (service.sweeps.plan, service.sweeps.submit):
        with pytest.raises(AsyncExecError) as caught:
            await attempt(request(**changes))
        assert sentence in str(caught.value)

    assert store.last_rev() == 0


async def test_without_optuna_a_search_is_refused_and_one_that_began_waits(
    service: ExecutionService,
    store: ExecutionStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sweep, _ = await service.sweeps.submit(request(4, parallel=1))
    end_one(store)
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(UnavailableError, match=r"pip install 'jupyter_async_exec\[optuna\]'"):
        await service.sweeps.submit(request(4))
    for _ in range(2):
        assert not service.searches.go_on()

    waiting = (await service.sweeps.get(sweep.id))[0]
    assert waiting.counts.to_come == 3
    assert (waiting.message or "").startswith("The search waits: Adaptive sweeps need Optuna")
    said = [line for line in caplog.messages if "waits: Adaptive sweeps need Optuna" in line]
    assert len(said) == 1
    monkeypatch.undo()
    assert service.searches.go_on()
    assert (await service.sweeps.get(sweep.id))[0].message is None


async def test_the_loop_goes_on_by_itself_where_executions_are_dispatched(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request(3, parallel=1))
    is_active = False
    service.searches.start(is_active=lambda: is_active)
    end_one(store)
    service.searches.wake()
    await asyncio.sleep(0)
    before = (await service.sweeps.get(sweep.id))[0].counts.to_come
    is_active = True

    service.searches.wake()
    async with asyncio.timeout(20):
        while (await service.sweeps.get(sweep.id))[0].counts.to_come == before:
            await asyncio.sleep(0.01)
    await service.searches.stop()

    assert before == 2
    assert (await service.sweeps.get(sweep.id))[0].counts.queued == 1
