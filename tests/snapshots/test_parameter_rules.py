"""Choices, ranges and paths are read from annotations and comments, and words are no rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.parameter_rules import ValueRule
from jupyter_async_exec.core.parameters import Parameter, ParameterType, coerce_parameters
from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.snapshots.parameters import find_parameters

T = ParameterType


def find(source: str, language: str = "python") -> tuple[Parameter, ...]:
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": ["parameters"]}}
    metadata = {"language_info": {"name": language}}
    return find_parameters({"nbformat": 4, "metadata": metadata, "cells": [cell]}).parameters


def only(source: str) -> Parameter:
    (parameter,) = find(source)
    return parameter


def sentence(source: str, value: Any, language: str = "python") -> str:
    declared = find(source, language)
    with pytest.raises(InvalidParametersError) as refused:
        coerce_parameters({declared[0].name: value}, declared, typed=language.startswith("python"))
    return refused.value.message


@pytest.mark.parametrize(
    ("source", "choices"),
    [
        ("a: Literal['x', 'y'] = 'x'", ("x", "y")),
        ("a: typing.Literal[1, -2] = 1", (1, -2)),
        ("a: Literal['x'] | None = None", ("x",)),
        ("a: Optional[Literal['x', 'y', None]]", ("x", "y")),
        ("a: \"Literal['x', 'y']\" = 'x'", ("x", "y")),
        ("a: Annotated[Literal['x', 1], 'how'] = 1", ("x", 1)),
        ("a = 'x'  # choices: x, y", ("x", "y")),
        ("a = 'x'  # which one; choices: x, y; more words", ("x", "y")),
        ("a = 'x'  # Choices = [x, 'y, z', \"None\"].", ("x", "y, z", "None")),
        ("a = 1  # choices: 1, 2, 4", (1, 2, 4)),
        ("a = 0.5  # choices: 0.5, 1", (0.5, 1.0)),
        ("a = None  # choices: x, 3, None", ("x", 3)),
        ("a = f()  # choices: x, 3", ("x", 3)),
        ("a = 'x'  # type: str choices: x, y", ("x", "y")),
    ],
)
def test_choices_are_found(source: str, choices: tuple[Any, ...]) -> None:
    rule = only(source).rule

    assert rule is not None
    assert rule.choices == choices
    assert [type(each) for each in rule.choices] == [type(each) for each in choices]


@pytest.mark.parametrize(
    ("comment", "rule"),
    [
        ("range: 0..1", ValueRule(minimum=0, maximum=1)),
        ("share of units, range: -1e-3..1e3", ValueRule(minimum=-0.001, maximum=1000.0)),
        ("range: 1..", ValueRule(minimum=1)),
        ("range = ..1_000", ValueRule(maximum=1000)),
        ("0 < a <= 1", ValueRule(minimum=0, exclusive_minimum=True, maximum=1)),
        ("0 <= x < 1", ValueRule(minimum=0, maximum=1, exclusive_maximum=True)),
        ("how many (> 0)", ValueRule(minimum=0, exclusive_minimum=True)),
        ("a >= 2", ValueRule(minimum=2)),
        ("at night, x <= 2.", ValueRule(maximum=2)),
        ("min: 0, max: 99", ValueRule(minimum=0, maximum=99)),
        ("type: float 0 < x", ValueRule(minimum=0, exclusive_minimum=True)),
    ],
)
def test_ranges_are_found(comment: str, rule: ValueRule) -> None:
    assert only(f"a = 5  # {comment}").rule == rule


@pytest.mark.parametrize(
    "source",
    [
        "a = 5  # fails if x > 3 or so",
        "a = 5  # b > 3",
        "a = 5  # 0 < b < 3",
        "a = 5  # many choices",
        "a = 5  # choices: small, large",
        "a = 5  # range: small..large",
        "a = 5  # range: 3..1",
        "a = 5  # 1 < x < 1",
        "a = 5  # arrange: 1..2",
        "a = 5  # range: 1..1e999",
        "a = 'x'  # range: 0..1",
        "a = 'x'  # choices: x, 'y",
        "a = [1]  # choices: 1, 2",
        "a = True  # choices: True, False",
        "a: Literal['x'] | int = 'x'",
        "a: Literal[True] = True",
        "a: Literal[b'x'] = 1",
        "a: Literal[Colour.RED] = 1",
        "a: list[Literal['x', 'y']] = []",
    ],
)
def test_what_is_not_written_as_a_rule_is_none(source: str) -> None:
    rule = only(source).rule

    assert rule is None or rule == ValueRule(minimum=1)


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [
        (
            "a: Literal['relu', 'tanh'] = 'relu'",
            "gelu",
            '`a` must be one of "relu", "tanh", not "gelu".',
        ),
        ("a = 5  # choices: 5, 7", 6, "`a` must be one of 5, 7, not 6."),
        ("a = 5  # range: 1..10", 11, "`a` must be a whole number from 1 to 10, not 11."),
        ("a = 5  # range: 1..10", "x", '`a` must be a whole number from 1 to 10, not "x".'),
        ("a = .5  # 0 < x <= 1", 0, "`a` must be a number above 0 and at most 1, not 0.0."),
        ("a = .5  # x >= 1", "0", "`a` must be a number at least 1, not 0.0."),
        ("a = f()  # x < 1", True, "`a` must be a number below 1, not true."),
        ("a: Literal['x', 1]", "1.0", '`a` must be one of "x", 1, not "1.0".'),
        ("a: Literal[1, 2]", True, "`a` must be one of 1, 2, not true."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_does(
    source: str, value: Any, message: str
) -> None:
    assert sentence(source, value) == message


def test_in_other_languages_too() -> None:
    assert (
        sentence("lr <- 0.1 # range: 0..1", 2, "R") == "`lr` must be a number from 0 to 1, not 2."
    )


@pytest.mark.parametrize(
    ("source", "value", "taken"),
    [
        ("a: Literal['x', 1]", "1", 1),
        ("a: Literal[1, 2]", "2", 2),
        ("a = 5  # range: 1..10", " 7 ", 7),
        ("a = f()  # x > 0", "0.5", 0.5),
        ("a = f()  # x > 0", "3", 3),
        ("a: Literal['x'] | None = None", "None", None),
        ("a: Literal['x', 'None'] | None = None", "None", "None"),
        # What the notebook has itself is never refused.
        ("a = 0  # 1 <= x", 0, 0),
        ("a: float = 0  # 1 <= x", 0.0, 0.0),
        ("a = 'z'  # choices: x, y", "z", "z"),
    ],
)
def test_a_value_that_fits_is_taken(source: str, value: Any, taken: Any) -> None:
    declared = find(source)

    read = coerce_parameters({"a": value}, declared, typed=True)

    assert read == {"a": taken}
    assert type(read["a"]) is type(taken)


@pytest.mark.parametrize(
    ("source", "default", "constructor"),
    [
        ("a = Path('d.csv')", "d.csv", "Path"),
        ("a: pathlib.Path = pathlib.Path('d.csv')  # where", "d.csv", "pathlib.Path"),
        ("a: Path = Path.home() / 'd.csv'", None, "Path"),
        ("a: Path = find()", None, "Path"),
        ("a: Path", None, "Path"),
        ("a: Path | None = None", None, None),
        ("a: Path = 'd.csv'", "d.csv", None),
        ("a = 'd.csv'  # path", "d.csv", None),
        ("a = 'd.csv'  # the data; path", "d.csv", None),
    ],
)
def test_paths_are_known(source: str, default: str | None, constructor: str | None) -> None:
    parameter = only(source)

    assert parameter.is_path
    assert (parameter.type, parameter.default) == (T.STR, default)
    assert parameter.constructor == constructor


@given(comment=st.text(st.characters()) | st.text("choicesrangemixy <>=.0123456789,'\"[]()-+e;:_"))
def test_no_comment_makes_it_fail(comment: str) -> None:
    line = comment.replace("\n", " ").replace("\r", " ")
    for default in ("1", "0.5", "'x'", "None", "f()"):
        find(f"a = {default}  # {line}")
