"""The metric that says which executions of a notebook are the better ones."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Direction(enum.Enum):
    """Which values of a metric are better."""

    MINIMISE = "minimise"
    MAXIMISE = "maximise"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a person wants of a notebook, named once."""

    #: Name of the metric.
    metric: str
    direction: Direction
