"""Numbers among parameters and metrics of executions outside the trash, to be compared.

`split` finds comparisons such as ``val_acc > 0.9`` in a question. They are
answered from a table of numbers by name, walked newest first; if one holds for
few, however long the history is, by looking at those few. ``lr = 0.01`` is
one; ``lr=0.01`` without spaces is a word, as all words found by its beginning.
"""

from __future__ import annotations

import math
import operator
import re
import string
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.store import codec
from jupyter_async_exec.store.tables import execution_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONValue

#: Longer names cannot be asked for.
LONGEST_NAME = 200
#: A longer text is no number.
LONGEST_NUMBER = 40
#: Of one execution; more cannot be asked for.
MOST_NUMBERS = 1_000

#: So many are found and sorted in a few ms; of a million, more are met soon by walking.
FEW = 20_000
#: So many are looked at one by one. Old releases of SQLite take 999 values in a statement.
FEWER = 900
#: Of a question; further ones are read as words.
MOST_COMPARISONS = 8

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_COMPARISON = re.compile(rf"(?<!\S)([^\W\d][\w./-]*)\s*(<=|>=|!=|==|[=<>≤≥≠])\s*({_NUMBER})(?!\S)")
_TEXT_NUMBER = re.compile(_NUMBER)
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "≤": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "≥": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "≠": operator.ne,
}
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_INSERT = sa.insert(execution_numbers)
_DELETE = sa.delete(execution_numbers).where(
    execution_numbers.c.number == sa.bindparam("its_number")
)
_DELETE_METRICS = sa.delete(execution_numbers).where(
    execution_numbers.c.number == sa.bindparam("its_number"),
    execution_numbers.c.kind == "metric",
    execution_numbers.c.name == sa.bindparam("its_name"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A parameter or metric, and how its value has to be."""

    name: str
    operator: str
    value: float

    def holds(self, table: sa.FromClause, *, by_value: bool) -> sa.ColumnElement[bool]:
        """Return the condition on a row of `execution_numbers`.

        Parameters
        ----------
        table
            That table, or an alias of it.
        by_value
            Whether to seek in the index of values; otherwise rows are met by number.
        """
        # The + keeps SQLite from using an index for it.
        value = table.c.value if by_value else table.c.value.op("+")(0)
        is_so: sa.ColumnElement[bool] = _OPERATORS[self.operator](value, self.value)
        return sa.and_(table.c.name == self.key, is_so)

    @property
    def key(self) -> str:
        """The name as rows have it."""
        return folded(self.name)

    @property
    def is_equality(self) -> bool:
        """Whether rows for which it holds stand by number in the index of values."""
        return _OPERATORS[self.operator] is operator.eq

    def is_rare(self, connection: sa.Connection, at_most: int) -> bool:
        """Whether it holds for so many; asked of the index of values."""
        found = self._some(at_most + 1)
        if found is None:
            return False
        counted = sa.select(sa.func.count()).select_from(found.subquery())
        return bool(connection.execute(counted).scalar_one() <= at_most)

    def find_few(self, connection: sa.Connection) -> Sequence[int] | None:
        """Return the only numbers for which it holds if they are at most `FEWER`."""
        some = self._some(FEWER + 1)
        found = [] if some is None else connection.execute(some).scalars().all()
        return None if some is None or len(found) > FEWER else found

    def _some(self, at_most: int) -> sa.Select[int] | None:
        if _OPERATORS[self.operator] is operator.ne:
            return None
        condition = self.holds(execution_numbers, by_value=True)
        return sa.select(execution_numbers.c.number).where(condition).limit(at_most)

    def exists(self, number: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        """Return the condition that the execution `number` has such a value."""
        return self.rows_of(number).exists()

    def rows_of(self, number: sa.ColumnElement[int]) -> sa.Select[int]:
        """Return what finds a row if the execution `number` has such a value."""
        table = execution_numbers.alias()
        found = sa.select(sa.literal(1)).where(
            self.holds(table, by_value=False), table.c.number == number
        )
        return found.correlate_except(table)


def split(text: str) -> tuple[list[Comparison], str]:
    """Return the comparisons in a question, and the words that are left of it."""
    found: list[Comparison] = []

    def take(match: re.Match[str]) -> str:
        name, sign, number = match.groups()
        if match[0] == f"{name}={number}":
            # Words, which are found by their beginning: somebody is typing.
            return match[0]
        if len(found) == MOST_COMPARISONS or not math.isfinite(float(number)):
            return match[0]
        found.append(Comparison(name, sign, float(number)))
        return " "

    rest = _COMPARISON.sub(take, text)
    return found, rest.strip()


def folded(name: str) -> str:
    """Return a name as it is compared: as SQLite's `lower` writes it."""
    return codec.clean(name).translate(_LOWER)


def add(connection: sa.Connection, *unknown: Execution) -> None:
    """Keep the numbers of executions of which none are kept."""
    _insert(connection, [row for execution in unknown for row in rows_of(execution)])


def rows_of(execution: Execution) -> list[dict[str, object]]:
    """Return the rows of `execution_numbers` that an execution outside the trash has."""
    return [
        *_rows(execution.number, "parameter", _numbers(execution.parameters)),
        *_rows(execution.number, "metric", _metrics(execution.metrics)),
    ]


def remove(connection: sa.Connection, number: int) -> None:
    """Forget the numbers of an execution that goes to the trash."""
    connection.execute(_DELETE, {"its_number": number})


def change(connection: sa.Connection, old: Execution, new: Execution) -> None:
    """Keep what differs between the metrics of `old` and `new`."""
    before, after = _metrics(old.metrics), _metrics(new.metrics)
    gone = [name for name, value in before.items() if after.get(name) != value]
    if gone:
        connection.execute(
            _DELETE_METRICS, [{"its_number": new.number, "its_name": name} for name in gone]
        )
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    _insert(connection, _rows(new.number, "metric", changed))


def _rows(number: int, kind: str, numbers: Mapping[str, float]) -> list[dict[str, object]]:
    return [
        {"name": name, "number": number, "kind": kind, "value": value}
        for name, value in numbers.items()
    ]


def _insert(connection: sa.Connection, rows: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(_INSERT, rows)


def _numbers(values: Mapping[str, JSONValue]) -> dict[str, float]:
    """Return the numbers among `values` by the names as they are compared."""
    found: dict[str, float] = {}
    for name, number in _finite(values):
        if len(found) < MOST_NUMBERS:
            found.setdefault(folded(name), number)
    return found


def _metrics(values: Mapping[str, JSONValue]) -> dict[str, float]:
    """Do the same for metrics, and keep those apart whose names differ in case alone.

    These have their exact names too, which no question finds, because a goal
    names one of them.
    """
    found = _numbers(values)
    exact = {codec.clean(name): number for name, number in _finite(values)}
    if len(found) < len(exact):
        n_like = Counter(map(folded, exact))
        found |= {
            name: number
            for name, number in exact.items()
            if n_like[folded(name)] > 1 and folded(name) in found
        }
    return found


def _finite(values: Mapping[str, JSONValue]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, str) and len(value) <= LONGEST_NUMBER:
            value = float(value) if _TEXT_NUMBER.fullmatch(value) else None  # noqa: PLW2901
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not 0 < len(name) <= LONGEST_NAME:
            continue
        try:
            number = float(value)
        except OverflowError:
            continue
        if math.isfinite(number):
            yield name, number
