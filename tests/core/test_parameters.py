"""Given values become what the notebook declares, or a sentence for each says why not."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.parameters import (
    Parameter,
    ParameterType,
    coerce_parameters,
    is_parameter_name,
)
from jupyter_async_exec.errors import InvalidParametersError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = ParameterType
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.sets(st.integers())
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=10,
)
parameters = st.builds(
    Parameter,
    name=st.sampled_from(["a", "b", "lr"]),
    type=st.sampled_from(list(T)),
    required=st.booleans(),
    nullable=st.booleans(),
)


def make(kind: ParameterType, *, nullable: bool = False, required: bool = False) -> Parameter:
    return Parameter(name="a", type=kind, nullable=nullable, required=required)


def refusal(
    values: Mapping[str, object], declared: Sequence[Parameter] = (), *, typed: bool = True
) -> dict[str, str]:
    with pytest.raises(InvalidParametersError) as caught:
        coerce_parameters(values, declared, typed=typed)
    fields: dict[str, str] = caught.value.details["fields"]
    assert all(sentence.endswith((".", "?")) for sentence in fields.values())
    assert str(caught.value) == " ".join(fields.values())
    return fields


@pytest.mark.parametrize(
    ("kind", "given_value", "expected"),
    [
        (T.INT, "7", 7),
        (T.INT, " -7 ", -7),
        (T.INT, 7.0, 7),
        (T.INT, 10**30, 10**30),
        (T.FLOAT, 1, 1.0),
        (T.FLOAT, "1e-3", 0.001),
        (T.BOOL, "true", True),
        (T.BOOL, "False", False),
        (T.STR, "7", "7"),
        (T.STR, "null", "null"),
        (T.LIST, "[1, 2]", [1, 2]),
        (T.LIST, (1, 2), [1, 2]),
        (T.DICT, '{"a": [null]}', {"a": [None]}),
        (T.NONE, None, None),
        (T.NONE, "7", "7"),
        (T.ANY, {"x": [1.5]}, {"x": [1.5]}),
        (T.ANY, None, None),
    ],
)
def test_a_value_becomes_the_declared_type(
    kind: ParameterType, given_value: object, expected: object
) -> None:
    coerced = coerce_parameters({"a": given_value}, [make(kind)], typed=True)

    assert coerced == {"a": expected}
    assert type(coerced["a"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "given_value"),
    [
        (T.INT, 1.5),
        (T.INT, "1.5"),
        (T.INT, "seven"),
        (T.INT, True),
        (T.INT, None),
        (T.INT, "9" * 5_000),
        (T.FLOAT, True),
        (T.FLOAT, "nan"),
        (T.FLOAT, math.inf),
        (T.FLOAT, 10**400),
        (T.FLOAT, ""),
        (T.BOOL, 1),
        (T.BOOL, "yes"),
        (T.STR, 7),
        (T.STR, None),
        (T.LIST, "{}"),
        (T.LIST, "[1,"),
        (T.LIST, "[NaN]"),
        (T.DICT, []),
        (T.DICT, "[" * 100_000),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_a_sentence(
    kind: ParameterType, given_value: object
) -> None:
    assert list(refusal({"a": given_value}, [make(kind)])) == ["a"]


@pytest.mark.parametrize("value", [None, "null", "None"])
def test_null_is_taken_where_the_notebook_allows_it(value: object) -> None:
    assert coerce_parameters({"a": value}, [make(T.INT, nullable=True)], typed=True) == {"a": None}


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [math.inf],
        "\0",
        "\ud800",
        {"\ud800": 1},
        {1: 2},
        b"bytes",
        {1},
        "x" * 1_000_001,
        1 << 5_000,
    ],
)
def test_what_json_cannot_carry_is_refused_in_every_language(value: object) -> None:
    for typed in (True, False):
        assert list(refusal({"a": value}, typed=typed)) == ["a"]


def test_a_value_nested_too_deeply_or_in_itself_is_refused() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    laughs: list[object] = ["ha"]
    for _ in range(15):
        laughs = [laughs] * 10

    assert list(refusal({"a": cycle, "b": laughs})) == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1a",
        "a b",
        "a-b",
        "class",
        "None",
        "__init__",
        "a" * 129,
        "a\n",
        "a=1;b",
        "x\0",
        "\ud800",
        "os.system",
    ],
)
def test_a_hostile_name_is_refused_in_every_language(name: str) -> None:
    assert not is_parameter_name(name)
    for typed in (True, False):
        json.dumps(refusal({name: 1}, typed=typed)).encode()


@pytest.mark.parametrize("name", ["a", "_a", "learning_rate", "größe", "match", "a" * 128])
def test_a_python_identifier_is_a_name(name: str) -> None:
    assert coerce_parameters({name: 1}, (), typed=False) == {name: 1}


def test_an_unknown_name_is_refused_with_the_closest_known_one() -> None:
    declared = [Parameter(name="learning_rate"), Parameter(name="epochs")]

    fields = refusal({"learning_rat": 1, "zzz": 2}, declared)

    assert "`learning_rate`" in fields["learning_rat"]
    assert "`epochs`" in fields["zzz"]


def test_any_valid_name_is_taken_when_the_notebook_declares_none() -> None:
    assert coerce_parameters({"anything": [1]}, (), typed=True) == {"anything": [1]}


def test_an_untyped_language_takes_values_as_they_are() -> None:
    assert coerce_parameters({"a": "7", "b": 1}, [make(T.INT)], typed=False) == {"a": "7", "b": 1}


def test_a_parameter_without_default_must_be_given() -> None:
    assert list(refusal({}, [make(T.INT, required=True)])) == ["a"]
    assert coerce_parameters({"a": 1}, [make(T.INT, required=True)], typed=True) == {"a": 1}


def test_all_problems_are_told_at_once() -> None:
    declared = [make(T.INT), Parameter(name="b", type=T.BOOL), Parameter(name="c", required=True)]

    assert set(refusal({"a": "x", "b": 3, "class": 1}, declared)) == {"a", "b", "c", "class"}


def test_what_is_returned_shares_nothing_with_what_was_given() -> None:
    inner: list[int] = []

    coerced = coerce_parameters({"a": inner}, (), typed=True)
    inner.append(1)

    assert coerced == {"a": []}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    values=st.dictionaries(st.text(st.characters()) | st.sampled_from(["a", "b", "lr"]), anything),
    declared=st.lists(parameters, max_size=3),
    typed=st.booleans(),
)
def test_nothing_but_our_refusal_leaves_and_the_rest_survives_json(
    values: dict[str, object], declared: list[Parameter], typed: bool
) -> None:
    try:
        coerced = coerce_parameters(values, declared, typed=typed)
    except InvalidParametersError as error:
        json.dumps(error.details, allow_nan=False).encode()
        str(error).encode()
    else:
        assert json.loads(json.dumps(coerced, allow_nan=False)) == coerced
        assert list(coerced) == list(values)
