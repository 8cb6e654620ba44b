"""How one submission unfolds to many executions, and what is refused before it does."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.parameters import Parameter, ParameterType
from jupyter_async_exec.core.sweep_values import MAX_TRIALS
from jupyter_async_exec.core.sweeps import (
    Expansion,
    Mode,
    SweepCounts,
    SweepDefinition,
    expand,
)
from jupyter_async_exec.errors import AsyncExecError, InvalidParametersError, RefusedError

DECLARED = (
    Parameter(name="lr", type=ParameterType.FLOAT, default=0.1),
    Parameter(name="n", type=ParameterType.INT, default=1),
    Parameter(name="name", type=ParameterType.STR, default=""),
    Parameter(name="anything"),
)


def unfold(fixed: dict[str, object] | None = None, **definition: Any) -> Expansion:
    return expand(SweepDefinition(**definition), DECLARED, typed=True, fixed=fixed or {})


def test_a_grid_is_every_value_with_every_other_the_last_fastest() -> None:
    expansion = unfold(values={"lr": "0.1, 0.01", "n": "1..3"})

    assert expansion.names == ("lr", "n")
    assert [tuple(trial.values()) for trial in expansion.trials] == [
        (0.1, 1), (0.1, 2), (0.1, 3), (0.01, 1), (0.01, 2), (0.01, 3),
    ]  # fmt: skip


def test_zip_takes_the_first_with_the_first() -> None:
    expansion = unfold(values={"lr": [1, 2], "n": "3, 4"}, mode=Mode.ZIP)

    assert expansion.trials == ({"lr": 1.0, "n": 3}, {"lr": 2.0, "n": 4})


def test_a_table_varies_several_parameters_at_once() -> None:
    table = [{"lr": "0.1", "n": 1}, {"lr": 0.2, "n": "2"}]

    assert unfold(table=table).trials == ({"lr": 0.1, "n": 1}, {"lr": 0.2, "n": 2})
    assert len(unfold(table=table, values={"name": "a, b"}).trials) == 4


def test_values_are_those_that_the_notebook_declares() -> None:
    expansion = unfold(fixed={"n": "7"}, values={"lr": "1, 2", "name": "7"})

    assert expansion.trials[0] == {"lr": 1.0, "name": "7"}
    assert expansion.fixed == {"n": 7}


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    samples=st.integers(1, 300),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_random_sweep_is_a_part_of_the_grid_without_repetition(
    sizes: list[int], samples: int, seed: int
) -> None:
    values = {f"x{place}": list(range(size)) for place, size in enumerate(sizes)}
    definition = SweepDefinition(values=values, mode=Mode.RANDOM, samples=samples, seed=seed)

    drawn = expand(definition, (), typed=False, fixed={}).trials

    grid = set(itertools.product(*values.values()))
    found = [tuple(trial.values()) for trial in drawn]
    assert len(found) == len(set(found)) == min(samples, len(grid))
    assert set(found) <= grid
    assert expand(definition, (), typed=False, fixed={}).trials == drawn


def test_a_few_of_a_huge_grid_are_drawn_without_making_it() -> None:
    values: dict[str, object] = {"lr": "linspace(0, 1, 10000)", "n": "1..1000000000"}

    drawn = unfold(values=values, mode=Mode.RANDOM, samples=5, seed=1)

    assert len(drawn.trials) == 5


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ({}, "The sweep is empty"),
        ({"values": {"lr": []}}, "`lr` has no values"),
        ({"values": {"n": "1..1000000"}}, "This sweep would be 1,000,000 executions; at most"),
        ({"values": {"n": "1..1000", "lr": "linspace(0,1,1000)"}}, "would be 1,000,000"),
        ({"values": {"rate": "1, 2"}}, "The notebook has no parameter `rate`"),
        ({"values": {"n": "1, x"}}, '`n` must be a whole number, not "x"'),
        ({"values": {"n": "1, 2.5"}}, '`n` must be a whole number, not "2.5"'),
        ({"values": {"anything": "1, x"}}, "The values of `anything` mix numbers and texts"),
        ({"values": {"n": "1..2", "lr": [1]}, "mode": Mode.ZIP}, "equally many values"),
        ({"values": {"n": "1..2"}, "mode": Mode.RANDOM}, "give it 'samples'"),
        (
            {
                "values": {"n": "0..1e200..1", "lr": "0..1e200..1"},
                "mode": Mode.RANDOM,
                "samples": 2,
            },
            "too many combinations",
        ),
        ({"table": [{"n": 1}, {"lr": 2}]}, "Row 2 of the table"),
        ({"table": [{}]}, "no columns"),
        ({"table": [{"n": 1}], "values": {"n": [2]}}, "`n` is given twice."),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_sentence(
    definition: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((RefusedError, InvalidParametersError)) as caught:
        unfold(**definition)

    assert sentence in str(caught.value)


def test_a_fixed_parameter_does_not_vary_too() -> None:
    with pytest.raises(InvalidParametersError, match=r"`n` is given twice\."):
        unfold(fixed={"n": 1}, values={"n": "1, 2"})


def test_a_missing_required_parameter_is_named() -> None:
    declared = (*DECLARED, Parameter(name="path", type=ParameterType.STR, required=True))

    with pytest.raises(InvalidParametersError, match="`path` has no default"):
        expand(SweepDefinition(values={"n": "1, 2"}), declared, typed=True, fixed={})


@given(given=st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=3))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_it(given: dict[str, str]) -> None:
    with contextlib.suppress(AsyncExecError):
        expansion = expand(SweepDefinition(values=given), (), typed=False, fixed={})

        assert 1 <= len(expansion.trials) <= MAX_TRIALS


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (SweepCounts(queued=3), Status.QUEUED),
        (SweepCounts(queued=3, running=1), Status.RUNNING),
        (SweepCounts(queued=3, succeeded=1), Status.RUNNING),
        (SweepCounts(running=1, failed=2), Status.RUNNING),
        (SweepCounts(succeeded=3), Status.SUCCEEDED),
        (SweepCounts(succeeded=3, failed=1, cancelled=1), Status.FAILED),
        (SweepCounts(succeeded=3, cancelled=1), Status.CANCELLED),
    ],
)
def test_the_status_of_a_sweep_follows_from_its_executions(
    counts: SweepCounts, status: Status
) -> None:
    assert counts.status is status
