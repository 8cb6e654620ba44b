"""Move an execution to the trash, or take it out again; gc removes it for ever.

What is queued or running is refused; cancel it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json, say, to_json

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `delete` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument("--undo", action="store_true", help="take it out of the trash")


async def run(options: argparse.Namespace) -> int:
    """Do it and print the execution."""
    ref = options.id.removeprefix("#")
    async with open_house(options) as house:
        if options.undo:
            execution = await house.service.edit(ref, {"deleted": False})
        else:
            execution = await house.service.trash(ref)
        if options.json:
            print_json(await to_json(house, execution))
        else:
            where = "is back" if options.undo else "is in the trash; --undo takes it back"
            say(f"#{execution.number} {where}.")
    return 0
