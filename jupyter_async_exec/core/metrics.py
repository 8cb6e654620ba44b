"""What a metric is, and how one is read from a line, an object or a pair of words.

JSON has no NaN and no infinities: as in the store and over HTTP, they are the
texts ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from jupyter_async_exec.core.json_types import JSONValue

#: A finite number, or the name of one that is none.
MetricValue: TypeAlias = "int | float | str"

#: Longer names are none.
LONGEST_NAME = 200
#: What SQLite, and most other things, hold as a whole number.
LARGEST_STEP = 2**63 - 1
#: Longer lines are not looked at.
LONGEST_LINE = 64 * 1024
#: Lines for people are shorter; only these are searched for ``key: value``.
LONGEST_PAIR_LINE = 2_000

#: The first of them that is there is the step; none of them is ever a metric.
STEP_NAMES = ("step", "global_step", "iteration", "iter", "epoch")
#: An object with a text under one of these is a line of a log.
_LOG_NAMES = ("message", "msg", "event", "level", "levelname", "severity")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?)"
#: Only from the start of a word on, so that a long word is looked at once.
_PAIR = re.compile(
    rf"(?<![\w./-])([^\W\d][\w./-]{{0,{LONGEST_NAME - 1}}})\s*[:=]\s*({_NUMBER})(?![\w.:%])",
    re.IGNORECASE,
)
_STEP = re.compile(r"(?<!\w)(step|global_step|iteration|iter|epoch)\s*[:=#\[]?\s*(\d{1,18})(?!\w)")


@dataclass(frozen=True, slots=True)
class Metric:
    """One value of one metric."""

    name: str
    value: MetricValue
    step: int | None = None

    @property
    def is_finite(self) -> bool:
        """Whether it is a number."""
        return not isinstance(self.value, str)


def metric_value(value: object) -> MetricValue | None:
    """Return a number as a metric holds it; `None` for what is none.

    Truth values are none. A whole number too large for a float is infinite.
    """
    if isinstance(value, str):
        return value if value in _NOT_FINITE else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"
    if math.isfinite(number):
        # Beyond, neither a float nor a browser holds it exactly.
        return value if isinstance(value, int) and abs(value) <= 2**53 else number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def as_float(value: JSONValue) -> float:
    """Return the float that a metric's value stands for; NaN for what is none."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value, math.nan)
    if isinstance(value, int | float):
        return float(value)
    return math.nan


def metric_step(value: object) -> int | None:
    """Return a step as a whole number; `None` for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= LARGEST_STEP else None


def is_name(name: object) -> bool:
    """Whether something can be the name of a metric: 1 to 200 printable characters."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()


def read_line(line: str) -> list[Metric]:
    """Return the metrics of a printed line that is one JSON object; none of any other line."""
    line = line.rstrip()
    # Before anything is parsed: most lines that begin so are what Python prints of a dict.
    if not line.endswith("}") or not line.startswith("{") or line[1:].lstrip()[:1] != '"':
        return []
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return read_object(found) if isinstance(found, dict) else []


def read_object(found: dict[str, object]) -> list[Metric]:
    """Return the metrics of a JSON object: its numbers, all with its step.

    What is neither a number nor a step is passed over; an object that is a line
    of a log (it has a text as its message or level) has none.
    """
    if any(isinstance(found.get(name), str) for name in _LOG_NAMES):
        return []
    steps = (metric_step(found.get(name)) for name in STEP_NAMES)
    step = next((each for each in steps if each is not None), None)
    return [
        Metric(name, value, step)
        for name, given in found.items()
        if name not in STEP_NAMES and is_name(name) and (value := metric_value(given)) is not None
    ]


def read_pairs(line: str, names: Set[str] | None) -> Iterator[Metric]:
    """Give the metrics of a line for people, such as ``epoch 3  loss: 0.31, val_acc = 0.9``.

    Parameters
    ----------
    line
        Without its end. Of a line that was overwritten, the last state counts.
    names
        Which names are metrics; `None` for all but those of steps.
    """
    line = line.rstrip().rpartition("\r")[2]
    if len(line) > LONGEST_PAIR_LINE or not (":" in line or "=" in line):
        return
    steps = {name: int(number) for name, number in _STEP.findall(line.lower())}
    step = next((steps[name] for name in STEP_NAMES if name in steps), None)
    for name, number in _PAIR.findall(line):
        if name.lower() not in STEP_NAMES and (names is None or name in names):
            value = metric_value(_read_number(number))
            if value is not None:
                yield Metric(name, value, step)


def _read_number(text: str) -> int | float:
    return int(text) if len(text) <= 18 and text.lstrip("+-").isdigit() else float(text)  # noqa: PLR2004  what a whole number holds
