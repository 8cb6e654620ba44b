"""Run the snapshot of an execution again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.cli.limits import (
    add_limit_options,
    add_place_options,
    read_limits,
    read_resources_option,
)
from jupyter_async_exec.cli.session import (
    add_parameter_option,
    ask_for_secrets,
    open_house,
    read_value,
    refuse_secret,
    report,
    say,
    wait,
)

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `rerun` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    add_parameter_option(parser, help="in place of the old value; may be given several times")
    parser.add_argument("--title", help="in place of the automatic one")
    add_place_options(parser, default=None)
    add_limit_options(parser)
    parser.add_argument("--wait", action="store_true", help="stay until it is over")


async def run(options: argparse.Namespace) -> int:
    """Submit it again, and wait if asked to; return the exit code."""
    limits, resources = read_limits(options), read_resources_option(options)
    async with open_house(options) as house:
        parent = await house.service.get(options.id.removeprefix("#"))
        for name, text in options.parameter:
            refuse_secret(name, text)
        changes: dict[str, Any] = await asyncio.to_thread(ask_for_secrets, options.secret)
        changes |= {name: read_value(name, text) for name, text in options.parameter}
        execution = await house.service.rerun(
            parent.id,
            parameters={**parent.parameters, **changes} if changes else None,
            title=options.title,
            limits=limits,
            backend=options.backend,
            resources=resources,
        )
        if options.wait:
            say(f"#{execution.number} is accepted.")
            execution = await wait(house, execution)
        return await report(house, execution, as_json=options.json, waited=options.wait)
