"""Change title, note, tags, star or pin of an execution; what it ran never changes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.api.contract import check_body
from jupyter_async_exec.cli.session import open_house, print_json, say, summary, to_json
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import Execution


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `edit` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument("--title", help="in place of the old one")
    parser.add_argument("--note", help="in place of the old one; an empty one removes it")
    parser.add_argument(
        "--tag", action="append", default=[], help="one more; may be given several times"
    )
    parser.add_argument(
        "--untag", action="append", default=[], metavar="TAG", help="remove this tag"
    )
    parser.add_argument("--star", action=argparse.BooleanOptionalAction, help="mark with a star")
    parser.add_argument(
        "--pin", action=argparse.BooleanOptionalAction, help="keep for ever; gc passes it over"
    )


async def run(options: argparse.Namespace) -> int:
    """Change it and print it."""
    ref = options.id.removeprefix("#")
    async with open_house(options) as house:
        changes = _changes(options, await house.service.get(ref))
        if not changes and options.pin is None:
            raise InvalidRequestError("Say what to change, such as --star or --note TEXT.")
        if changes:
            check_body("/executions/{id}", "patch", changes)
            execution = await house.service.edit(ref, changes)
        if options.pin is not None:
            execution = await house.service.pin(ref, pinned=options.pin)
        if options.json:
            print_json(await to_json(house, execution))
        else:
            say(summary(execution))
    return 0


def _changes(options: argparse.Namespace, execution: Execution) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if options.title is not None:
        changes["title"] = options.title
    if options.note is not None:
        changes["note"] = options.note
    if options.star is not None:
        changes["starred"] = options.star
    if options.tag or options.untag:
        tags = dict.fromkeys((*execution.tags, *options.tag))
        changes["tags"] = [tag for tag in tags if tag not in options.untag]
    return changes
