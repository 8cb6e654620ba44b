"""Parameters and metrics are found by comparing them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.events import ExecutionFinished, ExecutionStarted, MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore, numbers
from jupyter_async_exec.store.numbers import Comparison, split
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission


@pytest.mark.parametrize(
    ("text", "comparisons", "rest"),
    [
        ("val_acc > 0.9", [Comparison("val_acc", ">", 0.9)], ""),
        ("lr = 1e-2 adam", [Comparison("lr", "=", 0.01)], "adam"),
        ("lr==1e-2 adam", [Comparison("lr", "==", 0.01)], "adam"),
        ("lr=0.0 adam", [], "lr=0.0 adam"),
        ("a>=1 b ≤ -.5 words", [Comparison("a", ">=", 1.0), Comparison("b", "≤", -0.5)], "words"),
        ("optimizer=adam", [], "optimizer=adam"),
        ("lr=0.01x > 3", [], "lr=0.01x > 3"),
        ("> 3", [], "> 3"),
        ("a > 1e999", [], "a > 1e999"),
    ],
)
def test_comparisons_are_told_from_words(
    text: str, comparisons: list[Comparison], rest: str
) -> None:
    assert split(text) == (comparisons, rest)


@given(st.text(alphabet=st.sampled_from("ab1.<>=!e- \x00\"'"), max_size=30))
def test_every_question_is_split_into_something(text: str) -> None:
    comparisons, rest = split(text)

    assert len(comparisons) <= 8
    assert len(rest) <= len(text)


def run(store: ExecutionStore, metrics: dict[str, Any], **parameters: Any) -> None:
    store.accept(make_submission(parameters=parameters))
    execution = store.claim(backend="local")
    assert execution is not None
    store.record(
        execution.id,
        1,
        [
            ExecutionStarted(at=SOME_MOMENT, cells_total=1),
            *(MetricRecorded(at=SOME_MOMENT, name=n, value=v) for n, v in metrics.items()),
            ExecutionFinished(at=SOME_MOMENT, status=Status.SUCCEEDED),
        ],
    )


def found(store: ExecutionStore, text: str, **conditions: Any) -> list[int]:
    page = store.find(ExecutionQuery(text=text, **conditions))
    return [execution.number for execution in page.executions]


@pytest.mark.parametrize("few", [0, 1, numbers.FEW])
def test_executions_are_found_by_their_parameters_and_metrics(
    store: ExecutionStore, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(numbers, "FEW", few)
    run(store, {"val_acc": 0.91}, lr=0.01, opt="adam")
    run(store, {"val_acc": 0.85}, lr=0.012, opt="sgd")
    run(store, {"val_acc": "NaN"}, lr=0.01, depth="3")
    run(store, {"lr": 0.01, "val_acc": 1}, lr=0.01)

    assert found(store, "val_acc > 0.9") == [4, 1]
    assert found(store, "VAL_ACC<=0.91") == [2, 1]
    assert found(store, "lr = 0.01") == [4, 3, 1]
    assert found(store, "lr = 0.01 val_acc > 0.95") == [4]
    assert found(store, "lr != 0.01") == [2]
    assert found(store, "depth = 3") == [3]
    assert found(store, "val_acc > 0.5 adam") == [1]
    assert found(store, "val_acc > 0.5", statuses=frozenset({Status.SUCCEEDED})) == [4, 2, 1]
    assert found(store, "val_acc > 0.5", starred=False) == [4, 2, 1]
    assert found(store, "val_acc > 0.5", newest_first=False, cursor="1") == [2, 4]
    assert found(store, "none > 0") == []


def test_what_is_in_the_trash_is_not_found_and_what_comes_back_is(store: ExecutionStore) -> None:
    run(store, {"acc": 0.5}, lr=0.01)

    store.trash(1)
    in_trash = found(store, "acc > 0")
    store.untrash(1)

    assert (in_trash, found(store, "acc > 0"), found(store, "lr > 0")) == ([], [1], [1])


def test_the_last_value_counts(store: ExecutionStore) -> None:
    store.accept(make_submission(parameters={}))
    execution = store.claim(backend="local")
    assert execution is not None
    started = ExecutionStarted(at=SOME_MOMENT, cells_total=1)
    for value in (0.5, 0.7, "NaN"):
        store.record(
            execution.id, 1, [started, MetricRecorded(at=SOME_MOMENT, name="acc", value=value)]
        )
        expected = [1] if value == 0.7 else []
        assert found(store, "acc > 0.6") == expected


def change(url: str, statement: str) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM execution_numbers WHERE name = 'acc'",
        "UPDATE execution_numbers SET value = 7 WHERE kind = 'parameter'",
        "INSERT INTO execution_numbers (name, number, kind, value) VALUES ('x', 1, 'metric', 1)",
    ],
)
def test_numbers_that_differ_from_the_rows_are_found_and_made_again(
    store: ExecutionStore, store_url: str, statement: str
) -> None:
    run(store, {"acc": 0.5}, lr="0.1")
    run(store, {})
    sound = store.health.misindexed()
    change(store_url, statement)

    wrong = store.health.misindexed()
    store.health.rebuild_search()

    assert (sound, wrong, store.health.misindexed()) == ([], [1], [])


def test_an_upgrade_indexes_the_numbers_that_the_program_does(tmp_path: Path) -> None:
    kept = Path(__file__).parents[1] / "compat" / "stores" / "format-0001.sqlite"
    path = tmp_path / "store.sqlite"
    shutil.copy(kept, path)
    url = f"sqlite:///{path}"
    parameters = {"LR": "0.1", "lr": 2, "s": "1e3", "n": 3, "b": True, "w": "word", "i": "1e999"}
    parameters |= {"": 1, "big": 10**400, "z" * 201: 1}
    change(url, f"UPDATE executions SET parameters = '{json.dumps(parameters)}' WHERE number = 1")
    change(url, "UPDATE executions SET deleted_at = created_at WHERE number = 2")
    change(url, "UPDATE executions SET parameters = '{' WHERE number = 3")

    with closing(ExecutionStore(f"sqlite:///{path}")) as store:
        with closing(sqlite3.connect(path)) as connection:
            upgraded = connection.execute("SELECT * FROM execution_numbers").fetchall()
        store.health.rebuild_search()

    with closing(sqlite3.connect(path)) as connection:
        assert upgraded == connection.execute("SELECT * FROM execution_numbers").fetchall()
    assert {(name, value) for name, _, _, value in upgraded} == {
        ("lr", 0.1),
        ("s", 1000.0),
        ("n", 3.0),
        ("val_acc", 0.9),
    }
