"""List executions, newest first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.local_files import locate
from jupyter_async_exec.cli.session import open_house, print_json, say
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.service.places import NO_REASONS
from jupyter_async_exec.store import ExecutionQuery

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `list` takes."""
    parser.add_argument(
        "--notebook",
        help="only of this notebook: a file, or a path as Jupyter has it if there is no such file",
    )
    parser.add_argument(
        "--status",
        action="append",
        default=[],
        choices=[status.value for status in Status],
        help="only this status; may be given several times",
    )
    parser.add_argument(
        "--search",
        metavar="WORDS",
        help='words in title, path, tags, parameters; or comparisons such as "val_acc > 0.9"',
    )
    parser.add_argument("--tag", help="only with this tag")
    parser.add_argument("--starred", action="store_true", help="only with a star")
    parser.add_argument(
        "--sweep",
        metavar="ID",
        help="only of this sweep, by its id or the number of one of its executions",
    )
    parser.add_argument("--oldest-first", action="store_true", help="in place of newest first")
    parser.add_argument("--limit", type=int, default=25, help="rows at most, 1 to 200 (25)")
    parser.add_argument("--cursor", help="next_cursor of the page before")


async def run(options: argparse.Namespace) -> int:
    """Print one page."""
    query = ExecutionQuery(
        notebook=options.notebook and await asyncio.to_thread(_path_of, options.notebook),
        statuses=frozenset(Status(name) for name in options.status),
        text=options.search,
        tag=options.tag,
        starred=options.starred or None,
        newest_first=not options.oldest_first,
        limit=min(max(options.limit, 1), 200),
        cursor=options.cursor,
    )
    async with open_house(options) as house:
        if options.sweep is not None:
            sweep, _ = await house.service.sweeps.get(options.sweep.removeprefix("#"))
            query = replace(query, sweep=sweep.id)
        page = await house.service.find(query)
        if options.json:
            are_over = all(each.is_final for each in page.executions)
            reasons = NO_REASONS if are_over else await house.service.waiting_reasons()
            bests = await house.service.sweeps.bests(page.sweeps)
            print_json(wire.page_to_json(page, reasons, bests, house.access.user))
        else:
            for execution in page.executions:
                day = execution.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
                number = f"#{execution.number}"
                row = f"{number:>7}  {execution.status:<9}  {day}  {execution.notebook_path}"
                print(f"{row}  {execution.title}")
            if not page.executions:
                say("There are none.")
            if page.next_cursor is not None:
                say(f"There are more: --cursor {page.next_cursor}")
    return 0


def _path_of(notebook: str) -> str:
    return locate(Path(notebook))[1] if Path(notebook).is_file() else notebook
