"""Which values a parameter takes besides its type: choices, or a range."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue

#: So many choices are named in a sentence.
N_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRule:
    """What a notebook says of a parameter's values: choices, or bounds of a number."""

    #: The only values there are; empty when anything goes.
    choices: tuple[JSONValue, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    #: Whether `minimum` itself is too small.
    exclusive_minimum: bool = False
    #: Whether `maximum` itself is too large.
    exclusive_maximum: bool = False

    @property
    def is_sensible(self) -> bool:
        """Whether any value can fit at all."""
        if self.minimum is None or self.maximum is None:
            return True
        if self.exclusive_minimum or self.exclusive_maximum:
            return self.minimum < self.maximum
        return self.minimum <= self.maximum

    def fit(self, value: JSONValue) -> JSONValue:
        """Return `value`, or the choice or number that a text means.

        Raises
        ------
        ValueError
            It is none of the choices, or out of the range.
        """
        return self._choice(value) if self.choices else self._number(value)

    def wanted(self, kind: str) -> str:
        """Return what fits, to go on from "must be"; `kind` is such as "a whole number"."""
        if self.choices:
            named = ", ".join(shown(each) for each in self.choices[:N_NAMED])
            more = len(self.choices) - N_NAMED
            return f"one of {named}" + (f" and {more} more" if more > 0 else "")
        bounds = [self._lower(), self._upper()]
        is_closed = not (self.exclusive_minimum or self.exclusive_maximum)
        if None not in bounds and is_closed:
            return f"{kind} from {shown(self.minimum)} to {shown(self.maximum)}"
        return f"{kind} {' and '.join(each for each in bounds if each)}"

    def _lower(self) -> str | None:
        if self.minimum is None:
            return None
        return f"{'above' if self.exclusive_minimum else 'at least'} {shown(self.minimum)}"

    def _upper(self) -> str | None:
        if self.maximum is None:
            return None
        return f"{'below' if self.exclusive_maximum else 'at most'} {shown(self.maximum)}"

    def _choice(self, value: JSONValue) -> JSONValue:
        for choice in self.choices:
            if is_same(choice, value):
                return choice
        if isinstance(value, str):
            for choice in self.choices:
                if not isinstance(choice, str) and shown(choice) == value.strip():
                    return choice
        raise ValueError

    def _number(self, value: JSONValue) -> JSONValue:
        number = _as_number(value)
        if self.minimum is not None and (
            number < self.minimum or (self.exclusive_minimum and number == self.minimum)
        ):
            raise ValueError
        if self.maximum is not None and (
            number > self.maximum or (self.exclusive_maximum and number == self.maximum)
        ):
            raise ValueError
        return number


def shown(value: JSONValue) -> str:
    """Return a value as it stands in sentences and comments."""
    return json.dumps(value, ensure_ascii=False)


def is_same(one: JSONValue, other: JSONValue) -> bool:
    """Whether two values are equal and of one kind: true is no 1, but 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _as_number(value: JSONValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError  # noqa: TRY004  the caller makes a sentence of it
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)
