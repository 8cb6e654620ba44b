"""Options that say where an execution runs and what it may use, in the units people use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    import argparse

_SECONDS = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_BYTES = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)", re.IGNORECASE | re.ASCII)
#: Field of `Limits`, its units, and what it means.
_LIMITS = {
    "run_time": ("run_time_s", _SECONDS, "TIME", "end it after this time, such as 90s, 30min, 2h"),
    "silence": ("silence_s", _SECONDS, "TIME", "end it when nothing comes for so long"),
    "memory": (
        "memory_bytes", _BYTES, "SIZE", "end it when kernel and children use more, such as 16GB"
    ),
    "output": ("output_bytes", _BYTES, "SIZE", "keep less in the notebook; the log keeps all"),
}  # fmt: skip


def add_place_options(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    """Add ``--backend`` and ``--resources``."""
    parser.add_argument(
        "--backend", default=default, metavar="B", help=f"where to run ({default or 'as before'})"
    )
    parser.add_argument(
        "--resources",
        metavar="NAME=N,…",
        help="what it needs there besides a slot, such as GPU=1 or GPU=1,memory_gb=16",
    )


def read_resources_option(options: argparse.Namespace) -> dict[str, float] | None:
    """Return the resources that were asked for; None where nothing was said.

    Raises
    ------
    InvalidRequestError
        It is no list of names and amounts.
    """
    if options.resources is None:
        return None
    found: dict[str, float] = {}
    for part in filter(None, options.resources.split(",")):
        name, _, amount = part.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            raise InvalidRequestError(
                f"{part[:50]!r} asks for nothing: write a name and a number, such as GPU=1."
            ) from None
    return found


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--run-time-limit`` and its like; ``none`` lifts a limit."""
    for name, (_, _, metavar, meaning) in _LIMITS.items():
        flag = f"--{name.replace('_', '-')}-limit"
        parser.add_argument(flag, metavar=metavar, help=f"{meaning}; `none` for no limit")


def read_limits(options: argparse.Namespace) -> dict[str, float | int | None]:
    """Return the limits chosen, by field of `Limits`.

    Raises
    ------
    InvalidRequestError
        One is no quantity.
    """
    chosen: dict[str, float | int | None] = {}
    for name, (field, units, _, _) in _LIMITS.items():
        text = getattr(options, f"{name}_limit")
        if text is not None:
            chosen[field] = None if text.lower() == "none" else _read(name, text, units)
    return chosen


def _read(name: str, text: str, units: dict[str, int]) -> float | int:
    found = _QUANTITY.fullmatch(text.strip())
    unit = None if found is None else units.get(found[2].lower())
    if found is None or unit is None or not float(found[1]):
        known = ", ".join(filter(None, units))
        raise InvalidRequestError(
            f"{text[:50]!r} is no limit of {name.replace('_', ' ')}: "
            f"write a number above 0 and one of {known}, or `none`."
        )
    amount = float(found[1]) * unit
    return amount if units is _SECONDS else max(1, int(amount))
