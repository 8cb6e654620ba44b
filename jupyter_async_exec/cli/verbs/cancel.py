"""Cancel an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json, say, summary, to_json, wait

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `cancel` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument("--wait", action="store_true", help="stay until it is over")


async def run(options: argparse.Namespace) -> int:
    """Ask for the end; 0 whether or not it was still possible."""
    async with open_house(options) as house:
        execution = await house.service.cancel(options.id.removeprefix("#"))
        if options.wait:
            execution = await wait(house, execution)
        if options.json:
            print_json(await to_json(house, execution))
        elif execution.is_final:
            say(summary(execution))
        else:
            say(f"#{execution.number} is asked to end.")
    return 0
