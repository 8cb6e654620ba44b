"""Tables of values as people keep them: CSV with a head, or JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import RefusedError

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue

#: Between the cells of a row: what spreadsheets write, depending on the country.
DELIMITERS = (",", ";", "\t")


class CellText(str):
    """A cell of a CSV file: read as the type that the notebook declares, or else guessed."""

    __slots__ = ()


def read_table(text: str) -> list[dict[str, JSONValue]]:
    """Return the rows of a table, each by name of its columns.

    Parameters
    ----------
    text
        JSON, if it begins with a bracket: a list of objects; else CSV with a
        head, whose cells, which may be in quotes, are separated by what stands
        most often in the head: comma, semicolon or tab.

    Raises
    ------
    RefusedError
        It is neither, or it has no rows.
    """
    text = text.removeprefix("\ufeff")
    rows = _read_json(text) if text.lstrip()[:1] in {"[", "{"} else _read_csv(text)
    if not rows:
        raise RefusedError("The table has no rows below its head.")
    return rows


def _read_json(text: str) -> list[dict[str, JSONValue]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"The table begins like JSON, but is none: {error}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise RefusedError("The table must be a list of objects, one per execution.")
    return rows


def _read_csv(text: str) -> list[dict[str, JSONValue]]:
    lines = io.StringIO(text, newline="")
    try:
        cells = csv.reader(lines, delimiter=_delimiter(text), skipinitialspace=True, strict=True)
        # A line without any cell is none.
        filled = [row for row in cells if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise RefusedError(f"The table cannot be read as CSV: {error}.") from None
    if not filled:
        raise RefusedError("The table is empty: it begins with the names of parameters.")
    names = [name.strip() for name in filled[0]]
    for name in names:
        if not name or names.count(name) > 1:
            what = f"two columns named {name[:100]!r}" if name else "a column without a name"
            raise RefusedError(f"The head of the table has {what}.")
    for position, row in enumerate(filled[1:], start=1):
        if len(row) != len(names):
            raise RefusedError(
                f"Row {position} of the table has {len(row)} cell{'' if len(row) == 1 else 's'}, "
                f"its head {len(names)}."
            )
    return [
        dict(zip(names, (CellText(cell.strip()) for cell in row), strict=True))
        for row in filled[1:]
    ]


def _delimiter(text: str) -> str:
    head = next((line for line in text.splitlines() if line.strip()), "")
    # Of equally many the first: a comma, where there is but one column.
    return max(DELIMITERS, key=head.count)
