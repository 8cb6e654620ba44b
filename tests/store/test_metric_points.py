"""Points of metrics come back as they were recorded, and take little room."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.events import ExecutionStarted, MetricRecorded
from jupyter_async_exec.core.metric_series import NO_STEP, MetricSeries
from jupyter_async_exec.store.metric_points import CHUNK_POINTS, pack, unpack
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store import ExecutionStore

WORD = st.integers(NO_STEP, 2**63 - 1)


@given(st.lists(st.tuples(st.none() | WORD, WORD, st.floats()), max_size=40))
def test_points_come_back_as_they_were_packed(
    points: list[tuple[int | None, int, float]],
) -> None:
    series = MetricSeries("loss")
    for step, time_ms, value in points:
        series.append(step, time_ms, value)

    again = unpack("loss", len(series), pack(series))

    assert (again.steps, again.times_ms) == (series.steps, series.times_ms)
    assert again.values.tobytes() == series.values.tobytes()


@pytest.mark.parametrize("damage", [b"", b"x", pack(MetricSeries("loss"))])
def test_damaged_points_are_said_to_be(damage: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpack("loss", 3, damage)


def test_points_are_kept_in_the_order_they_came(store: ExecutionStore) -> None:
    execution = start(store)
    n_recorded = 0
    for size in (1, 3, CHUNK_POINTS - 5, 2, 2 * CHUNK_POINTS + 7, 1):
        store.record(execution.id, 1, [points("loss", n_recorded, size), points("acc", 0, 1)])
        n_recorded += size

    _, (acc, loss), counts = store.metrics(execution.number)

    assert list(loss.steps) == list(range(n_recorded))
    assert list(loss.values) == [step / 2 for step in range(n_recorded)]
    assert (acc.name, loss.name) == ("acc", "loss")
    assert counts == {"acc": 6, "loss": n_recorded}
    assert store.get(1).metrics == {"loss": (n_recorded - 1) / 2, "acc": 0.0}


@pytest.mark.parametrize("known", [0, 1, CHUNK_POINTS, CHUNK_POINTS + 3, 9_999])
def test_only_what_is_not_known_yet_is_read(store: ExecutionStore, known: int) -> None:
    execution = start(store)
    n_points = 2 * CHUNK_POINTS
    store.record(execution.id, 1, [points("loss", 0, n_points), points("acc", 0, 1)])

    _, (loss,), _ = store.metrics(1, names=["loss", "none"], after={"loss": known})

    assert list(loss.steps) == list(range(known, n_points))
    assert loss.offset == min(known, n_points)


def test_values_that_are_no_numbers_are_kept_as_what_they_are(store: ExecutionStore) -> None:
    execution = start(store)
    for value in ("NaN", "Infinity", "-Infinity", 3, None):
        event = MetricRecorded(at=SOME_MOMENT, name="loss", value=value)
        store.record(execution.id, 1, [event])

    _, (loss,), _ = store.metrics(1)

    assert [str(value) for value in loss.values] == ["nan", "inf", "-inf", "3.0", "nan"]
    assert list(loss.steps) == [NO_STEP] * 5


def test_a_journal_that_is_read_again_records_nothing_twice(store: ExecutionStore) -> None:
    execution = start(store)
    store.record(execution.id, 1, [points("loss", 0, 5), points("gone", 0, 1)])

    again = ExecutionStarted(at=SOME_MOMENT, cells_total=1)
    store.record(execution.id, 1, [again, points("loss", 0, 7)])

    _, series, _ = store.metrics(1)
    assert [(each.name, len(each)) for each in series] == [("loss", 7)]


def test_a_late_report_of_an_earlier_attempt_records_nothing(store: ExecutionStore) -> None:
    execution = start(store)

    store.record(execution.id, 0, [points("loss", 0, 5)])

    assert store.metrics(1)[1] == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_hundred_thousand_points_take_at_most_24_bytes_each(store: ExecutionStore) -> None:
    execution = start(store)
    before = size_of(store)
    random.seed(0)
    for first in range(0, 100_000, 1_000):
        event = MetricRecorded(
            at=SOME_MOMENT + timedelta(seconds=first),
            name="loss",
            value=random.random(),
            step=first + 999,
            earlier=tuple((first + n, random.random()) for n in range(999)),
        )
        store.record(execution.id, 1, [event])

    assert store.metrics(1)[2] == {"loss": 100_000}
    assert (size_of(store) - before) / 100_000 <= 24


def start(store: ExecutionStore) -> Execution:
    store.accept(make_submission())
    execution = store.claim(backend="local")
    assert execution is not None
    return store.record(execution.id, 1, [ExecutionStarted(at=SOME_MOMENT, cells_total=1)])


def points(name: str, first: int, size: int) -> MetricRecorded:
    last = first + size - 1
    return MetricRecorded(
        at=SOME_MOMENT,
        name=name,
        value=last / 2,
        step=last,
        earlier=tuple((step, step / 2) for step in range(first, last)),
    )


def size_of(store: ExecutionStore) -> int:
    with store._database.read_engine.connect() as connection:
        n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        page_bytes = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return int(n_pages) * int(page_bytes)
