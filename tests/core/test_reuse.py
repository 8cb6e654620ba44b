"""What is the same and what is not: one changed ingredient is another key."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.reuse import Ingredients, ReusePolicy, read_policy, reuse_key
from jupyter_async_exec.errors import InvalidRequestError

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
INGREDIENTS = st.builds(
    Ingredients,
    code_id=HASHES,
    parameters=st.dictionaries(NAMES, VALUES, max_size=3),
    environment=HASHES,
    linked=LINKED,
    places=st.lists(NAMES, max_size=2),
    files=st.dictionaries(NAMES, HASHES, max_size=3),
)


def written(value: Any) -> str:
    """Return a value so that 1, 1.0 and True are three."""
    return repr(value)


def canonical(ingredients: Ingredients) -> dict[str, str]:
    """Return what is compared, written in another way than the key is."""
    return {
        "code_id": ingredients.code_id,
        "parameters": written(_sorted(dict(ingredients.parameters))),
        "environment": written(ingredients.environment),
        "linked": written(sorted(ingredients.linked or ())),
        "places": written(list(ingredients.places)),
        "files": written(sorted(ingredients.files.items())),
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
@given(first=INGREDIENTS, second=INGREDIENTS, data=st.data())
def test_a_single_changed_ingredient_is_another_key(
    first: Ingredients, second: Ingredients, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([field.name for field in fields(Ingredients)]))

    changed = replace(first, **{name: getattr(second, name)})

    is_equal = canonical(first) == canonical(changed)
    assert (reuse_key(first) == reuse_key(changed)) is is_equal


@settings(max_examples=100, deadline=None)
@given(ingredients=INGREDIENTS)
def test_the_order_in_which_things_are_named_does_not_matter(ingredients: Ingredients) -> None:
    turned = replace(
        ingredients,
        parameters=dict(reversed(list(ingredients.parameters.items()))),
        linked=list(reversed(ingredients.linked or ())),
        files=dict(reversed(list(ingredients.files.items()))),
    )

    assert reuse_key(turned) == reuse_key(ingredients)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (0, False), ("1", 1), ([], {})])
def test_values_that_python_calls_equal_are_not_the_same(one: Any, other: Any) -> None:
    keys = {
        reuse_key(Ingredients(code_id="c", parameters={"x": value}, environment="e"))
        for value in (one, other)
    }

    assert len(keys) == 2


@pytest.mark.parametrize(
    "unknown",
    [{"environment": None}, {"linked": None}, {"parameters": {"api_key": "*** 0123abcd"}}],
)
def test_what_cannot_be_told_is_never_the_same(unknown: dict[str, Any]) -> None:
    known = Ingredients(code_id="c", parameters={"x": 1}, environment="e")

    assert reuse_key(known) is not None
    assert reuse_key(replace(known, **unknown)) is None


def test_a_policy_is_a_word_or_an_age() -> None:
    assert read_policy("never") == ReusePolicy()
    assert read_policy("exact", ["a"]) == ReusePolicy(wanted=True, files=("a",))
    assert read_policy("12h").max_age_s == 43_200
    for nonsense in ("", "always", "12", "12 weeks", "-1h"):
        with pytest.raises(InvalidRequestError, match="never, exact, or an age"):
            read_policy(nonsense)
