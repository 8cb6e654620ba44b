"""What an adaptive sweep can search, as people write it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jupyter_async_exec.core.parameters import Parameter, ParameterType
from jupyter_async_exec.core.search_space import Choices, Interval, read_dimension, read_space
from jupyter_async_exec.core.sweep_values import ValuesError, read_values
from jupyter_async_exec.errors import InvalidParametersError, RefusedError

ANY, INT, FLOAT, STR = (
    ParameterType.ANY,
    ParameterType.INT,
    ParameterType.FLOAT,
    ParameterType.STR,
)


@pytest.mark.parametrize(
    ("text", "kind", "dimension"),
    [
        ("int(8, 128)", ANY, Interval(low=8, high=128, step=1, is_whole=True)),
        ("int(8, 128, 8)", INT, Interval(low=8, high=128, step=8, is_whole=True)),
        ("float(0, 1)", ANY, Interval(low=0.0, high=1.0)),
        ("float(0, 1, 0.3)", FLOAT, Interval(low=0.0, high=0.9, step=0.3)),
        ("float(0, 1, 0.25)", FLOAT, Interval(low=0.0, high=1.0, step=0.25)),
        ("log(1e-4, 1e-1)", ANY, Interval(low=1e-4, high=0.1, is_log=True)),
        ("log(1, 1000)", INT, Interval(low=1, high=1000, step=1, is_log=True, is_whole=True)),
        ("log(1, 1000)", FLOAT, Interval(low=1.0, high=1000.0, is_log=True)),
        ("1..5", ANY, Interval(low=1, high=5, step=1, is_whole=True)),
        ("1..6..2", ANY, Interval(low=1, high=5, step=2, is_whole=True)),
        ("5..1", INT, Interval(low=1, high=5, step=1, is_whole=True)),
        ("1..5", FLOAT, Interval(low=1.0, high=5.0)),
        ("0.1..0.5", ANY, Interval(low=0.1, high=0.5)),
        ("0.1..0.5..0.1", ANY, Interval(low=0.1, high=0.5, step=0.1)),
        ("relu, tanh", STR, Choices(("relu", "tanh"))),
        ("log(1, 2)", STR, Choices(("log(1, 2)",))),
        ("true, false", ANY, Choices((True, False))),
        (["a", None], ANY, Choices(("a", None))),
        ("geomspace(0.01, 1, 3)", ANY, Choices((0.01, 0.1, 1.0))),
    ],
)
def test_a_text_stands_for_what_is_searched(
    text: Any, kind: ParameterType, dimension: Interval | Choices
) -> None:
    assert read_dimension("x", text, kind) == dimension


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("log(0, 1)", ANY, "both ends of log(0, 1) must be above 0"),
        ("log(1, 10, 2)", ANY, "write log(low, high)"),
        ("int(8)", ANY, "write int(low, high, step)"),
        ("int(0, 1e308)", ANY, "has ends beyond 9,007,199,254,740,992"),
        ("float(-1e308, 1e308)", ANY, "is too wide to be searched"),
        ("float(0, 1, 1e-320)", ANY, "is too wide to be searched"),
        ("int(a, 8)", ANY, "'a' in int(…) is no number"),
        ("int(0.5, 8)", ANY, "must begin and end with whole numbers"),
        ("int(8, 8)", ANY, "is a single number"),
        ("float(0, 1)", INT, "`x` takes whole numbers: write int(…)"),
        ("float(0, 1, 5)", ANY, "the step of float(0, 1, 5) does not fit"),
        ("float(0, inf)", ANY, "'inf' in float(…) is no number"),
        ("glob:*.csv", ANY, "files are not searched"),
        ("linspace(0, 1, 2000)", ANY, "2,000 values to choose among; at most 1,000"),
        ("", ANY, "has no values"),
        ([], ANY, "has no values"),
        (3, ANY, "must be a list or a text"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_a_sentence(
    text: Any, kind: ParameterType, sentence: str
) -> None:
    with pytest.raises(ValuesError) as caught:
        read_dimension("x", text, kind)

    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["int(8, 128)", "float(0, 1)", "log(1e-4, 1e-1)"])
def test_a_range_to_be_searched_means_nothing_in_other_sweeps(text: str) -> None:
    with pytest.raises(ValuesError, match="needs an objective"):
        read_values("x", text, ANY)
    assert read_values("x", text, STR).at(0) == text


def test_a_space_is_checked_against_what_the_notebook_declares() -> None:
    declared = [
        Parameter(name="lr", type=FLOAT, default=0.1),
        Parameter(name="n", type=INT, default=1),
        Parameter(name="seed", type=INT, default=1),
    ]

    space = read_space(
        {"lr": "log(1e-4, 1e-1)", "n": "32, 64, 32"}, declared, typed=True, fixed={"seed": "7"}
    )

    assert space.dimensions["n"] == Choices((32, 64))
    assert space.fixed == {"seed": 7}
    assert space.size == math.inf
    with pytest.raises(InvalidParametersError, match="`nn`"):
        read_space({"nn": "1..3"}, declared, typed=True, fixed={})
    with pytest.raises(InvalidParametersError, match="`n` is given twice"):
        read_space({"n": "1..3"}, declared, typed=True, fixed={"n": 1})
    with pytest.raises(InvalidParametersError, match="mix texts and numbers"):
        read_space({"x": ["a", 1]}, [], typed=False, fixed={})
    with pytest.raises(RefusedError, match="nothing to search"):
        read_space({}, declared, typed=True, fixed={})


def test_a_drawn_number_is_written_as_a_person_would() -> None:
    assert Interval(low=1e-4, high=0.1, is_log=True).tidy(0.0123456789) == 0.0123457
    assert Interval(low=0.1, high=0.5, step=0.1).tidy(0.1 + 2 * 0.1) == 0.3
    assert Interval(low=0.0, high=1.0).tidy(0.123456789) == 0.123457
    assert Interval(low=1e6, high=1e6 + 1).tidy(1_000_000.123456789) == 1_000_000.123457
    assert Interval(low=0.123456789, high=0.5).tidy(0.12345678) == 0.1234568
