"""Check that everything that is recorded is really there, byte by byte.

Exit code: 0 nothing is damaged (with --repair: any more), 1 something is.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json, say
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.service.verification import Damage, Findings, verify
from jupyter_async_exec.service.verification.attempts import find_unsettled, judge_settled

if TYPE_CHECKING:
    import argparse

    from jupyter_async_exec.composition import House


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `verify` takes."""
    parser.add_argument(
        "--repair",
        action="store_true",
        help="put right what can be, mark what cannot, set damaged bytes aside",
    )


async def run(options: argparse.Namespace) -> int:
    """Print every damage and what became of it; 0 if none is left, 1 otherwise."""
    async with open_house(options) as house:
        unsettled = await _check_attempts(house, repair=options.repair)
        found = await asyncio.to_thread(verify, house.store, house.objects, repair=options.repair)
        found.damages[:0] = unsettled
    if options.json:
        print_json(asdict(found))
    else:
        _report(found, repair=options.repair)
    return 1 if found.n_left else 0


async def _check_attempts(house: House, *, repair: bool) -> list[Damage]:
    """Return what dispatchers that died have left; one that lives sees to it itself."""
    if await asyncio.to_thread(house.dispatcher.is_taken):
        return []
    try:
        damages = await find_unsettled(house.store, house.backends)
    except UnavailableError:
        return []  # The check of the store says why.
    if damages and repair:
        is_settled = await house.dispatcher.settle()
        await judge_settled(house.store, house.backends, damages, is_settled=is_settled)
    return list(damages.values())


def _report(found: Findings, *, repair: bool) -> None:
    for damage in found.damages:
        say(damage.message if damage.repair is None else f"{damage.message}\n  {damage.repair}")
    n_damages = len(found.damages)
    line = (
        f"{found.n_executions} executions and {found.n_objects} objects checked, "
        f"{n_damages} damages found"
    )
    if repair and n_damages:
        line += f", {n_damages - found.n_left} repaired, {found.n_left} left"
    say(f"{line}.")
    if found.n_left and not repair:
        say("`jupyter async-exec verify --repair` puts right what can be.")
