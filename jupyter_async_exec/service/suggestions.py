"""The next parameters of an adaptive sweep, from what came of those before: the way to Optuna.

Nothing of a search is kept but its executions: for each choice the study is
made again from them, so that no other record can disagree with the store, and
a search goes on wherever and whenever it was interrupted.
"""

from __future__ import annotations

import importlib.util
import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_async_exec.core.goal import Direction
from jupyter_async_exec.core.search import MAX_PARALLEL, MAX_SEARCHED, Sampler, Search
from jupyter_async_exec.core.search_space import Choices, Interval, Space, read_space
from jupyter_async_exec.core.sweeps import parameters_key
from jupyter_async_exec.errors import InvalidRequestError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from jupyter_async_exec.core.goal import Goal
    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.core.search_space import Dimension
    from jupyter_async_exec.core.sweeps import SweepDefinition
    from jupyter_async_exec.snapshots.parameters import ParameterList

#: What was tried already is drawn again so often before something else is taken.
N_DRAWS = 20
#: Afterwards so often without looking at what came of others.
N_BLIND_DRAWS = 1_000
#: Of a space no larger than this, what is left is looked up.
N_LISTED = 10_000
#: Seeds of neighbouring sweeps and executions shall have nothing in common.
_PRIME = 1_000_003

Point: TypeAlias = "dict[str, JSONValue]"


@dataclass(frozen=True, slots=True)
class Tried:
    """One execution of a search, as far as it goes."""

    parameters: Mapping[str, JSONValue]
    #: What it reached; None if it failed.
    value: float | None
    is_over: bool


def suggest(
    space: Space,
    tried: Sequence[Tried],
    *,
    goal: Goal,
    sampler: Sampler,
    seed: int,
    place: int,
    n: int,
) -> list[Point]:
    """Return the parameters of the next executions, fewer only when nothing else is left.

    Imports Optuna, which takes a moment, and computes: call it in a thread.

    Parameters
    ----------
    space
        What is searched.
    tried
        All executions so far, oldest first. Equal ones are followed by equal
        suggestions.
    goal, sampler
        What for, and how.
    seed
        Of the search.
    place
        How many it has suggested before.
    n
        How many (>= 1).

    Raises
    ------
    UnavailableError
        Optuna is not installed.
    """
    optuna = _optuna()
    minimises = goal.direction is Direction.MINIMISE
    study = optuna.create_study(
        storage=optuna.storages.InMemoryStorage(), direction="minimize" if minimises else "maximize"
    )
    distributions = {name: _distribution(each) for name, each in space.dimensions.items()}
    study.add_trials(
        [trial for each in tried if (trial := _trial(space, distributions, each)) is not None]
    )
    known = {_key(space, each.parameters) for each in tried}
    points: list[Point] = []
    for each_place in range(place, place + n):
        own_seed = seed * _PRIME + each_place
        point = None
        for draw in range(N_DRAWS):
            study.sampler = _sampler(sampler, own_seed * N_DRAWS + draw)
            trial = study.ask(distributions)
            candidate = space.read(_outside(space, trial.params))
            if _key(space, candidate) not in known:
                point = candidate
                break
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        point = point or _untried(space, known, seed=own_seed)
        if point is None:
            break
        known.add(_key(space, point))
        points.append(point)
    return points


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What an adaptive sweep begins with."""

    space: Space
    points: list[Point]
    #: How many are to be chosen later.
    to_come: int


def begin(
    definition: SweepDefinition,
    declared: ParameterList,
    *,
    fixed: Mapping[str, object],
    goes_alone: Callable[[int], bool],
) -> Beginning:
    """Return what an adaptive sweep begins with; it computes, call it in a thread.

    Parameters
    ----------
    definition
        With an objective, and how many at once.
    declared, fixed
        What the notebook declares, and what is the same in all executions.
    goes_alone
        Whether the first of so many runs alone.

    Raises
    ------
    InvalidParametersError, InvalidRequestError, RefusedError
        It cannot be searched as it is.
    UnavailableError
        Optuna is not installed.
    """
    goal, search, n = _checked(definition)
    _optuna()
    space = read_space(definition.values, declared.parameters, typed=declared.typed, fixed=fixed)
    n = min(n, int(min(space.size, MAX_SEARCHED)))
    n_first = 1 if goes_alone(n) else min(search.parallel or 1, n)
    points = suggest(
        space, (), goal=goal, sampler=search.sampler, seed=definition.seed, place=0, n=n_first
    )
    return Beginning(space=space, points=points, to_come=n - len(points))


def _checked(definition: SweepDefinition) -> tuple[Goal, Search, int]:
    """Return what is searched for, how, and how often; refuse what makes no sense."""
    search = definition.search or Search()
    n = definition.samples
    if search.goal is None:
        raise RefusedError(
            "An adaptive sweep needs an objective: a metric to maximise or to minimise."
        )
    if definition.table:
        raise RefusedError("An adaptive sweep searches ranges and choices, not rows of a table.")
    if n is None or n < 1:
        raise RefusedError(
            "An adaptive sweep needs to know how many executions: give it 'samples'."
        )
    if n > MAX_SEARCHED:
        raise RefusedError(
            f"This search would be {n:,} executions; at most {MAX_SEARCHED:,} are accepted.",
            {"count": n, "limit": MAX_SEARCHED},
        )
    if search.parallel is not None and not 1 <= search.parallel <= MAX_PARALLEL:
        raise InvalidRequestError(
            f"'parallel' is how many run at once, from 1 to {MAX_PARALLEL}, not {search.parallel}."
        )
    return search.goal, search, n


def can_search() -> bool:
    """Tell whether Optuna is installed, without importing it."""
    return importlib.util.find_spec("optuna") is not None


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UnavailableError(
            "Adaptive sweeps need Optuna, which is not installed here: "
            "pip install 'jupyter_async_exec[optuna]'."
        ) from None
    # It would tell the server's terminal about every study.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _sampler(sampler: Sampler, seed: int) -> BaseSampler:
    optuna = _optuna()
    seed %= 2**32
    if sampler is Sampler.RANDOM:
        return optuna.samplers.RandomSampler(seed=seed)  # type: ignore[no-any-return]
    # What runs counts as a failure meanwhile, so that those at once differ.
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)  # type: ignore[no-any-return]


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(dimension, Choices):
        # Places, because choices of Optuna are no lists.
        return CategoricalDistribution(range(len(dimension.values)))
    low, high, is_log = dimension.low, dimension.high, dimension.is_log
    if dimension.is_whole:
        return IntDistribution(int(low), int(high), log=is_log, step=int(dimension.step or 1))
    return FloatDistribution(low, high, log=is_log, step=dimension.step)


def _outside(space: Space, params: Mapping[str, Any]) -> Point:
    """Return parameters for what Optuna drew."""
    point: Point = {}
    for name, dimension in space.dimensions.items():
        drawn = params[name]
        if isinstance(dimension, Choices):
            point[name] = dimension.values[drawn]
        else:
            point[name] = dimension.tidy(drawn)
    return point


def _inside(dimension: Dimension, value: JSONValue) -> int | float | None:
    """Return what Optuna calls a value, None if it is none that is searched."""
    if isinstance(dimension, Choices):
        keys = [parameters_key({"": each}) for each in dimension.values]
        key = parameters_key({"": value})
        return keys.index(key) if key in keys else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if _holds(dimension, value) else None


def _holds(dimension: Interval, value: float) -> bool:
    if not dimension.low <= value <= dimension.high:
        return False
    if dimension.step is None:
        return True
    n_steps = (value - dimension.low) / dimension.step
    return abs(n_steps - round(n_steps)) < 1e-8  # noqa: PLR2004  as Optuna has it


def _trial(
    space: Space, distributions: Mapping[str, BaseDistribution], tried: Tried
) -> FrozenTrial | None:
    """Return what Optuna is told of an execution, None if it lies outside of the space."""
    params: dict[str, Any] = {}
    for name, dimension in space.dimensions.items():
        inside = _inside(dimension, tried.parameters.get(name))
        if inside is None:
            return None
        params[name] = inside
    optuna = _optuna()
    states = optuna.trial.TrialState
    state = states.RUNNING
    if tried.is_over:
        state = states.FAIL if tried.value is None else states.COMPLETE
    return optuna.trial.create_trial(  # type: ignore[no-any-return]
        state=state,
        value=tried.value if state == states.COMPLETE else None,
        params=params,
        distributions=distributions,
    )


def _untried(space: Space, known: set[str], *, seed: int) -> Point | None:
    """Return something that was not tried yet, None if nothing is left of a small space."""
    generator = random.Random(seed)  # noqa: S311  no secret
    for _ in range(N_BLIND_DRAWS):
        drawn = {name: _drawn(each, generator) for name, each in space.dimensions.items()}
        point = space.read(drawn)
        if _key(space, point) not in known:
            return point
    if space.size > N_LISTED:
        return None
    values = (
        [_at(dimension, place) for place in range(int(dimension.size))]
        for dimension in space.dimensions.values()
    )
    for combined in itertools.product(*values):
        point = space.read(dict(zip(space.dimensions, combined, strict=True)))
        if _key(space, point) not in known:
            return point
    return None


def _drawn(dimension: Dimension, generator: random.Random) -> JSONValue:
    # `random()` is the one method that gives the same numbers in every release of Python.
    share = generator.random()
    if isinstance(dimension, Choices) or dimension.step is not None:
        return _at(dimension, int(share * dimension.size))
    if dimension.is_log:
        return dimension.tidy(dimension.low * (dimension.high / dimension.low) ** share)
    return dimension.tidy(dimension.low + (dimension.high - dimension.low) * share)


def _at(dimension: Dimension, place: int) -> JSONValue:
    if isinstance(dimension, Choices):
        return dimension.values[place]
    return dimension.tidy(dimension.low + place * (dimension.step or 1))


def _key(space: Space, parameters: Mapping[str, JSONValue]) -> str:
    return parameters_key({name: parameters.get(name) for name in space.dimensions})
