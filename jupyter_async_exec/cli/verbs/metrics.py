"""Print the points of an execution's metrics, also while it runs."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import open_house, print_json, say

if TYPE_CHECKING:
    import argparse

#: As REST has it.
MAX_POINTS = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `metrics` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="METRIC",
        help="only this one; may be given several times",
    )
    parser.add_argument(
        "--max-points",
        type=int,
        default=MAX_POINTS,
        metavar="N",
        help="at most so many points of each, peaks among them (1000)",
    )


async def run(options: argparse.Namespace) -> int:
    """Print them: as comma-separated values, or as REST's JSON."""
    async with open_house(options) as house:
        piece = await house.service.metrics(
            options.id.removeprefix("#"),
            names=options.name or None,
            max_points=min(max(options.max_points, 4), 100_000),
        )
    found = wire.metrics_to_json(piece)
    if options.json:
        print_json(found)
        return 0
    writer = csv.writer(sys.stdout)
    writer.writerow(["metric", "step", "value", "time_s"])
    for series in found["metrics"]:
        points = zip(series["steps"], series["values"], series["times_s"], strict=True)
        writer.writerows([series["name"], *point] for point in points)
    if not found["metrics"]:
        say("There are none.")
    return 0
