"""Show a sweep, cancel it or its rest, run again what failed, add to it, or delete it.

Exit code: 0 accepted (or all succeeded), 1 some failed, 2 refused, 3 cancelled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import (
    add_secret_option,
    ask_for_secrets,
    open_house,
    print_json,
    say,
)
from jupyter_async_exec.cli.sweep_options import (
    add_definition_options,
    print_members,
    read_definition,
    report_plan,
    report_sweep,
    sweep_range,
    wait_for_sweep,
)
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    import argparse

    from jupyter_async_exec.composition import House
    from jupyter_async_exec.core.sweeps import SweepDefinition


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `sweep` takes."""
    parser.add_argument(
        "id", metavar="ID", help="the sweep's id, or the number of one of its executions"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--cancel", action="store_true", help="end all of it")
    what.add_argument(
        "--stop", action="store_true", help="start nothing more; what runs comes to its end"
    )
    what.add_argument("--delete", action="store_true", help="move all of it to the trash")
    what.add_argument(
        "--undelete", action="store_true", help="take out of the trash what --delete moved there"
    )
    what.add_argument(
        "--retry",
        action="store_true",
        help="run again what failed, and what was not started because of it",
    )
    what.add_argument(
        "--add",
        action="store_true",
        help="add what --sweep or --table say, on the same snapshot; "
        "with --mode adaptive --samples N let a search go on",
    )
    parser.add_argument("--wait", action="store_true", help="stay until all of it is over")
    add_definition_options(parser)
    add_secret_option(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="with --add: only say what it would be and how long"
    )


async def run(options: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    ref = options.id.removeprefix("#")
    async with open_house(options) as house:
        sweeps = house.service.sweeps
        definition = await asyncio.to_thread(read_definition, options)
        _check(options, definition)
        secrets = await asyncio.to_thread(ask_for_secrets, options.secret)
        if options.dry_run and definition is not None:
            plan = await sweeps.plan_more(ref, definition, secrets=secrets)
            return report_plan(plan, as_json=options.json)
        if options.delete or options.undelete:
            return await _move(house, ref, options)
        if options.cancel or options.stop:
            sweep, executions = await sweeps.cancel(ref, only_waiting=options.stop)
        elif options.retry:
            sweep, executions = await sweeps.retry(ref, secrets=secrets)
        elif definition is not None:
            sweep, executions = await sweeps.add(ref, definition, secrets=secrets)
        else:
            sweep, executions = await sweeps.get(ref)
        if options.wait:
            await wait_for_sweep(house, sweep)
            sweep, executions = await sweeps.get(sweep.id)
        if not options.json:
            await asyncio.to_thread(print_members, executions)
        return await report_sweep(house, sweep, executions, as_json=options.json)


def _check(options: argparse.Namespace, definition: SweepDefinition | None) -> None:
    """Refuse options that do not go together."""
    if options.add != (definition is not None):
        raise InvalidRequestError("--add goes together with --sweep, --table or --mode adaptive.")
    if options.dry_run and not options.add:
        raise InvalidRequestError("--dry-run goes together with --add.")
    if options.secret and not (options.add or options.retry):
        raise InvalidRequestError("--secret goes together with --retry or --add.")


async def _move(house: House, ref: str, options: argparse.Namespace) -> int:
    """Move a sweep to the trash, or out of it; return the exit code."""
    sweeps = house.service.sweeps
    sweep = await (sweeps.trash(ref) if options.delete else sweeps.untrash(ref))
    if options.json:
        best = (await sweeps.bests([sweep])).get(sweep.id)
        print_json(wire.sweep_summary_to_json(sweep, best))
    elif options.delete:
        say(f"{sweep.title} is in the trash; sweep {sweep.id} --undelete takes it back.")
    else:
        say(f"{sweep_range(sweep)} is back.")
    return 0
