"""Every list is answered from an index: asked of SQLite itself."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.store import (
    ExecutionQuery,
    collect_store,
    sweep_rows,
    sweep_store,
    turns,
)
from jupyter_async_exec.store.numbers import Comparison
from jupyter_async_exec.store.sqlite.finding import statement_of
from jupyter_async_exec.store.tables import executions
from jupyter_async_exec.store.walks import Asked, number_lists
from jupyter_async_exec.testing.factories import make_submission

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.store import ExecutionStore


@pytest.fixture
def store_url(store_file: Path) -> str:
    return f"sqlite:///{store_file}"


CONDITIONS: dict[str, Any] = {
    "notebook": "a.ipynb",
    "statuses": frozenset({Status.FAILED, Status.CANCELLED}),
    "sweep": "s1",
    "tag": "t",
    "starred": True,
    "text": "two words",
}
COMPARISONS = "val_acc > 0.9 lr = 0.01"
MIXTURES = [
    dict(mixture)
    for n in range(len(CONDITIONS) + 1)
    for mixture in combinations(CONDITIONS.items(), n)
]


@pytest.mark.parametrize("conditions", MIXTURES, ids="+".join)
def test_a_page_neither_scans_nor_sorts(store: ExecutionStore, conditions: dict[str, Any]) -> None:
    _check_plans(store, conditions)


@pytest.mark.parametrize("conditions", MIXTURES[:: len(MIXTURES) // 9], ids="+".join)
def test_a_comparison_neither_scans_nor_sorts(
    store: ExecutionStore, conditions: dict[str, Any]
) -> None:
    words = conditions.get("text", "")

    _check_plans(store, {**conditions, "text": f"{COMPARISONS} {words}"})


def test_a_comparison_that_holds_for_few_is_answered_by_value(store: ExecutionStore) -> None:
    query = ExecutionQuery(text="lr = 0.01 val_acc > 0.9999", cursor="50")
    rare = Comparison("val_acc", ">", 0.9999)

    plan = _plan(store, query, rare=rare)

    seeks = [step for step in plan if "SEARCH" in step]
    assert "ix_execution_numbers_value (name=? AND value>?)" in seeks[0]
    # The other one is asked of those that are found, in the order of the list.
    assert plan[-3] == "SCAN all_of"
    assert len(seeks) == 2
    assert "(number=? AND name=?)" in seeks[1]


def _check_plans(store: ExecutionStore, conditions: dict[str, Any]) -> None:
    for newest_first in (True, False):
        for cursor in (None, "50"):
            query = ExecutionQuery(newest_first=newest_first, cursor=cursor, **conditions)

            plan = _plan(store, query)

            assert plan
            for step in plan:
                assert "TEMP B-TREE" not in step
                # The full-text table says SCAN also when it seeks: its index has a number.
                assert step.startswith(("SEARCH", "CORRELATED")) or (
                    step.startswith("SCAN execution_search VIRTUAL TABLE INDEX") and "M" in step
                ), step


@pytest.mark.parametrize(
    ("conditions", "index"),
    [
        ({}, "ix_executions_live"),
        ({"notebook": "a.ipynb"}, "ix_executions_notebook"),
        ({"statuses": frozenset({Status.FAILED})}, "ix_executions_status"),
        ({"sweep": "s1"}, "ix_executions_sweep"),
        ({"tag": "t"}, "PRIMARY KEY"),
        ({"starred": True}, "execution_search VIRTUAL TABLE"),
        ({"single": True, "statuses": frozenset({Status.QUEUED})}, "ix_executions_single_status"),
    ],
)
def test_a_single_condition_has_an_index_of_its_own(
    store: ExecutionStore, conditions: dict[str, Any], index: str
) -> None:
    assert all(index in step for step in _plan(store, ExecutionQuery(**conditions)))


@pytest.mark.parametrize(
    "conditions",
    [
        {"grouped": True},
        {"grouped": True, "notebook": "a.ipynb"},
        {"sweep": "s1", "with_reused": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("cursor", [None, "50"])
def test_a_page_about_sweeps_neither_scans_a_table_nor_sorts(
    store: ExecutionStore, conditions: dict[str, Any], cursor: str | None
) -> None:
    plan = _plan(store, ExecutionQuery(cursor=cursor, **conditions))

    # All of an index of nothing but rows that may be listed is a walk, too.
    assert all(step.startswith(("SEARCH", "CORRELATED")) or "INDEX" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan)


def test_the_next_to_claim_is_found_by_an_index(store: ExecutionStore) -> None:
    store.accept(make_submission())

    with store._database.read_engine.connect() as connection:
        plans = [
            connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {query.compile(dialect=sqlite.dialect())}", parameters
            ).all()
            for query, parameters in (
                (turns._FIRST, ("local", 1, 0)),
                (turns._NEXT, ("local", "", 1, 0)),
            )
        ]

    assert [[row[-1] for row in plan] for plan in plans] == [
        ["SEARCH executions USING INDEX ix_executions_queue (backend=?)"],
        ["SEARCH executions USING INDEX ix_executions_queue (backend=? AND resources>?)"],
    ]


def test_a_sweep_is_counted_without_its_rows(store: ExecutionStore) -> None:
    with store._database.read_engine.connect() as connection:
        compiled = sweep_rows.COUNT.compile(dialect=sqlite.dialect())
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", ("s1",)).all()

    assert [row[-1] for row in plan] == [
        "SEARCH executions USING COVERING INDEX ix_executions_sweep_status (sweep_id=?)"
    ]


def test_what_may_go_is_looked_up_without_walking_through_all_executions(
    store: ExecutionStore,
) -> None:
    statement = sa.select(executions.c.number).where(
        executions.c.number.in_([1, 2]), collect_store.MAY_GO
    )

    steps = _explain(store, statement)

    assert [each for each in steps if each.startswith("SCAN") and each != "SCAN sweeps"] == []


def test_the_searches_that_go_on_are_found_by_an_index(store: ExecutionStore) -> None:
    assert any("ix_sweeps_to_come" in step for step in _explain(store, sweep_store._CHOOSING))


def _plan(
    store: ExecutionStore, query: ExecutionQuery, *, rare: Comparison | None = None
) -> list[str]:
    steps: list[str] = []
    asked = Asked.of(query)
    if asked.is_searched or asked.comparisons:
        statements = [statement_of(query, asked, rare=rare)]
    else:
        statements = number_lists(query)
    for statement in statements:
        steps += _explain(store, statement)
    return steps


def _explain(store: ExecutionStore, statement: sa.Select[Any]) -> list[str]:
    compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with store._database.read_engine.connect() as connection:
        return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
