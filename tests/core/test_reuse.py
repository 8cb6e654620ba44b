"""What is the same and what is not: one changed ingredient is another key."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.reuse import (
    Ingredients,
    ReusePolicy,
    capture_key,
    read_policy,
    reuse_key,
)
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.testing.factories import make_submission

NAMES = st.text("abc_", min_size=1, max_size=4)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
LINKED = st.lists(
    st.tuples(NAMES, st.integers(0, 9), st.integers(0, 9)), max_size=3, unique_by=lambda f: f[0]
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that decides what an execution computes, one by one."""

    code_id: str = "c"
    linked: list[tuple[str, int, int]] | None = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=lambda: {"x": 1})
    environment: str | None = "e"
    files: dict[str, str] = field(default_factory=dict)


FACTS = st.builds(
    Facts,
    code_id=HASHES,
    parameters=st.dictionaries(NAMES, VALUES, max_size=3),
    environment=HASHES,
    linked=LINKED,
    places=st.lists(NAMES, max_size=2),
    files=st.dictionaries(NAMES, HASHES, max_size=3),
)


def key_of(facts: Facts) -> str | None:
    capture = capture_key(code_id=facts.code_id, linked=facts.linked, places=facts.places)
    return reuse_key(
        Ingredients(
            capture=capture,
            parameters=facts.parameters,
            environment=facts.environment,
            files=facts.files,
        )
    )


def canonical(facts: Facts) -> dict[str, str]:
    """Return what is compared, written in another way than the key is."""
    # `repr` tells 1, 1.0 and True apart.
    return {
        "code_id": facts.code_id,
        "parameters": repr(_sorted(facts.parameters)),
        "environment": repr(facts.environment),
        "linked": repr(sorted(facts.linked or ())),
        "places": repr(facts.places),
        "files": repr(sorted(facts.files.items())),
    }


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return sorted((name, _sorted(inner)) for name, inner in value.items())
        case list():
            return [_sorted(inner) for inner in value]
        case _:
            return value


@settings(max_examples=300, deadline=None)
@given(first=FACTS, second=FACTS, data=st.data())
def test_a_single_changed_ingredient_is_another_key(
    first: Facts, second: Facts, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([field.name for field in fields(Facts)]))

    changed = replace(first, **{name: getattr(second, name)})

    is_equal = canonical(first) == canonical(changed)
    assert (key_of(first) == key_of(changed)) is is_equal


@settings(max_examples=100, deadline=None)
@given(facts=FACTS)
def test_the_order_in_which_things_are_named_does_not_matter(facts: Facts) -> None:
    turned = replace(
        facts,
        parameters=dict(reversed(facts.parameters.items())),
        linked=list(reversed(facts.linked or ())),
        files=dict(reversed(facts.files.items())),
    )

    assert key_of(turned) == key_of(facts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (1.0, True),
        (0, False),
        (None, "None"),
        ("1", 1),
        ([], {}),
        ([1], [1.0]),
    ],
)
def test_values_that_python_calls_equal_are_not_the_same(one: Any, other: Any) -> None:
    keys = {key_of(Facts(parameters={"x": value})) for value in (one, other)}

    assert len(keys) == 2


@pytest.mark.parametrize(
    "unknown",
    [{"environment": None}, {"linked": None}, {"parameters": {"api_key": "*** 0123abcd"}}],
)
def test_what_cannot_be_told_is_never_the_same(unknown: dict[str, Any]) -> None:
    assert key_of(Facts()) is not None
    assert key_of(Facts(**unknown)) is None


def test_a_policy_is_a_word_or_an_age() -> None:
    assert read_policy("never") == ReusePolicy()
    assert read_policy("exact", ["a"]) == ReusePolicy(wanted=True, files=("a",))
    assert read_policy("12h").max_age_s == 43_200
    for nonsense in ("", "always", "12", "12 weeks", "-1h"):
        with pytest.raises(InvalidRequestError, match="never, exact, or an age"):
            read_policy(nonsense)


@pytest.mark.parametrize(("backend", "key"), [("local", "a" * 64), ("gpu box", None)])
def test_what_runs_elsewhere_has_no_key_that_says_what_it_runs_in_here(
    backend: str, key: str | None
) -> None:
    assert make_submission(backend=backend, reuse_key="a" * 64).reuse_key == key
