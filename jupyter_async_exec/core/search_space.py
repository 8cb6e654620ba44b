"""What an adaptive sweep searches: `log(1e-4, 1e-1)`, `int(8, 128)`, `relu, tanh`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from jupyter_async_exec.core.parameters import ParameterType, coerce_parameters
from jupyter_async_exec.core.sweep_values import (
    RANGE,
    SEARCHED,
    Number,
    ValuesError,
    check_one_kind,
    datum_pattern,
    read_number,
    read_values,
)
from jupyter_async_exec.core.sweeps import parameters_key
from jupyter_async_exec.errors import InvalidParametersError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.core.parameters import Parameter

#: Among more values of one parameter nothing is learned.
MAX_CHOICES = 1_000
#: Floating-point numbers, which samplers draw, know no larger whole numbers one by one.
LARGEST_WHOLE = 2**53
#: What a person can read of a number that was drawn.
N_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Numbers between two ends, both of which belong to them."""

    low: Number
    high: Number
    #: Only `low`, `low + step` and so on; None: all between.
    step: Number | None = None
    #: Whether orders of magnitude count alike.
    is_log: bool = False
    is_whole: bool = False

    @property
    def size(self) -> float:
        """How many values there are."""
        if self.step is None:
            return math.inf
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def tidy(self, value: Number) -> Number:
        """Return a drawn value as a person would write it, still between the ends."""
        if self.is_whole:
            return int(value)
        if self.step is None and not self.is_log:
            # A millionth of the whole is fine enough.
            rounded = round(float(value), N_DIGITS - math.floor(math.log10(self.high - self.low)))
        else:
            rounded = float(f"{value:.{N_DIGITS if self.step is None else 15}g}")
        return min(max(rounded, float(self.low)), float(self.high))


@dataclass(frozen=True, slots=True)
class Choices:
    """Some values in no order."""

    values: tuple[JSONValue, ...]

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)


Dimension: TypeAlias = Interval | Choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is searched."""

    #: By name of the parameter.
    dimensions: Mapping[str, Dimension]
    #: The parameters that do not vary, as the notebook declares them.
    fixed: dict[str, JSONValue]
    declared: Sequence[Parameter]
    typed: bool

    @property
    def size(self) -> float:
        """How many different points there are; infinite when numbers are not stepped."""
        return math.prod(each.size for each in self.dimensions.values())

    def read(self, point: Mapping[str, JSONValue]) -> dict[str, JSONValue]:
        """Return a point as parameters, as the notebook declares them."""
        whole = coerce_parameters({**self.fixed, **point}, self.declared, typed=self.typed)
        return {name: whole[name] for name in point}


def read_space(
    values: Mapping[str, object],
    declared: Sequence[Parameter],
    *,
    typed: bool,
    fixed: Mapping[str, object],
) -> Space:
    """Return what `values` want to be searched.

    Parameters
    ----------
    values
        By parameter: a text or a list, see `read_dimension`.
    declared, typed
        What the notebook declares, see `core.parameters.coerce_parameters`.
    fixed
        The parameters that are the same in all executions.

    Raises
    ------
    InvalidParametersError
        A name is unknown or given twice, a value is not of its type.
    RefusedError
        There is nothing to search.
    """
    kinds = {each.name: each.type for each in declared} if typed else {}
    fields: dict[str, str] = {}
    dimensions: dict[str, Dimension] = {}
    for name, given in values.items():
        if name in fixed:
            fields[name] = f"`{name}` is given twice."
            continue
        try:
            dimensions[name] = read_dimension(name, given, kinds.get(name, ParameterType.ANY))
        except ValuesError as error:
            fields[name] = str(error)
    if fields:
        raise InvalidParametersError(" ".join(fields.values()), {"fields": fields})
    if not dimensions:
        raise RefusedError(
            "There is nothing to search: give at least one parameter a range, such as "
            "log(1e-4, 1e-1), or several values."
        )
    probe = {name: _ends(each)[0] for name, each in dimensions.items()}
    whole = coerce_parameters({**fixed, **probe}, declared, typed=typed)
    space = Space(
        dimensions=dimensions,
        fixed={name: whole[name] for name in fixed},
        declared=declared,
        typed=typed,
    )
    for name, each in dimensions.items():
        # One by one, so that the sentence names what does not fit.
        read = [space.read({**probe, name: value})[name] for value in _ends(each)]
        if isinstance(each, Choices):
            _check_kind(name, read)
            dimensions[name] = Choices(tuple({parameters_key({"": v}): v for v in read}.values()))
    return space


def read_dimension(name: str, given: object, kind: ParameterType) -> Dimension:
    """Return what is searched of one parameter.

    Parameters
    ----------
    name
        For sentences.
    given
        ``int(a, b)``, ``float(a, b)``, both also with a step, ``log(a, b)``, a
        range (``1..5``), or several values as in other sweeps.
    kind
        What the notebook declares; in the values of a `str` all of it is text.

    Raises
    ------
    ValuesError
        With a sentence.
    """
    if datum_pattern(given) is not None:
        raise ValuesError(
            f"`{name}`: files are not searched but run one by one; leave the objective out."
        )
    if isinstance(given, str) and kind is not ParameterType.STR:
        if call := SEARCHED.fullmatch(given.strip()):
            return _called(name, call[1], call[2], kind)
        if written := RANGE.fullmatch(given.strip()):
            ends = [read_number(name, "..", text) for text in written.groups() if text]
            if len(ends) == 2 and not all(isinstance(end, int) for end in ends):  # noqa: PLR2004  no step
                return _called(name, "float", f"{written[1]},{written[2]}", kind)
            return _interval(name, given.strip(), ends, kind, function="..")
    values = read_values(name, given, kind)
    if values.n > MAX_CHOICES:
        raise ValuesError(
            f"`{name}` has {values.n:,} values to choose among; at most {MAX_CHOICES:,} are taken. "
            "Write a range, such as int(8, 128)."
        )
    return Choices(tuple(values.at(place) for place in range(values.n)))


def _called(name: str, function: str, inside: str, kind: ParameterType) -> Dimension:
    pieces = [piece.strip() for piece in inside.split(",")]
    most = 2 if function == "log" else 3
    if not 2 <= len(pieces) <= most:  # noqa: PLR2004  two ends
        usage = "log(low, high)" if function == "log" else f"{function}(low, high, step)"
        raise ValuesError(f"`{name}`: write {usage}, such as {_EXAMPLES[function]}.")
    ends = [read_number(name, function, piece) for piece in pieces]
    return _interval(name, f"{function}({inside})", ends, kind, function=function)


_EXAMPLES = {"int": "int(8, 128)", "float": "float(0, 1)", "log": "log(1e-4, 1e-1)"}


def _interval(
    name: str, written: str, ends: Sequence[Number], kind: ParameterType, *, function: str
) -> Interval:
    low, high = sorted(ends[:2])
    step = abs(ends[2]) if len(ends) > 2 else None  # noqa: PLR2004  two ends
    are_whole = all(isinstance(end, int) for end in ends)
    is_whole = {"int": True, "float": False}.get(
        function, kind is ParameterType.INT or (are_whole and kind is not ParameterType.FLOAT)
    )
    if kind is ParameterType.INT and not is_whole:
        raise ValuesError(f"`{name}` takes whole numbers: write int(…) in place of {written}.")
    if is_whole and not all(float(end).is_integer() for end in ends):
        raise ValuesError(f"`{name}`: {written} must begin and end with whole numbers.")
    if low == high:
        raise ValuesError(f"`{name}`: {written} is a single number; both ends are {low}.")
    if function == "log" and low <= 0:
        raise ValuesError(f"`{name}`: both ends of {written} must be above 0.")
    if is_whole and max(abs(low), abs(high)) > LARGEST_WHOLE:
        raise ValuesError(f"`{name}`: {written} has ends beyond {LARGEST_WHOLE:,}; write float(…).")
    if not math.isfinite(high - low) or (step and not math.isfinite((high - low) / step)):
        raise ValuesError(f"`{name}`: {written} is too wide to be searched.")
    if step is not None and not 0 < step <= high - low:
        raise ValuesError(f"`{name}`: the step of {written} does not fit between its ends.")
    if step is not None:
        # The last one that the steps reach.
        high = low + math.floor((high - low) / step + 1e-9) * step
        high = int(high) if is_whole else float(f"{high:.15g}")
    if is_whole:
        # A logarithmic scale has no steps; every whole number belongs to it.
        return Interval(
            low=int(low),
            high=int(high),
            step=int(step or 1),
            is_log=function == "log",
            is_whole=True,
        )
    return Interval(low=float(low), high=float(high), step=step, is_log=function == "log")


def _ends(dimension: Dimension) -> Sequence[JSONValue]:
    """Return values that say whether all of them fit the type of the parameter."""
    if isinstance(dimension, Choices):
        return dimension.values
    return (dimension.low, dimension.high)


def _check_kind(name: str, values: Sequence[JSONValue]) -> None:
    try:
        check_one_kind(name, values)
    except ValuesError as error:
        raise InvalidParametersError(str(error), {"fields": {name: str(error)}}) from None
