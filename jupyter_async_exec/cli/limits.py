"""Options by which a command limits an execution, in the units people use."""

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
