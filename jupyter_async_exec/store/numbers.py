"""Numbers among parameters and metrics of executions outside the trash, to be compared."""

from __future__ import annotations

import math
import string
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.store import codec
from jupyter_async_exec.store.tables import execution_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONValue

#: Longer names cannot be asked for.
LONGEST_NAME = 200
#: Of one execution; more cannot be asked for.
MOST_NUMBERS = 1_000

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


def folded(name: str) -> str:
    """Return a name as it is compared: as SQLite's `lower` writes it."""
    return codec.clean(name).translate(_LOWER)


def add(connection: sa.Connection, *unknown: Execution) -> None:
    """Keep the numbers of executions of which none are kept."""
    rows: list[dict[str, object]] = []
    for execution in unknown:
        rows += _rows(execution.number, "parameter", _numbers(execution.parameters))
        rows += _rows(execution.number, "metric", _numbers(execution.metrics))
    _insert(connection, rows)


def remove(connection: sa.Connection, number: int) -> None:
    """Forget the numbers of an execution that goes to the trash."""
    connection.execute(_DELETE, {"its_number": number})


def change(connection: sa.Connection, old: Execution, new: Execution) -> None:
    """Keep what differs between the metrics of `old` and `new`."""
    before, after = _numbers(old.metrics), _numbers(new.metrics)
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
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not 0 < len(name) <= LONGEST_NAME or len(found) >= MOST_NUMBERS:
            continue
        try:
            number = float(value)
        except OverflowError:
            continue
        if math.isfinite(number):
            found.setdefault(folded(name), number)
    return found
