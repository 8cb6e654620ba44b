"""Keep parameters of a notebook under a name, list what is kept, or forget it.

Without NAME, all presets of the notebook are listed.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.local_files import locate
from jupyter_async_exec.cli.session import add_parameter_option, open_house, print_json, say
from jupyter_async_exec.cli.verbs.run import parameters_of, read_parameters
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    import argparse

    from jupyter_async_exec.core.preset import Preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `preset` takes."""
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="the notebook file")
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the preset")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--save", action="store_true", help="keep the parameters given")
    what.add_argument("--delete", action="store_true", help="forget it")
    what.add_argument(
        "--move-from",
        metavar="OLD",
        help="take over the presets of a notebook that was renamed outside of Jupyter",
    )
    add_parameter_option(parser, help="with --save: a parameter; may be given several times")
    parser.add_argument(
        "-f", "--parameters-file", type=Path, metavar="PARAMS.yaml", help="parameters from a file"
    )
    parser.add_argument(
        "--parameters-of", metavar="ID", help="the parameters of an earlier execution"
    )


async def run(options: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    root, path = locate(options.notebook)
    if (options.save or options.delete) and not options.name:
        raise InvalidRequestError("--save and --delete need the NAME of the preset.")
    async with open_house(options, root=root) as house:
        presets = house.service.presets
        if options.save:
            declared = await house.service.parameters(path)
            given = await asyncio.to_thread(read_parameters, options, declared)
            earlier = await parameters_of(house, options.parameters_of)
            found = [await presets.put(path, options.name, {**earlier, **given})]
        elif options.delete:
            await presets.delete(path, options.name)
            say(f"{options.name} is forgotten.")
            found = []
        else:
            if options.move_from:
                old = _path_below(root, options.move_from)
                say(f"{await presets.move(old, path)} presets were taken over.")
            found = await presets.all(path)
            if options.name:
                found = [await presets.get(path, options.name)]
    _report(found, options)
    return 0


def _path_below(root: Path, name: str) -> str:
    return PurePath(os.path.relpath(name, root)).as_posix()


def _report(found: list[Preset], options: argparse.Namespace) -> None:
    if options.json:
        print_json({"presets": [wire.preset_to_json(preset) for preset in found]})
        return
    for preset in found:
        print(f"{preset.name}  {json.dumps(preset.parameters, ensure_ascii=False)}")
        if preset.secrets:
            say(f"{preset.name}: {', '.join(preset.secrets)} is secret and was not kept.")
