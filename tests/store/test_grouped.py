"""Lists in which a sweep is one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import ExecutionFinished, MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.sweeps import Best
from jupyter_async_exec.errors import ConflictError, InvalidRequestError
from jupyter_async_exec.store import ExecutionQuery
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission, make_sweep

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.store import ExecutionPage, ExecutionStore


def sweep_of(store: ExecutionStore, n: int, **changes: Any) -> Sweep:
    sweep = make_sweep(**changes)
    submissions = [make_submission(sweep_id=sweep.id, **changes) for _ in range(n)]
    return store.sweeps.accept(sweep, submissions)[0]


def numbers(page: ExecutionPage) -> list[int]:
    return [each.number for each in page.executions]


def test_a_sweep_is_one_row_where_it_was_submitted(store: ExecutionStore) -> None:
    store.accept(make_submission())
    sweep = sweep_of(store, 3)
    store.accept(make_submission())

    page = store.find(ExecutionQuery(grouped=True))

    assert numbers(page) == [5, 2, 1]
    assert [(each.id, each.first_number, each.last_number) for each in page.sweeps] == [
        (sweep.id, 2, 4)
    ]
    assert store.find(ExecutionQuery()).sweeps == ()


def test_pages_of_rows_leave_out_none_and_repeat_none(store: ExecutionStore) -> None:
    for _ in range(4):
        sweep_of(store, 3)
        store.accept(make_submission())
    whole = numbers(store.find(ExecutionQuery(grouped=True, limit=100)))

    for newest_first in (True, False):
        found: list[int] = []
        cursor = None
        while True:
            page = store.find(
                ExecutionQuery(grouped=True, limit=3, cursor=cursor, newest_first=newest_first)
            )
            found += numbers(page)
            cursor = page.next_cursor
            if cursor is None:
                break

        assert found == (whole if newest_first else whole[::-1])


def test_rows_of_one_notebook_are_its_own(store: ExecutionStore) -> None:
    sweep_of(store, 2, notebook_path="a.ipynb")
    sweep_of(store, 2, notebook_path="b.ipynb")
    store.accept(make_submission(notebook_path="b.ipynb"))

    page = store.find(ExecutionQuery(grouped=True, notebook="b.ipynb"))

    assert numbers(page) == [5, 3]


def test_the_row_of_a_sweep_stays_while_one_of_it_is_left(store: ExecutionStore) -> None:
    sweep = sweep_of(store, 2)
    store.sweeps.cancel(sweep.id)

    store.trash(1)

    assert numbers(store.find(ExecutionQuery(grouped=True))) == [2]
    store.trash(2)
    assert numbers(store.find(ExecutionQuery(grouped=True))) == []
    store.untrash(1)
    assert numbers(store.find(ExecutionQuery(grouped=True))) == [1]


def test_a_sweep_goes_to_the_trash_and_comes_back_as_it_was(store: ExecutionStore) -> None:
    sweep = sweep_of(store, 3)
    with pytest.raises(ConflictError, match="not over yet"):
        store.sweeps.trash(sweep.id)
    store.sweeps.cancel(sweep.id)
    store.trash(2)

    gone = store.sweeps.trash(sweep.id)
    back = store.sweeps.untrash(sweep.id)

    assert (gone.first_number, gone.last_number, gone.counts.total) == (None, None, 0)
    assert (back.first_number, back.last_number, back.counts.total) == (1, 3, 2)
    assert numbers(store.find(ExecutionQuery(sweep=sweep.id))) == [3, 1]


def test_a_sweep_that_is_deleted_twice_comes_back_too(store: ExecutionStore) -> None:
    sweep = sweep_of(store, 2)
    store.sweeps.cancel(sweep.id)

    store.sweeps.trash(sweep.id)
    store.sweeps.trash(sweep.id)
    store.sweeps.untrash(sweep.id)
    back = store.sweeps.untrash(sweep.id)

    assert (back.first_number, back.last_number, back.counts.total) == (1, 2, 2)


def test_what_waits_can_be_stopped_without_what_runs(store: ExecutionStore) -> None:
    sweep = sweep_of(store, 3)
    claimed = store.claim(backend="local")

    stopped = store.sweeps.cancel(sweep.id, only_waiting=True)

    assert claimed is not None
    assert not store.get(claimed.number).cancel_requested
    assert (stopped.counts.running, stopped.counts.cancelled) == (1, 2)


def test_what_a_sweep_took_over_is_listed_with_it(store: ExecutionStore) -> None:
    store.accept(make_submission())
    store.accept(make_submission())
    sweep = make_sweep()
    store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id)], reused=[1])

    page = store.find(ExecutionQuery(sweep=sweep.id, with_reused=True))

    assert numbers(page) == [3, 1]
    assert store.sweeps.read_all([sweep.id, "none"])[0].n_reused == 1


def test_single_executions_are_found_by_status(store: ExecutionStore) -> None:
    sweep_of(store, 2)
    store.accept(make_submission())

    page = store.find(ExecutionQuery(single=True, statuses=frozenset({Status.QUEUED})))

    assert numbers(page) == [3]


@pytest.mark.parametrize(
    "conditions",
    [
        {"grouped": True, "text": "x"},
        {"grouped": True, "statuses": frozenset({Status.FAILED})},
        {"single": True, "notebook": "a.ipynb"},
        {"with_reused": True},
    ],
    ids=str,
)
def test_what_no_index_answers_is_refused(
    store: ExecutionStore, conditions: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError, match="goes together with"):
        store.find(ExecutionQuery(**conditions))


def test_the_best_so_far_is_found_among_what_did_not_fail(store: ExecutionStore) -> None:
    store.accept(make_submission())
    earlier = store.claim(backend="local")
    assert earlier is not None
    finish(store, earlier, 0.97)
    sweep = make_sweep()
    submissions = [make_submission(sweep_id=sweep.id) for _ in range(3)]
    store.sweeps.accept(sweep, submissions, reused=[1])
    for value, status in ((0.9, Status.SUCCEEDED), (0.99, Status.FAILED), (0.5, Status.SUCCEEDED)):
        claimed = store.claim(backend="local")
        assert claimed is not None
        finish(store, claimed, value, status)

    largest = store.sweeps.best(sweep.id, "val_acc", is_largest=True)
    smallest = store.sweeps.best(sweep.id, "val_acc", is_largest=False)

    assert largest == Best(number=1, metric="val_acc", value=0.97)
    assert smallest == Best(number=4, metric="val_acc", value=0.5)
    assert store.sweeps.best(sweep.id, "loss", is_largest=True) is None


def test_the_best_is_by_the_metric_that_the_goal_names_and_by_no_other_in_capitals(
    store: ExecutionStore,
) -> None:
    sweep = make_sweep()
    store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id) for _ in range(2)])
    for upper, lower in ((9.0, 0.1), (0.2, 0.5)):
        claimed = store.claim(backend="local")
        assert claimed is not None
        for name, value in (("Loss", 7.0), ("Loss", upper), ("loss", lower)):
            store.record(
                claimed.id,
                claimed.attempt,
                (MetricRecorded(at=SOME_MOMENT, name=name, value=value),),
            )

    best = {
        name: store.sweeps.best(sweep.id, name, is_largest=False)
        for name in ("Loss", "loss", "LOSS")
    }

    assert best["Loss"] == Best(number=2, metric="Loss", value=0.2)
    assert best["loss"] == Best(number=1, metric="loss", value=0.1)
    assert best["LOSS"] == Best(number=1, metric="LOSS", value=0.1)
    assert store.health.misindexed() == []


def test_a_metric_in_capitals_is_found_where_it_is_the_only_one(store: ExecutionStore) -> None:
    sweep = make_sweep()
    store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id)])
    claimed = store.claim(backend="local")
    assert claimed is not None
    event = MetricRecorded(at=SOME_MOMENT, name="Loss", value=0.2)
    store.record(claimed.id, claimed.attempt, (event,))

    best = store.sweeps.best(sweep.id, "Loss", is_largest=False)

    assert best == Best(number=1, metric="Loss", value=0.2)


def finish(
    store: ExecutionStore, execution: Execution, val_acc: float, status: Status = Status.SUCCEEDED
) -> None:
    events = (
        MetricRecorded(at=SOME_MOMENT, name="val_acc", value=val_acc),
        ExecutionFinished(at=SOME_MOMENT, status=status),
    )
    store.record(execution.id, execution.attempt, events)
