"""What differs, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core import differences
from jupyter_async_exec.core.differences import (
    Cell,
    CellDifference,
    ValueDifference,
    compare_cells,
    compare_values,
    facts_of,
    sentence_part,
    shown,
)

SOURCES = st.lists(st.sampled_from(["a = 1", "b = 2\nc = 3", "a = 2", "print(a)", "import os"]))


def code(*sources: str) -> list[Cell]:
    return [Cell("code", source) for source in sources]


def test_an_edited_cell_is_told_from_added_and_removed_ones() -> None:
    before = code("import os", "rate = 0.01\nfit(rate)", "print(1)", "gone()")
    after = code("import os", "entirely new", "rate = 0.003\nfit(rate)", "print(1)")

    found = compare_cells(before, after)

    assert [(each.change, each.before, each.after) for each in found] == [
        ("added", None, 1),
        ("changed", 1, 2),
        ("removed", 3, None),
    ]
    assert found[0].lines == ("@@ -0,0 +1 @@", "+entirely new")
    assert found[1].lines == ("@@ -1,2 +1,2 @@", "-rate = 0.01", "+rate = 0.003", " fit(rate)")
    assert found[2].lines == ("@@ -1 +0,0 @@", "-gone()")


def test_a_text_that_becomes_code_is_another_cell() -> None:
    found = compare_cells([Cell("markdown", "a = 1")], code("a = 1"))

    assert sorted(each.change for each in found) == ["added", "removed"]


@given(SOURCES, SOURCES)
def test_every_cell_is_the_same_or_told_once(before: list[str], after: list[str]) -> None:
    found = compare_cells(code(*before), code(*after))

    old = [each.before for each in found if each.before is not None]
    new = [each.after for each in found if each.after is not None]
    assert len(set(old)) == len(old)
    assert len(set(new)) == len(new)
    same_old = [source for index, source in enumerate(before) if index not in old]
    same_new = [source for index, source in enumerate(after) if index not in new]
    assert same_old == same_new
    for each in found:
        if each.change == "changed":
            assert each.before is not None
            assert each.after is not None
            assert before[each.before] != after[each.after]


def test_values_that_are_equal_in_json_do_not_differ() -> None:
    before: dict[str, Any] = {"a": 1, "b": [1, {"c": 2}], "d": True, "e": None, "f": "x"}
    after: dict[str, Any] = {"a": 1.0, "b": [1, {"c": 2}], "d": 1, "f": "x", "g": 3}

    assert compare_values(before, after) == [
        ValueDifference("d", True, 1),
        ValueDifference("e", None, None),
        ValueDifference("g", None, 3),
    ]


def test_a_sentence_names_what_differs_and_counts_what_is_too_much() -> None:
    cells = [
        CellDifference(change="changed", kind="code", before=at, after=at) for at in (4, 6)
    ] + [CellDifference(change="added", kind="markdown", before=None, after=1)]
    packages = [ValueDifference(name, "1", "2") for name in ("a", "b", "c", "d")]

    assert sentence_part(
        [ValueDifference("lr", 0.01, 0.003)],
        cells,
        environment=[ValueDifference("numpy", "1.26", "2.1")],
    ) == "lr 0.01 → 0.003, cells 5 and 7, numpy 1.26 → 2.1"  # fmt: skip
    assert sentence_part(environment=packages) == "a 1 → 2, b 1 → 2, 2 more packages"
    assert sentence_part(cells=cells * 2) == "4 cells"
    assert sentence_part() == ""


def test_what_came_or_went_is_said_so() -> None:
    removed = CellDifference(change="removed", kind="code", before=2, after=None)

    assert sentence_part([ValueDifference("lr", None, 0.1)], [removed]) == "lr 0.1, cell 3 removed"
    assert sentence_part([ValueDifference("lr", "adam", None)]) == "lr no longer adam"


def test_a_value_is_shown_short() -> None:
    assert shown({"a": [1, "é"]}) == '{"a": [1, "é"]}'
    assert shown("two\nlines") == "two lines"
    assert shown("x" * 99) == "x" * 39 + "…"


def test_an_environment_is_flat_facts() -> None:
    environment = {
        "python": "3.12.1",
        "implementation": "CPython",
        "n_cpus": 8,
        "gpus": [],
        "packages": {"numpy": "2.1"},
    }

    assert facts_of(environment) == {
        "Python": "CPython 3.12.1",
        "number of processors": 8,
        "numpy": "2.1",
    }


def test_hundreds_of_changed_cells_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [Cell("code", f"{n} " + "x" * 1_000) for n in range(500)]
    after = [Cell("code", f"{n} " + "y" * 1_000) for n in range(500)]
    monkeypatch.setattr(differences, "_most_alike", lambda *_: pytest.fail("takes seconds"))

    found = compare_cells(before, [*after, Cell("code", "new")], with_lines=False)

    assert sentence_part(cells=found, edited=" edited") == "500 cells edited, cell 501 added"
    assert not any(each.lines for each in found)


@given(SOURCES, SOURCES)
def test_cells_compared_by_their_positions_are_told_once_too(
    before: list[str], after: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(differences, "_MOST_STEPS", -1)
        patch.setattr(differences, "_MOST_CHARACTERS", -1)
        found = compare_cells(code(*before), code(*after))

    differing = [at for at, pair in enumerate(zip(before, after, strict=False)) if len({*pair}) > 1]
    assert [each.after for each in found if each.change == "changed"] == differing
    assert len(found) == len(differing) + abs(len(before) - len(after))
