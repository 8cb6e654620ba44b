"""Print what an execution printed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.session import open_house, print_json

if TYPE_CHECKING:
    import argparse

#: Bytes read at once.
PIECE_BYTES = 1_000_000
FOLLOW_INTERVAL_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `log` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument("--follow", action="store_true", help="go on until it is over")


async def run(options: argparse.Namespace) -> int:
    """Print the log; with --json as one document."""
    ref = options.id.removeprefix("#")
    texts: list[str] = []
    offset = 0
    async with open_house(options) as house:
        while True:
            piece = await house.service.log(ref, offset=offset, limit_bytes=PIECE_BYTES)
            offset = piece.next_offset
            if options.json:
                texts.append(piece.text)
            else:
                print(piece.text, end="", flush=True)
            if piece.complete or (not piece.text and not options.follow):
                break
            if not piece.text:
                await asyncio.sleep(FOLLOW_INTERVAL_S)
    if options.json:
        print_json(wire.log_to_json(replace(piece, text="".join(texts), offset=0)))
    return 0
