"""What a person can ask about sweeps, with a real store and a backend that only waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core import fan_in
from jupyter_async_exec.core.events import ExecutionFinished, ExecutionStarted
from jupyter_async_exec.core.execution import Collect, Status
from jupyter_async_exec.core.sweeps import Mode, SweepCounts, SweepDefinition
from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    InvalidParametersError,
    InvalidRequestError,
    QueueFullError,
    RefusedError,
)
from jupyter_async_exec.runner.vault import SECRETS, Vault
from jupyter_async_exec.service import SubmitRequest, SweepRequest
from jupyter_async_exec.service.admission import RoomLimits
from tests.conftest import make_notebook
from tests.service.conftest import make_service

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.service import ExecutionService
    from jupyter_async_exec.store import ExecutionStore

NOTEBOOK = make_notebook("print(lr, n)", parameters="lr: float = 0.1\nn: int = 1")


def request(
    values: dict[str, object] | None = None,
    *,
    canary: bool | None = None,
    stop_after: int | None = None,
    definition: dict[str, Any] | None = None,
    **base: Any,
) -> SweepRequest:
    return SweepRequest(
        base=SubmitRequest(**{"path": "a.ipynb", "notebook": NOTEBOOK, **base}),
        definition=SweepDefinition(values=values or {}, **(definition or {})),
        canary=canary,
        stop_after=stop_after,
    )


def end(store: ExecutionStore, number: int, status: Status = Status.SUCCEEDED) -> None:
    claimed = store.claim(backend="local")
    assert claimed is not None
    assert claimed.number == number
    # No execution starts before it was submitted.
    moment = claimed.created_at
    started = ExecutionStarted(at=moment, cells_total=1)
    ended = ExecutionFinished(at=moment + timedelta(seconds=30), status=status)
    store.record(claimed.id, claimed.attempt, (started, ended))


async def test_a_sweep_is_one_snapshot_and_many_executions(service: ExecutionService) -> None:
    sweep, executions = await service.sweeps.submit(
        request({"lr": "0.1, 0.01"}, parameters={"n": "3"}, tags=("t",))
    )

    assert [each.parameters for each in executions] == [
        {"n": 3, "lr": 0.1},
        {"n": 3, "lr": 0.01},
    ]
    assert {each.snapshot_id for each in executions} == {sweep.snapshot_id}
    assert {each.sweep_id for each in executions} == {sweep.id}
    assert [each.title for each in executions] == ["lr=0.1", "lr=0.01"]
    assert executions[0].tags == ("t",)
    assert sweep.title == "sweep of 2: lr"
    assert sweep.definition == {
        "values": {"lr": "0.1, 0.01"},
        "table": [],
        "mode": "grid",
        "samples": None,
        "seed": 0,
        "parameters": {"n": 3},
    }
    execution, receipt = await service.receipt("2")
    assert receipt["kernel"]["name"] == "python3"
    assert (await service.sweeps.get("1"))[0].id == sweep.id
    assert execution.sweep_id == sweep.id


async def test_a_name_for_the_sweep_leads_the_titles(service: ExecutionService) -> None:
    sweep, executions = await service.sweeps.submit(request({"n": "1, 2"}, title="Depth"))

    assert (sweep.title, executions[1].title) == ("Depth", "Depth: n=2")


async def test_a_click_that_is_sent_twice_is_one_sweep(service: ExecutionService) -> None:
    first, _ = await service.sweeps.submit(request({"n": "1..3"}, request_id="click"))

    again, executions = await service.sweeps.submit(request({"n": "1..3"}, request_id="click"))

    assert again.id == first.id
    assert [each.number for each in executions] == [1, 2, 3]


@pytest.mark.parametrize(
    ("n", "canary", "has_one"),
    [(3, None, False), (4, None, True), (4, False, False), (2, True, True), (1, True, False)],
)
async def test_the_first_goes_alone_from_four_on_or_as_one_chooses(
    service: ExecutionService, n: int, canary: bool | None, has_one: bool
) -> None:
    sweep, executions = await service.sweeps.submit(request({"n": f"1..{n}"}, canary=canary))

    assert sweep.canary_id == (executions[0].id if has_one else None)


@pytest.mark.parametrize(
    "bad",
    [
        request({}),
        request({"n": "1..1000000"}),
        request({"rate": "1, 2"}),
        request({"n": "1, x"}),
        request({"n": "1, 2"}, parameters={"lr": "fast"}),
        request({"n": "1, 2"}, kernel_name="absent"),
        request({"n": "1, 2"}, backend="moon"),
        request({"n": "1, 2"}, stop_after=0),
        request({"n": "1, 2"}, definition={"mode": Mode.RANDOM}),
    ],
)
async def test_a_bad_sweep_is_refused_before_anything_is_queued(
    service: ExecutionService, store: ExecutionStore, bad: SweepRequest
) -> None:
    for ask in (service.sweeps.plan, service.sweeps.submit):
        with pytest.raises((RefusedError, InvalidParametersError, InvalidRequestError)) as caught:
            await ask(bad)

        assert caught.value.message.endswith(".")
    assert store.last_rev() == 0


async def test_a_plan_says_how_many_and_about_how_long(
    service: ExecutionService, store: ExecutionStore
) -> None:
    unknown = await service.sweeps.plan(request({"n": "1..9"}))
    await service.submit(SubmitRequest(path="a.ipynb", notebook=NOTEBOOK))
    end(store, 1)

    plan = await service.sweeps.plan(request({"n": "1..9"}, parameters={"lr": 1}))

    assert (unknown.count, unknown.duration_s) == (9, None)
    # One alone, then eight in two slots, 30 s each.
    assert (plan.count, plan.duration_s) == (9, 150.0)
    assert plan.message == "9 executions, about 2 min."
    assert plan.trials[0] == {"lr": 1.0, "n": 1}
    assert len(plan.trials) == 9
    assert (await service.sweeps.plan(request({"n": "1..2"}))).message == (
        "2 executions, about 30 s."
    )
    assert store.counts().queued == 0


async def test_what_failed_is_run_again_and_nothing_else(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request({"n": "1..3"}))
    for number, status in ((1, Status.SUCCEEDED), (2, Status.FAILED), (3, Status.CANCELLED)):
        if status is Status.CANCELLED:
            await service.cancel("3")
        else:
            end(store, number, status)

    again, executions = await service.sweeps.retry(sweep.id, submitted_by="ada")

    assert [each.parameters["n"] for each in executions] == [1, 2, 3, 2]
    assert executions[3].submitted_by == "ada"
    assert again.counts == SweepCounts(queued=1, succeeded=1, cancelled=1)
    with pytest.raises(ConflictError, match="Nothing in this sweep failed"):
        await service.sweeps.retry(sweep.id)
    end(store, 4, Status.FAILED)
    assert len((await service.sweeps.retry("1"))[1]) == 5


async def test_what_was_not_started_after_a_failure_is_run_with_it(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await service.sweeps.submit(request({"n": "1..4"}))
    end(store, 1, Status.FAILED)

    sweep, _ = await service.sweeps.retry("1")

    assert sweep.counts == SweepCounts(queued=4)
    assert sweep.message is None
    for number in (5, 6, 7, 8):
        end(store, number)
    assert (await service.sweeps.get("1"))[0].status is Status.SUCCEEDED


async def test_what_was_run_again_counts_once_for_who_compares_and_collects(
    service: ExecutionService, store: ExecutionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, _ = await service.sweeps.submit(request({"n": "1..2"}))
    end(store, 1)
    end(store, 2, Status.FAILED)
    await service.sweeps.retry(sweep.id)
    end(store, 3)
    monkeypatch.setattr(fan_in, "MOST_SOURCES", 2)

    compared = await service.compare(sweep=sweep.id)
    notebook = make_notebook("executions", parameters="executions = []")
    collect = Collect(sweep_id=sweep.id)
    collecting = await service.submit(
        SubmitRequest(path="b.ipynb", notebook=notebook, collect=collect)
    )

    assert [row["number"] for row in compared["executions"]] == [1, 3]
    sources = service.fan_in.hand_over(collecting).provenance["handed"]["value"]
    assert [each["number"] for each in sources] == [1, 3]


async def test_more_can_be_added_and_what_is_there_is_not_added_twice(
    service: ExecutionService,
) -> None:
    sweep, _ = await service.sweeps.submit(request({"n": "1..3"}, parameters={"lr": 0.5}))

    _, executions = await service.sweeps.add(sweep.id, SweepDefinition(values={"n": "2..5"}))

    assert [each.parameters for each in executions[3:]] == [
        {"lr": 0.5, "n": 4},
        {"lr": 0.5, "n": 5},
    ]
    assert executions[4].snapshot_id == sweep.snapshot_id
    with pytest.raises(ConflictError, match="in the sweep already"):
        await service.sweeps.add("1", SweepDefinition(values={"n": "1..5"}))
    with pytest.raises(AsyncExecError, match="no parameter `m`"):
        await service.sweeps.add("1", SweepDefinition(values={"m": "1..5"}))


async def test_what_would_be_added_is_said_and_nothing_is_added(
    service: ExecutionService, store: ExecutionStore
) -> None:
    sweep, _ = await service.sweeps.submit(request({"n": "1..3"}, parameters={"lr": 0.5}))
    end(store, 1)

    plan = await service.sweeps.plan_more("1", SweepDefinition(values={"n": "2..9"}))
    nothing = await service.sweeps.plan_more("1", SweepDefinition(values={"n": "1..3"}))

    assert (plan.count, plan.n_reused, plan.trials[0]) == (6, 2, {"lr": 0.5, "n": 4})
    assert plan.message == "6 more executions, and 2 that the sweep has already, about 90 s."
    assert (nothing.count, nothing.n_reused) == (0, 3)
    assert len((await service.sweeps.get(sweep.id))[1]) == 3
    with pytest.raises(AsyncExecError, match="no parameter `m`"):
        await service.sweeps.plan_more("1", SweepDefinition(values={"m": "1..5"}))


async def test_two_retries_at_once_run_what_failed_once(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await service.sweeps.submit(request({"n": "1..2"}))
    for number in (1, 2):
        end(store, number, Status.FAILED)

    retries = (service.sweeps.retry("1") for _ in range(2))
    answers = await asyncio.gather(*retries, return_exceptions=True)

    assert sum(isinstance(each, ConflictError) for each in answers) == 1
    assert len((await service.sweeps.get("1"))[1]) == 4


async def test_equal_trials_are_one_and_a_retry_mends_the_sweep(
    service: ExecutionService, store: ExecutionStore
) -> None:
    _, executions = await service.sweeps.submit(request({"n": "1, 1, 2"}))
    assert [each.parameters["n"] for each in executions] == [1, 2]
    for number in (1, 2):
        end(store, number, Status.FAILED)

    await service.sweeps.retry("1")
    for number in (3, 4):
        end(store, number)

    assert (await service.sweeps.get("1"))[0].status is Status.SUCCEEDED


async def test_one_of_a_sweep_can_be_run_again_by_itself(
    service: ExecutionService, store: ExecutionStore
) -> None:
    await service.sweeps.submit(request({"n": "1..2"}))
    end(store, 1)

    single = await service.rerun("1")

    assert single.sweep_id is None
    assert store.get(single.id).provenance == store.get(1).provenance


SECRETIVE = make_notebook("print(n)", parameters="api_key = ''\nn: int = 1")


async def test_a_secret_waits_for_each_execution_and_stands_in_no_record(
    service: ExecutionService, store: ExecutionStore, tmp_path: Path
) -> None:
    secretive = request({"n": "1..2"}, notebook=SECRETIVE, parameters={"api_key": "sesame-open"})
    vault = Vault(tmp_path / SECRETS)

    sweep, executions = await service.sweeps.submit(secretive)

    assert "sesame" not in str(sweep) + str(executions)
    assert {name for name, _ in vault.kept()} == {each.id for each in executions}
    end(store, 1, Status.FAILED)
    with pytest.raises(InvalidParametersError, match="--secret api_key"):
        await service.sweeps.retry(sweep.id)


async def test_a_sweep_is_given_its_secret_again_to_run_again_and_to_grow(
    service: ExecutionService, store: ExecutionStore, tmp_path: Path
) -> None:
    secretive = request({"n": "1..2"}, notebook=SECRETIVE, parameters={"api_key": "sesame-open"})
    sweep, executions = await service.sweeps.submit(secretive)
    end(store, 1, Status.FAILED)
    end(store, 2)
    vault = Vault(tmp_path / SECRETS)
    more = SweepDefinition(values={"n": "2..3"})

    plan = await service.sweeps.plan_more("1", more, secrets={"api_key": "sesame-open"})
    planned = {name for name, _ in vault.kept()}
    await service.sweeps.retry("1", secrets={"api_key": "sesame-open"})
    _, executions = await service.sweeps.add("1", more, secrets={"api_key": "sesame-open"})

    assert (plan.count, plan.n_reused, planned) == (1, 1, {each.id for each in executions[:2]})
    assert [each.parameters["n"] for each in executions] == [1, 2, 1, 3]
    # Equal values are seen to be equal.
    assert len({each.parameters["api_key"] for each in executions}) == 1
    assert {name for name, _ in vault.kept()} == {each.id for each in executions}
    assert vault.path(executions[3].id).read_text().count("sesame-open") == 1
    assert (await service.sweeps.get(sweep.id))[0].counts.queued == 2


async def test_a_sweep_whose_secret_has_changed_can_be_run_again_more_than_once(
    service: ExecutionService, store: ExecutionStore
) -> None:
    secretive = request({"n": "1"}, notebook=SECRETIVE, parameters={"api_key": "sesame-open"})
    await service.sweeps.submit(secretive)
    end(store, 1, Status.FAILED)
    await service.sweeps.retry("1", secrets={"api_key": "another-one"})
    end(store, 2, Status.FAILED)

    _, executions = await service.sweeps.retry("1", secrets={"api_key": "another-one"})

    assert len(executions) == 3


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ({}, "`api_key` is a secret, and secrets are not kept: give its value again"),
        ({"api_key": ""}, "give its value again"),
        ({"api_key": "sesame-open", "n": 3}, "`n` is no secret that this sweep was given"),
    ],
)
async def test_what_is_not_the_secret_of_a_sweep_is_refused(
    service: ExecutionService,
    store: ExecutionStore,
    tmp_path: Path,
    secrets: dict[str, Any],
    sentence: str,
) -> None:
    secretive = request({"n": "1"}, notebook=SECRETIVE, parameters={"api_key": "sesame-open"})
    _, (execution,) = await service.sweeps.submit(secretive)
    end(store, 1, Status.FAILED)

    for ask in (
        service.sweeps.retry("1", secrets=secrets),
        service.sweeps.add("1", SweepDefinition(values={"n": "7"}), secrets=secrets),
    ):
        with pytest.raises(InvalidParametersError) as caught:
            await ask
        assert sentence in caught.value.message
    assert {name for name, _ in Vault(tmp_path / SECRETS).kept()} == {execution.id}


async def test_a_secret_does_not_vary(service: ExecutionService, store: ExecutionStore) -> None:
    with pytest.raises(InvalidParametersError, match="can be given but not varied") as caught:
        await service.sweeps.submit(request({"api_key": "sesame, open"}, notebook=SECRETIVE))

    assert "sesame" not in str(caught.value)
    assert store.last_rev() == 0


async def test_a_sweep_that_does_not_fit_the_queue_is_refused_whole(
    store: ExecutionStore, tmp_path: Path
) -> None:
    service = make_service(store, tmp_path, room_limits=RoomLimits(max_queued=5))
    await service.sweeps.submit(request({"n": "1..3"}, request_id="click"))

    with pytest.raises(QueueFullError):
        await service.sweeps.submit(request({"n": "1..3"}))

    assert store.counts().queued == 3
    again, _ = await service.sweeps.submit(request({"n": "1..3"}, request_id="click"))
    assert again.first_number == 1
