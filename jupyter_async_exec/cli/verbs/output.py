"""Write the executed notebook, or another artifact, to a file or standard output."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.cli.session import open_house, print_json, say
from jupyter_async_exec.errors import ConflictError, InvalidRequestError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `output` takes."""
    parser.add_argument("id", metavar="ID", help="number or full id")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a new file to write")
    parser.add_argument(
        "--source", action="store_true", help="the notebook that was submitted, without outputs"
    )
    parser.add_argument("--artifact", metavar="NAME", help="this artifact instead of the notebook")


async def run(options: argparse.Namespace) -> int:
    """Write it; never over an existing file."""
    ref = options.id.removeprefix("#")
    if options.json and options.artifact is not None and options.output is None:
        raise InvalidRequestError("An artifact is no JSON: give a file for it with -o.")
    async with open_house(options) as house:
        if options.artifact is not None:
            artifact = await house.service.artifact(ref, options.artifact)
            data = b"".join([piece async for piece in house.service.pieces(artifact)])
        else:
            version = "source" if options.source else "output"
            data = await house.service.notebook(ref, version=version)
    if options.output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return 0
    await asyncio.to_thread(_write_new, options.output, data)
    if options.json:
        print_json({"path": str(options.output), "size_bytes": len(data)})
    else:
        say(f"Written to {options.output}.")
    return 0


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise ConflictError(f"{path} exists already; choose another name.") from None
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror or error}.") from None
