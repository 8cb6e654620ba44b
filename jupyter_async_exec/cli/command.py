"""The command: its arguments, its exit codes, its errors as sentences."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.cli import verbs
from jupyter_async_exec.errors import AsyncExecError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Refused, or used wrongly.
EXIT_REFUSED = 2
#: Ended by Ctrl-C, as shells count it.
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code.

    Parameters
    ----------
    arguments
        What follows the command's name; by default those of the process.
    """
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    0 succeeded (or accepted), 1 the execution failed, 2 wrong usage or
    refused, 3 the execution was cancelled, 130 interrupted.
    """
    _skip_slow_imports()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of few characters must not end what was accepted.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    verb = import_module(f"{verbs.__name__}.{options.module}")
    try:
        code: int = asyncio.run(verb.run(options))
    except AsyncExecError as error:
        return _refuse(error, as_json=options.json)
    except KeyboardInterrupt:
        print("Interrupted; executions that were accepted go on.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command; each verb adds its own arguments."""
    parser = argparse.ArgumentParser(
        prog="jupyter async-exec",
        description="Run notebooks as sealed, numbered executions.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--json", action="store_true", help="print one JSON document on standard output"
    )
    shared.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="where executions are kept (default: as the server's)",
    )
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    for name, module in verbs.VERBS.items():
        verb = import_module(f"{verbs.__name__}.{module}")
        summary = (verb.__doc__ or "").partition("\n")[0].rstrip(".")
        subparser = subparsers.add_parser(
            name, help=summary[:1].lower() + summary[1:], description=verb.__doc__, parents=[shared]
        )
        verb.add_arguments(subparser)
        subparser.set_defaults(module=module)
    return parser


def _skip_slow_imports() -> None:
    """Keep jsonschema from compiling a grammar of internet addresses, 0.9 s of each start.

    It is an optional part that checks a format no schema of ours uses; an
    entry of None reads as "not installed". This process is ours alone.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _refuse(error: AsyncExecError, *, as_json: bool) -> int:
    if as_json:
        problem = {"message": error.message, "reason": error.reason, "details": error.details}
        print(json.dumps(problem))
    print(error.message, file=sys.stderr)
    return EXIT_REFUSED
