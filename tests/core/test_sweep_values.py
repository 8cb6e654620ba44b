"""Several values for one parameter, as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_async_exec.core.parameters import ParameterType
from jupyter_async_exec.core.sweep_values import (
    MAX_TRIALS,
    ValuesError,
    check_one_kind,
    datum_pattern,
    read_values,
)

ANY = ParameterType.ANY


def read(given: object, kind: ParameterType = ANY) -> list[Any]:
    values = read_values("x", given, kind)
    return [values.at(place) for place in range(values.n)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1, 0.01", [0.1, 0.01]),
        ("7", [7]),
        ("1..5", [1, 2, 3, 4, 5]),
        ("5..1", [5, 4, 3, 2, 1]),
        ("-1..1", [-1, 0, 1]),
        ("0..10..5", [0, 5, 10]),
        ("0.1..0.5..0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("1..3, 7, 9..10", [1, 2, 3, 7, 9, 10]),
        ("linspace(0, 1, 11)", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("linspace(2, 3, 1)", [2.0]),
        ("logspace(-4, -1, 4)", [0.0001, 0.001, 0.01, 0.1]),
        ("geomspace(0.0001, 0.1, 4)", [0.0001, 0.001, 0.01, 0.1]),
        ("geomspace(-1, -100, 3)", [-1.0, -10.0, -100.0]),
        ("true, False, null", [True, False, None]),
        ('relu, "a, b", tanh', ["relu", "a, b", "tanh"]),
        ("it's, fine", ["it's", "fine"]),
        ("[1, 2], [3]", [[1, 2], [3]]),
        ('{"a": "x, y"}, {"a": 2}', [{"a": "x, y"}, {"a": 2}]),
        (' "7" ', ["7"]),
    ],
)
def test_a_text_stands_for_these_values(text: str, values: list[Any]) -> None:
    assert read(text) == values
    assert [type(value) for value in read(text)] == [type(value) for value in values]


def test_a_list_is_taken_as_it_is() -> None:
    assert read(["1..3", 2, None]) == ["1..3", 2, None]


def test_what_is_declared_as_text_has_no_ranges_and_no_functions() -> None:
    assert read("1..3, random(0, 1)", ParameterType.STR) == ["1..3", "random(0, 1)"]
    assert read("'a, b', \"c\\n\"", ParameterType.STR) == ["a, b", "c\n"]


def test_what_is_declared_otherwise_is_read_later_like_a_form_field() -> None:
    assert read("true, false", ParameterType.BOOL) == ["true", "false"]
    assert read("[1], [2]", ParameterType.LIST) == ["[1]", "[2]"]


def test_equal_seeds_draw_equal_values_of_the_declared_type() -> None:
    assert read("random(0, 1, 5, 7)", ParameterType.FLOAT) == read(
        "random(0.0, 1.0, 5, 7)", ParameterType.FLOAT
    )
    assert read("random(0, 1, 5, 7)", ParameterType.FLOAT) != read(
        "random(0, 1, 5, 8)", ParameterType.FLOAT
    )
    # Written down, because a study must be drawn the same by every release.
    assert read("random(1, 10, 5, 7)") == [4, 2, 7, 1, 6]
    assert read("random(0.0, 1.0, 2, 7)") == [0.32383276483316237, 0.15084917392450192]


def test_whole_numbers_are_drawn_from_the_whole_range() -> None:
    assert set(read("random(1, 3, 100, 0)")) == {1, 2, 3}


def test_a_long_range_is_counted_and_not_made() -> None:
    assert read_values("x", "1..1000000000000", ANY).n == 10**12


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "`x` has no values; give it at least one."),
        ("0.1,,0.2", "Between two commas of `x` there is no value."),
        ('"a', 'a quote " is opened and never closed.'),
        ("[1, 2", "a bracket is opened and never closed."),
        ("0.1..0.5", "needs a step, such as `0.1..0.5..0.1`."),
        ("1..5..0", "The step of the range `1..5..0` of `x` is 0."),
        ("1e999..2", "'1e999' is no number to count with."),
        ("linspace(0, 1)", "write linspace(a, b, n), such as linspace(0, 1, 5)."),
        ("linspace(0, one, 5)", "'one' in linspace(…) is no number"),
        ("linspace(0, 1, 0)", "must be a whole number of at least 1."),
        ("linspace(0, 1, 2000000)", f"at most {MAX_TRIALS:,} are taken."),
        ("logspace(0.1, 1000, 3)", "takes exponents"),
        ("geomspace(0, 1, 3)", "must be above 0, or both below."),
        ("random(0, 1, 5)", "write random(low, high, n, seed)"),
        ("1..20000, 5", f"more than {MAX_TRIALS:,} values."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValuesError) as caught:
        read(text)

    assert sentence in str(caught.value)


def test_neither_a_number_nor_an_empty_list_is_several_values() -> None:
    several: tuple[object, ...] = (5, [], {"a": 1})
    for given in several:
        with pytest.raises(ValuesError):
            read(given)


@pytest.mark.parametrize("values", [[1, 2.5, None], ["a", "b"], [[1], ["x"]], [True, False], []])
def test_values_of_one_kind_go_together(values: list[Any]) -> None:
    check_one_kind("x", values)


@pytest.mark.parametrize("values", [[1, "a"], [True, 1], [[1], 1], [{"a": 1}, "a"]])
def test_values_of_several_kinds_do_not(values: list[Any]) -> None:
    with pytest.raises(ValuesError, match=r"^The values of `x` mix "):
        check_one_kind("x", values)


def test_files_are_named_by_a_pattern() -> None:
    assert datum_pattern(" glob: data/*.csv ") == "data/*.csv"
    assert datum_pattern("data/*.csv") is None
    assert datum_pattern(["glob:x"]) is None
