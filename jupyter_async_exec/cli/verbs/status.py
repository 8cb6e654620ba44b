"""Show queue, slots and disk use, or change the slots."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING

from jupyter_async_exec.api.contract import check_body
from jupyter_async_exec.cli.session import open_house, print_json
from jupyter_async_exec.core.retention import format_size

if TYPE_CHECKING:
    import argparse

COUNT_INTERVAL_S = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `status` takes."""
    parser.add_argument(
        "--slots", type=int, metavar="N", help="from now on so many executions at once, 1 to 1000"
    )


async def run(options: argparse.Namespace) -> int:
    """Print it, after the change."""
    async with open_house(options) as house:
        if options.slots is not None:
            check_body("/status", "patch", {"slots": options.slots})
            await house.service.set_slots(options.slots)
        found = await house.service.status()
        while found["disk"]["used_bytes"] is None:
            # They are being counted.
            await asyncio.sleep(COUNT_INTERVAL_S)
            found = await house.service.status()
    if options.json:
        who = {"user": house.access.user or None, "team": house.access.team.value}
        # What REST says besides is about the one server that answers.
        print_json({"version": version("jupyter_async_exec"), **found, **who})
        return 0
    print(f"{found['running']} running, {found['queued']} queued, {found['slots']} slots")
    disk = found["disk"]
    used, free = format_size(disk["used_bytes"]), format_size(disk["free_bytes"])
    print(f"{used} used, {free} free in {disk['directory']}")
    return 0
