"""What every verb stands on: the house opened on local files, and ways to print."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.api import wire
from jupyter_async_exec.cli.local_files import LocalFiles
from jupyter_async_exec.core.access import Team
from jupyter_async_exec.core.execution import LIMIT_NAMES, Status
from jupyter_async_exec.core.secret_names import is_secret
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service.places import NO_REASONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Sequence

    from jupyter_async_exec.composition import House
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.settings import Settings

#: What the shell gets to know about how an execution ended.
EXIT_CODES = {Status.SUCCEEDED: 0, Status.FAILED: 1, Status.CANCELLED: 3}
#: What holds for servers alone: a script shall do the same everywhere, and a command ends too soon
#: for a spare runner to be of use.
SERVERS_OWN = {*LIMIT_NAMES, "spares"}
#: How often a waiting command looks at the execution.
WAIT_INTERVAL_S = 0.1


@asynccontextmanager
async def open_house(
    options: argparse.Namespace, *, root: Path | None = None, for_everybody: bool = False
) -> AsyncIterator[House]:
    """Open the store for one verb; nothing is dispatched unless the verb starts it.

    Parameters
    ----------
    options
        Parsed arguments.
    root
        Folder that notebook paths are relative to; default the current one.
    for_everybody
        Whether what belongs to others is seen and changed too, whatever is configured.
    """
    async with open_house_at(options.data_dir, root=root, for_everybody=for_everybody) as house:
        yield house


@asynccontextmanager
async def open_house_at(
    data_dir: Path | None, *, root: Path | None = None, for_everybody: bool = False
) -> AsyncIterator[House]:
    """Do the same for a data folder; without one, the server's."""
    from jupyter_client.kernelspec import KernelSpecManager

    from jupyter_async_exec.composition import InstalledKernels, compose
    from jupyter_async_exec.service.acting import acting_for

    settings = replace(await asyncio.to_thread(configured), spares=0)
    if data_dir is not None:
        settings = replace(settings, data_dir=data_dir)
    if for_everybody:
        settings = replace(settings, team=Team.ALL)
    house = await asyncio.to_thread(
        compose,
        settings,
        kernels=InstalledKernels(KernelSpecManager()),
        notebook_files=LocalFiles(root or Path.cwd()),
    )
    try:
        # As whoever is at the terminal has it, by the same rule as on a server.
        yield replace(house, service=acting_for(house.service, house.access))
    finally:
        await house.stop()


def configured() -> Settings:
    """Return what the server's configuration files say, without what holds for servers alone.

    Raises
    ------
    InvalidRequestError
        A file cannot be read.
    """
    from jupyter_core.paths import jupyter_config_path
    from traitlets.config.loader import (
        Config,
        ConfigFileNotFound,
        JSONFileConfigLoader,
        PyFileConfigLoader,
    )

    from jupyter_async_exec.settings import read_settings

    found = Config()
    # The first folder wins, and of one folder the JSON file, as for the server.
    for folder in reversed(jupyter_config_path()):
        for kind, suffix in ((PyFileConfigLoader, ".py"), (JSONFileConfigLoader, ".json")):
            name = f"jupyter_server_config{suffix}"
            try:
                found.merge(kind(name, path=folder).load_config())
            except ConfigFileNotFound:
                continue
            except Exception as error:
                raise InvalidRequestError(f"{folder}/{name} cannot be read: {error}") from error
    ours = found.get("AsyncExecApp", {})
    return read_settings({name: ours[name] for name in ours if name not in SERVERS_OWN})


def add_parameter_option(parser: argparse.ArgumentParser, *, help: str) -> None:  # noqa: A002  argparse's own word
    """Add ``-p NAME VALUE`` and ``--secret NAME``, which may be given several times."""
    parser.add_argument(
        *("-p", "--parameter"),
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help=help,
    )
    add_secret_option(parser)


def add_secret_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--secret NAME``, which may be given several times."""
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="NAME",
        help="a secret parameter; its value is asked for, or read from standard input",
    )


def refuse_secret(name: str, text: str, comment: str = "") -> None:
    """Refuse a secret on the command line, which every process of this machine can read.

    Raises
    ------
    InvalidRequestError
        It is one.
    """
    if is_secret(name, text, comment):
        raise InvalidRequestError(
            f"`{name}` is a secret, and everybody on this machine can read a command line: "
            f"use --secret {name}, which asks for its value, or a file with -f."
        )


def ask_for_secrets(names: Sequence[str]) -> dict[str, str]:
    """Return the values of secrets, asked for one by one, or a line each of standard input."""
    from getpass import getpass

    if sys.stdin.isatty():
        return {name: getpass(f"{name}: ") for name in names}
    return {name: sys.stdin.readline().rstrip("\n") for name in names}


async def to_json(house: House, execution: Execution) -> JSONObject:
    """Return the JSON of an execution, the same as REST's."""
    reasons = NO_REASONS if execution.is_final else await house.service.waiting_reasons()
    return wire.execution_to_json(execution, reasons, house.access.user)


def print_json(document: Any) -> None:
    """Print the one JSON document of a `--json` command."""
    print(json.dumps(document, indent=2))


def say(message: str) -> None:
    """Tell the person at the terminal; never on standard output."""
    print(message, file=sys.stderr)


async def wait(house: House, execution: Execution) -> Execution:
    """Dispatch until `execution` is final; return it as it is then.

    If a server already dispatches, this only watches.
    """
    from tqdm import tqdm

    house.start()
    bar = tqdm(
        desc=f"#{execution.number}",
        unit="cell",
        leave=False,
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )
    with bar:
        while not execution.is_final:
            await asyncio.sleep(WAIT_INTERVAL_S)
            execution = await house.service.get(execution.id)
            bar.total = execution.cells_total
            bar.n = execution.cells_done
            bar.refresh()
    return execution


async def report(house: House, execution: Execution, *, as_json: bool, waited: bool) -> int:
    """Print how it stands; return the exit code."""
    if as_json:
        print_json(await to_json(house, execution))
    else:
        say(summary(execution))
        if not waited:
            await say_who_starts_it(house)
    return EXIT_CODES.get(execution.status, 0)


async def say_who_starts_it(house: House) -> None:
    """Say what is missing for the queue to move; nothing where somebody moves it."""
    if not await asyncio.to_thread(house.dispatcher.is_taken):
        say("It starts as soon as a Jupyter server or a command with --wait is running.")


def read_value(name: str, text: str) -> Any:
    """Return a value given as text, read as YAML, as papermill's ``-p`` does.

    Raises
    ------
    InvalidRequestError
        It is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise InvalidRequestError(f"The value of {name!r} cannot be read: {text!r}.") from None


def summary(execution: Execution) -> str:
    """Return one line on how an execution stands."""
    line = f"#{execution.number} {execution.status}: {execution.title}"
    return f"{line} ({execution.message})" if execution.message else line
