"""Check that everything that is recorded is really there, byte by byte."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json, say
from jupyter_async_exec.service.verification import verify

if TYPE_CHECKING:
    import argparse


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: `verify` takes no arguments of its own."""


async def run(options: argparse.Namespace) -> int:
    """Print every damage; 0 if there is none, 1 otherwise."""
    async with open_house(options) as house:
        found = await asyncio.to_thread(verify, house.store, house.objects)
    if options.json:
        print_json(asdict(found))
    else:
        for damage in found.damages:
            say(damage)
        say(
            f"{found.n_executions} executions and {found.n_objects} objects checked, "
            f"{len(found.damages)} damages found."
        )
    return 1 if found.damages else 0
