"""Whichever way a list is found, of which there are several for long histories, it is the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.store import ExecutionQuery, numbers, walks
from jupyter_async_exec.store.postgres import finding as postgres_finding
from jupyter_async_exec.store.postgres import full_text as postgres_full_text
from jupyter_async_exec.store.sqlite import finding as sqlite_finding
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store import ExecutionStore

N = 17
#: How much is looked at before another way is tried: next to nothing, some, everything.
SIZES = [(0, 0), (3, 3), (0, 100), (100, 100)]
#: A condition, and for whom it holds.
CONDITIONS: list[tuple[dict[str, Any], Callable[[Execution], bool]]] = [
    ({"text": "rare"}, lambda each: each.number % 7 == 2),
    ({"text": "common"}, lambda _: True),
    ({"text": "x > 4"}, lambda each: each.number > 4),
    ({"text": "x = 9"}, lambda each: each.number == 9),
    ({"text": "owner:bob"}, lambda each: each.submitted_by == "bob"),
    ({"owners": frozenset({"ada", ""})}, lambda each: each.submitted_by != "bob"),
    ({"statuses": frozenset({Status.QUEUED})}, lambda each: each.status is Status.QUEUED),
    (
        {"statuses": frozenset({Status.RUNNING, Status.FAILED})},
        lambda each: each.status is not Status.QUEUED,
    ),
    ({"notebook": "b.ipynb"}, lambda each: each.notebook_path == "b.ipynb"),
    ({"tag": "odd"}, lambda each: "odd" in each.tags),
    ({"starred": False}, lambda each: not each.starred),
]


@pytest.fixture
def everything(store: ExecutionStore, monkeypatch: pytest.MonkeyPatch) -> list[Execution]:
    """Executions of Ada, of Bob and of nobody in every status, some with a tag and a star."""
    monkeypatch.setattr(postgres_full_text, "BLOCK_BITS", 2)
    for number in range(1, N + 1):
        store.accept(
            make_submission(
                title="common rare" if number % 7 == 2 else "common",
                notebook_path="a.ipynb" if number % 3 else "b.ipynb",
                parameters={"x": number},
                submitted_by=("ada", "bob", "")[number % 3],
            )
        )
    for number in range(1, 11):
        claimed = store.claim(backend="local")
        assert claimed is not None
        if number % 2:
            end = ExecutionFinished(at=SOME_MOMENT, status=Status.FAILED)
            store.record(claimed.id, claimed.attempt, [end])
    for number in range(1, N + 1, 2):
        store.edit(number, tags=("odd",), starred=number % 3 == 0)
    return [store.get(number) for number in range(1, N + 1)]


@pytest.mark.parametrize(("near", "few"), SIZES)
def test_a_list_is_the_same_whichever_way_it_is_found(
    store: ExecutionStore,
    everything: list[Execution],
    monkeypatch: pytest.MonkeyPatch,
    near: int,
    few: int,
) -> None:
    for module in (sqlite_finding, postgres_finding):
        monkeypatch.setattr(module, "N_NEWEST", near)
    monkeypatch.setattr(postgres_finding, "FEW", few)
    monkeypatch.setattr(walks, "NEWEST_NUMBERS", near)
    monkeypatch.setattr(numbers, "FEW", few)
    monkeypatch.setattr(numbers, "FEWER", few // 2)

    for chosen in (*combinations(CONDITIONS, 1), *combinations(CONDITIONS, 2)):
        asked, held = _together(chosen, everything)
        for newest_first in (True, False) if asked else ():
            wanted = sorted(held, reverse=newest_first)
            query = ExecutionQuery(**asked, newest_first=newest_first, limit=2)

            page = store.find(query)
            rest = store.find(replace(query, cursor=page.next_cursor or str(N * N), limit=100))

            assert [each.number for each in page.executions] == wanted[:2], query
            if page.next_cursor is not None:
                assert [each.number for each in rest.executions] == wanted[2:], query


def _together(
    chosen: tuple[tuple[dict[str, Any], Callable[[Execution], bool]], ...],
    everything: list[Execution],
) -> tuple[dict[str, Any], list[int]]:
    """Return what asks for all of that, nothing if nothing can, and who is to be found."""
    asked: dict[str, Any] = {}
    for condition, _ in chosen:
        text = " ".join(each["text"] for each in (asked, condition) if "text" in each)
        if condition.keys() & asked.keys() - {"text"}:
            return {}, []
        asked = {**asked, **condition, **({"text": text} if text else {})}
    return asked, [each.number for each in everything if all(holds(each) for _, holds in chosen)]
