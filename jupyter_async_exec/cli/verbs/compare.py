"""Compare executions: parameters, metrics, duration, and what else differs."""

from __future__ import annotations

import csv
import json
import re
import sys
from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json
from jupyter_async_exec.core.differences import shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from jupyter_async_exec.core.json_types import JSONObject, JSONValue

#: What a spreadsheet would take for a formula; a minus before a number is none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|Infinity)", re.ASCII | re.IGNORECASE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `compare` takes."""
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="number, full id, or a range of numbers such as 7-12"
    )
    parser.add_argument("--sweep", metavar="ID", help="all executions of this sweep")
    parser.add_argument("--all", action="store_true", help="also columns in which nothing differs")
    parser.add_argument("--csv", action="store_true", help="print comma-separated values")


async def run(options: argparse.Namespace) -> int:
    """Print a row for each, and below what differs in code, files and environment."""
    ids = ",".join(each.removeprefix("#") for each in options.ids)
    async with open_house(options) as house:
        found = await house.service.compare(ids=ids, sweep=options.sweep)
    if options.json:
        print_json(found)
    elif options.csv:
        table = _table(found, everything=True, say=_whole)
        csv.writer(sys.stdout).writerows([_text(each) for each in row] for row in table)
    else:
        _print_aligned(_table(found, everything=options.all))
        _print_differences(found)
    return 0


def _table(
    found: JSONObject, *, everything: bool, say: Callable[[JSONValue], str] = shown
) -> list[list[str]]:
    """Return the names of the columns, then one row for each execution."""
    rows, differs = found["executions"], found["differs"]
    given = [{**row["parameters"], **row["defaults"]} for row in rows]
    columns = []
    for kind, values in (("parameters", given), ("metrics", [row["metrics"] for row in rows])):
        names = dict.fromkeys(name for row in values for name in row)
        chosen = [name for name in names if everything or len(rows) == 1 or name in differs[kind]]
        columns += [
            (name, [say(row[name]) if name in row else "" for row in values]) for name in chosen
        ]
    head = ["number", "status", *(name for name, _ in columns), "duration_s"]
    return [
        head,
        *(
            [
                f"#{row['number']}",
                row["status"],
                *(values[index] for _, values in columns),
                "" if row["duration_s"] is None else f"{row['duration_s']:.2f}",
            ]
            for index, row in enumerate(rows)
        ),
    ]


def _whole(value: JSONValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(cell: str) -> str:
    """Return a cell that stays a text: names and values may come from anybody's notebook."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _print_aligned(table: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip())


def _short(kind: str, value: JSONValue) -> str:
    """Return a value of the environment, or the beginning of a file's id."""
    return shown(value) if kind == "environment" else str(value)[:12]


def _print_differences(found: JSONObject) -> None:
    differs, rows = found["differs"], found["executions"]
    for kind in ("environment", "files"):
        for each in differs[kind]:
            values = ", ".join(
                f"#{row['number']} {'-' if value is None else _short(kind, value)}"
                for row, value in zip(rows, each["values"], strict=True)
            )
            print(f"{kind}: {each['name']}: {values}")
    for variant in differs["code"][1:]:
        numbers = ", ".join(f"#{number}" for number in variant["numbers"])
        for cell in variant["cells"] or ():
            place = cell["after"] if cell["after"] is not None else cell["before"]
            print(f"code of {numbers}: cell {place + 1} {cell['change']}")
            for line in cell["lines"]:
                print(f"    {line}")
