"""Make room: remove what you let go, and what nothing refers to any more.

Without an option that says what may go, only what was deleted long ago goes,
and the bytes of what is gone already. What is starred, pinned, queued or
running, and the executions of a sweep that is not over, never go.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import open_house, print_json, say
from jupyter_async_exec.core.retention import (
    TRASH_S,
    Retention,
    format_size,
    read_age_s,
    read_size_bytes,
)

if TYPE_CHECKING:
    import argparse

    from jupyter_async_exec.service.collection import Collection

#: Not asked for, therefore not done.
EXIT_REFUSED = 2
#: So many are listed.
N_LISTED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `gc` takes."""
    parser.add_argument(
        "--older-than", metavar="AGE", help="executions that ended longer ago, such as 30d"
    )
    parser.add_argument(
        "--unused-for", metavar="AGE", help="that were neither opened nor reused for so long"
    )
    parser.add_argument(
        "--keep-last", type=int, metavar="N", help="but not the latest N of each notebook"
    )
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        help="only until all together take no more room than, say, 10GB; "
        "what was of no use for longest goes first",
    )
    parser.add_argument(
        "--trash-older-than",
        metavar="AGE",
        default=f"{TRASH_S / 86_400:.0f}d",
        help="what was deleted longer ago (default: 30d)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would go, and how much room it takes"
    )
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.add_argument(
        "--everybody",
        action="store_true",
        help="what others own too, where several people share a store; for whoever looks after it",
    )


async def run(options: argparse.Namespace) -> int:
    """Say what would go, ask, and do it; return the exit code."""
    retention = Retention(
        older_than_s=options.older_than and read_age_s(options.older_than),
        unused_for_s=options.unused_for and read_age_s(options.unused_for),
        keep_last=None if options.keep_last is None else max(0, options.keep_last),
        max_bytes=options.max_size and read_size_bytes(options.max_size),
        trash_s=read_age_s(options.trash_older_than),
    )
    async with open_house(options, for_everybody=options.everybody) as house:
        collector = house.service.collector
        planned = await collector.plan(retention)
        is_something = bool(planned.executions or planned.n_objects)
        if options.dry_run or not is_something:
            _report(planned, options, is_done=False)
            return 0
        if not options.yes:
            if options.json or not sys.stdin.isatty():
                _report(planned, options, is_done=False)
                say("Nothing was removed: give --yes to do it.")
                return EXIT_REFUSED
            _report(planned, options, is_done=False)
            if not await asyncio.to_thread(_confirmed):
                say("Nothing was removed.")
                return 0
        _report(await collector.collect(retention), options, is_done=True)
    return 0


def _confirmed() -> bool:
    return input("Remove this for ever? [y/N] ").strip().lower() in {"y", "yes"}


def _report(found: Collection, options: argparse.Namespace, *, is_done: bool) -> None:
    if options.json:
        print_json(wire.collection_to_json(found, dry_run=not is_done))
        return
    for each in found.executions[:N_LISTED]:
        where = "in the trash" if each.deleted_at else f"used {each.used_at:%Y-%m-%d}"
        print(f"#{each.number}  {each.notebook_path}  {each.title}  ({where})")
    if len(found.executions) > N_LISTED:
        print(f"… and {len(found.executions) - N_LISTED:,} more")
    say(_sentence(found, is_done=is_done))
    if found.later_bytes:
        say(f"{format_size(found.later_bytes)} more will be free a day after they were last used.")
    if found.message:
        say(found.message)


def _sentence(found: Collection, *, is_done: bool) -> str:
    n = len(found.executions)
    what = f"{n:,} execution{'' if n == 1 else 's'}"
    verb = ("was" if n == 1 else "were") if is_done else "would be"
    free = "is free now" if is_done else "would be free"
    return f"{what} {verb} removed; {format_size(found.freed_bytes)} {free}."
