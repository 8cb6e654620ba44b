"""The sweep: one submission that stands for many executions, and how it unfolds."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.parameters import Parameter, ParameterType, coerce_parameters
from jupyter_async_exec.core.sweep_table import CellText
from jupyter_async_exec.core.sweep_values import (
    MAX_TRIALS,
    Values,
    ValuesError,
    check_one_kind,
    guess,
    read_values,
)
from jupyter_async_exec.errors import InvalidParametersError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.core.search import Search

#: From so many executions on, the first one runs alone, unless told otherwise.
CANARY_FROM = 4
#: Of more combinations none are drawn: a float says where among them.
MAX_DRAWN_FROM = 10**300
#: How the rows of a table appear among the axes; no parameter can have the name.
TABLE = ""


class Mode(StrEnum):
    """How the values of several parameters go together."""

    #: Every value with every other.
    GRID = "grid"
    #: The first with the first, the second with the second.
    ZIP = "zip"
    #: So many of the grid, drawn with a seed.
    RANDOM = "random"
    #: So many, each chosen by what came of those before it.
    ADAPTIVE = "adaptive"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDefinition:
    """What shall be varied, and how."""

    #: Parameter to a text such as `0.1, 0.01`, or to a list of values.
    values: Mapping[str, object] = field(default_factory=dict)
    #: Rows of values for several parameters at once.
    table: Sequence[Mapping[str, object]] = ()
    mode: Mode = Mode.GRID
    #: With `Mode.RANDOM` and `Mode.ADAPTIVE`: how many.
    samples: int | None = None
    #: With these: equal seeds draw equal ones.
    seed: int = 0
    #: With `Mode.ADAPTIVE`: what for.
    search: Search | None = None

    @property
    def names(self) -> frozenset[str]:
        """The parameters that vary."""
        return frozenset(self.values) | {name for row in self.table for name in row}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCounts:
    """How many executions of a sweep stand where.

    Those in the trash do not count, nor those whose place a later one took.
    """

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    #: Executions that an adaptive sweep is still to choose; they do not exist yet.
    to_come: int = 0

    @property
    def total(self) -> int:
        """All of them, also those to come."""
        return self.queued + self.running + self.n_final + self.to_come

    @property
    def n_final(self) -> int:
        """Those that are over."""
        return self.succeeded + self.failed + self.cancelled

    @property
    def status(self) -> Status:
        """Where the sweep as a whole stands: final once all of it is."""
        n_waiting = self.queued + self.to_come
        if self.running or (n_waiting and self.n_final):
            return Status.RUNNING
        if n_waiting:
            return Status.QUEUED
        if self.failed:
            return Status.FAILED
        return Status.CANCELLED if self.cancelled else Status.SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The execution of a sweep that is the best so far, by the goal of its notebook."""

    number: int
    metric: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One submission that stands for many executions of one snapshot."""

    #: 32 hexadecimal digits.
    id: str
    request_id: str | None = None
    notebook_path: str
    title: str
    snapshot_id: str
    #: What was asked for, as JSON: `values`, `table`, `mode`, `samples`, `seed`, `parameters`,
    #: and for adaptive ones `objective`, `parallel`, `sampler`.
    definition: JSONObject = field(default_factory=dict)
    #: Id of the execution that goes first, alone; None when all may start.
    canary_id: str | None = None
    #: Nothing more is started after so many failures; None is no limit.
    stop_after: int | None = None
    #: One sentence on why the rest was not started.
    message: str | None = None
    #: What all of its executions share, see `Execution.provenance`.
    provenance: JSONObject = field(default_factory=dict)
    submitted_by: str = ""
    created_at: datetime
    #: When the last of its executions ended; None while there are others.
    finished_at: datetime | None = None
    counts: SweepCounts = field(default_factory=SweepCounts)
    #: Smallest and largest number of its executions.
    first_number: int | None = None
    last_number: int | None = None
    #: When its latest executions were added; those it began with count.
    last_added_at: datetime | None = None
    #: Earlier results that count as its own, outside the trash.
    n_reused: int = 0
    #: Store-wide revision of the last change of the sweep itself.
    rev: int = 0

    @property
    def status(self) -> Status:
        """Where it stands; final once all of its executions are."""
        return self.counts.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What a definition unfolds to."""

    #: One per execution, in the order in which they shall run; only what varies.
    trials: tuple[dict[str, JSONValue], ...]
    #: The parameters that vary.
    names: tuple[str, ...]
    #: Those that do not, as the notebook declares them.
    fixed: dict[str, JSONValue]

    def whole(self, place: int) -> dict[str, JSONValue]:
        """Return all parameters of one execution."""
        return {**self.fixed, **self.trials[place]}


@dataclass(frozen=True, slots=True)
class _Axis:
    """What varies together: one parameter, or the columns of a table."""

    names: tuple[str, ...]
    n: int
    columns: tuple[Values, ...]


def expand(
    definition: SweepDefinition,
    declared: Sequence[Parameter],
    *,
    typed: bool,
    fixed: Mapping[str, object],
) -> Expansion:
    """Return the parameters of every execution, read as the notebook declares them.

    Parameters
    ----------
    definition
        What shall be varied.
    declared, typed
        What the notebook declares, see `core.parameters.coerce_parameters`.
    fixed
        The parameters that are the same in all executions.

    Raises
    ------
    InvalidParametersError
        A name is unknown or given twice, a value is not of its type.
    RefusedError
        None, too many, or lists that do not go together.
    """
    axes = _axes(definition, declared, typed=typed)
    names = tuple(name for axis in axes for name in axis.names)
    twice = {name for name in names if name in fixed or names.count(name) > 1}
    if twice:
        fields = {name: f"`{name}` is given twice." for name in sorted(twice)}
        raise InvalidParametersError(" ".join(fields.values()), {"fields": fields})
    n = _count(definition, axes)
    picked = _picked(definition, axes, n)
    read = _Reader(axes, declared, typed=typed)
    # The whole of the first says what no single value can: a required name is missing.
    first = read.trial(picked[0])
    whole = coerce_parameters({**fixed, **first}, declared, typed=typed)
    # Equal ones are one: what fails is told from what is run in its place by its parameters.
    different = {parameters_key(trial): trial for trial in map(read.trial, picked)}
    trials = tuple(different.values())
    read.check_kinds()
    return Expansion(trials=trials, names=names, fixed={name: whole[name] for name in fixed})


def parameters_key(parameters: Mapping[str, JSONValue]) -> str:
    """Return a text that is equal for equal parameters only; 1, 1.0 and true are three."""
    return json.dumps(parameters, sort_keys=True)


def _axes(
    definition: SweepDefinition, declared: Sequence[Parameter], *, typed: bool
) -> list[_Axis]:
    kinds = {each.name: each.type for each in declared} if typed else {}
    fields: dict[str, str] = {}
    axes: list[_Axis] = []
    if definition.table:
        axes.append(_table_axis(definition.table, kinds))
    for name, given in definition.values.items():
        try:
            values = read_values(name, given, kinds.get(name, ParameterType.ANY))
        except ValuesError as error:
            fields[name] = str(error)
        else:
            axes.append(_Axis((name,), values.n, (values,)))
    if fields:
        raise InvalidParametersError(" ".join(fields.values()), {"fields": fields})
    if not axes:
        raise RefusedError("The sweep is empty: give at least one parameter several values.")
    return axes


def _table_axis(table: Sequence[Mapping[str, object]], kinds: Mapping[str, ParameterType]) -> _Axis:
    names = tuple(str(name) for name in table[0])
    if not names:
        raise RefusedError("The table has no columns; each needs the name of a parameter.")
    for position, row in enumerate(table, start=1):
        if set(row) != set(names):
            odd = sorted(set(row) ^ set(names))[0]
            raise RefusedError(
                f"Row {position} of the table does not have the columns of the first one: "
                f"see {str(odd)[:100]!r}."
            )
    columns = tuple(
        read_values(
            name,
            [_cell(row[name], kinds.get(name, ParameterType.ANY)) for row in table],
            ParameterType.ANY,
        )
        for name in names
    )
    return _Axis(names, len(table), columns)


def _cell(value: object, kind: ParameterType) -> object:
    """Return the value of a cell; what is text only because all of its file is, guessed."""
    if not isinstance(value, CellText):
        return value
    if kind not in {ParameterType.ANY, ParameterType.NONE}:
        return str(value)
    # Nothing, where nobody says that it is a text.
    return guess(value) if value else None


def _count(definition: SweepDefinition, axes: Sequence[_Axis]) -> int:
    sizes = [axis.n for axis in axes]
    if definition.mode is Mode.ZIP:
        if len(set(sizes)) > 1:
            listed = ", ".join(
                f"{'the table' if len(axis.names) > 1 else f'`{axis.names[0]}`'} {axis.n:,}"
                for axis in axes
            )
            raise RefusedError(f"With zip all must have equally many values; there are: {listed}.")
        n = sizes[0]
    else:
        n = math.prod(sizes)
    if definition.mode is Mode.RANDOM:
        if definition.samples is None or definition.samples < 1:
            raise RefusedError("A random sweep needs to know how many: give it 'samples'.")
        if n > MAX_DRAWN_FROM:
            raise RefusedError(
                "There are too many combinations to draw some of them at random; "
                "let the ranges have larger steps."
            )
        n = min(n, definition.samples)
    if n > MAX_TRIALS:
        raise RefusedError(
            f"This sweep would be {n:,} executions; at most {MAX_TRIALS:,} are accepted at once. "
            "Take fewer values, or draw some of them at random.",
            {"count": n, "limit": MAX_TRIALS},
        )
    return n


def _picked(definition: SweepDefinition, axes: Sequence[_Axis], n: int) -> list[tuple[int, ...]]:
    """Return, per trial, the position on each axis."""
    if definition.mode is Mode.ZIP:
        return [(place,) * len(axes) for place in range(n)]
    total = math.prod(axis.n for axis in axes)
    if definition.mode is Mode.GRID or n == total:
        flat: Sequence[int] = range(total)
    else:
        flat = _sample(total, n, definition.seed)
    return [_unravelled(place, axes) for place in flat]


def _unravelled(place: int, axes: Sequence[_Axis]) -> tuple[int, ...]:
    """Return the position on each axis; the last varies fastest."""
    places = []
    for axis in reversed(axes):
        place, rest = divmod(place, axis.n)
        places.append(rest)
    return tuple(reversed(places))


def _sample(total: int, n: int, seed: int) -> list[int]:
    """Draw `n` different numbers below `total`; equal on every Python."""
    generator = random.Random(seed)  # noqa: S311  no secret
    # Fisher and Yates, keeping only what was moved.
    moved: dict[int, int] = {}
    drawn = []
    for position in range(n):
        other = position + int(generator.random() * (total - position))
        drawn.append(moved.get(other, other))
        moved[other] = moved.get(position, position)
    return drawn


class _Reader:
    """Reads each value that is used as the notebook declares it, once."""

    def __init__(
        self, axes: Sequence[_Axis], declared: Sequence[Parameter], *, typed: bool
    ) -> None:
        self._axes = axes
        # That other names are missing is no matter while a single value is read.
        self._declared = [replace(each, required=False) for each in declared]
        self._typed = typed
        self._known: dict[tuple[str, int], JSONValue] = {}

    def trial(self, places: Sequence[int]) -> dict[str, JSONValue]:
        return {
            name: self._value(name, column, place)
            for axis, place in zip(self._axes, places, strict=True)
            for name, column in zip(axis.names, axis.columns, strict=True)
        }

    def check_kinds(self) -> None:
        """Refuse kinds that do not go together, where the notebook declares none."""
        by_name: dict[str, list[JSONValue]] = {}
        for (name, _), value in self._known.items():
            by_name.setdefault(name, []).append(value)
        fields: dict[str, str] = {}
        for name, values in by_name.items():
            try:
                check_one_kind(name, values)
            except ValuesError as error:
                fields[name] = str(error)
        if fields:
            raise InvalidParametersError(" ".join(fields.values()), {"fields": fields})

    def _value(self, name: str, column: Values, place: int) -> JSONValue:
        key = (name, place)
        if key not in self._known:
            read = coerce_parameters({name: column.at(place)}, self._declared, typed=self._typed)
            self._known[key] = read[name]
        return self._known[key]
