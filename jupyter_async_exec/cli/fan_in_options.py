"""What the command line says about executions that wait for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Collect
from jupyter_async_exec.core.fan_in import read_when, with_when
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service import SubmitRequest

if TYPE_CHECKING:
    import argparse


def add_fan_in_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to wait for, and what to hand over."""
    group = parser.add_argument_group("after others")
    group.add_argument(
        "--after",
        action="append",
        default=[],
        metavar="ID",
        help="start once this execution has succeeded; may be given several times",
    )
    what = group.add_mutually_exclusive_group()
    what.add_argument(
        "--collect",
        metavar="IDS",
        help="hand these executions to the notebook, such as 18..41 or 18,20,25",
    )
    what.add_argument(
        "--collect-sweep",
        metavar="ID",
        help="hand it this sweep, by its id or the number of one of its executions",
    )
    what.add_argument(
        "--then",
        type=Path,
        metavar="NOTEBOOK",
        help="with --sweep or --table: run this notebook with the results",
    )
    group.add_argument(
        "--collect-as",
        metavar="NAME",
        help="the parameter that takes the list (default: executions)",
    )
    group.add_argument(
        "--when",
        metavar="WHEN",
        help="when to collect: all, first:3 or within:1h (default: all)",
    )


def read_after(options: argparse.Namespace) -> tuple[str, ...]:
    """Return what the notebook follows."""
    return tuple(options.after)


def read_collect(options: argparse.Namespace) -> Collect | None:
    """Return what the notebook collects.

    Raises
    ------
    InvalidRequestError
        Options do not go together, or the time makes no sense.
    """
    if options.collect is None and options.collect_sweep is None:
        is_lonely = options.then is None and (options.when or options.collect_as)
        if is_lonely:
            raise InvalidRequestError(
                "--when and --collect-as go together with --collect, --collect-sweep or --then."
            )
        return None
    executions = () if options.collect is None else tuple(options.collect.split(","))
    return _as_asked(
        options,
        Collect(
            executions=tuple(ref.strip() for ref in executions if ref.strip()),
            sweep_id=options.collect_sweep,
        ),
    )


def read_then(options: argparse.Namespace, root: Path) -> SubmitRequest | None:
    """Return what is run with the results of a sweep.

    Raises
    ------
    InvalidRequestError
        The notebook lies elsewhere, or the time makes no sense.
    """
    if options.then is None:
        return None
    path = options.then.resolve()
    if not path.is_relative_to(root):
        raise InvalidRequestError(
            f"{options.then} must lie in {root} or below, as the notebook of the sweep does."
        )
    return SubmitRequest(
        path=path.relative_to(root).as_posix(),
        backend=options.backend,
        collect=_as_asked(options, Collect()),
    )


def _as_asked(options: argparse.Namespace, collect: Collect) -> Collect:
    if options.collect_as is not None:
        collect = replace(collect, parameter=options.collect_as)
    return with_when(collect, read_when(options.when or "all"))
