"""Write the source of an execution into a new notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json, say

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `restore` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument(
        "--folder", default="", metavar="FOLDER", help="an existing folder (the current one)"
    )


async def run(options: argparse.Namespace) -> int:
    """Write it; never over an existing file."""
    async with open_house(options) as house:
        path = await house.service.restore(options.id.removeprefix("#"), folder=options.folder)
    if options.json:
        print_json({"path": path})
    else:
        say(f"Written to {path}.")
    return 0
