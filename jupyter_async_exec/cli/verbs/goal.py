"""Say which metric counts for a notebook, or show it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.local_files import locate
from jupyter_async_exec.cli.session import open_house, print_json, say
from jupyter_async_exec.cli.sweep_options import read_goal
from jupyter_async_exec.core.goal import Direction

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `goal` takes."""
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook file")
    what = parser.add_mutually_exclusive_group()
    for direction in Direction:
        what.add_argument(
            f"--{direction.value}", metavar="METRIC", help=f"best is what {direction.value}s this"
        )
    what.add_argument("--forget", action="store_true", help="no metric counts any more")


async def run(options: argparse.Namespace) -> int:
    """Set it if asked to, and print it; null where there is none."""
    root, path = locate(options.notebook)
    goal = read_goal(options)
    async with open_house(options, root=root) as house:
        if goal is not None or options.forget:
            await house.service.set_goal(path, goal)
        found = await house.service.goal(path)
    if options.json:
        print_json(None if found is None else wire.goal_to_json(found))
    elif found is None:
        say("No metric counts for this notebook.")
    else:
        say(f"Best is what {found.direction.value}s {found.metric}.")
    return 0
