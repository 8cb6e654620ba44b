"""All points of one metric, and as many of them as a chart can show."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Stands for "no step"; no step is so small.
NO_STEP = -(2**63)


@dataclass(slots=True)
class MetricSeries:
    """Points of one metric, oldest first, as columns of equal length."""

    name: str
    #: `NO_STEP` where there was none.
    steps: array[int] = field(default_factory=lambda: array("q"))
    #: When each was recorded, in milliseconds of Unix time; good to about 0.1 s.
    times_ms: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    #: How many points of the metric come before the first one here.
    offset: int = 0

    def __len__(self) -> int:
        return len(self.values)

    def append(self, step: int | None, time_ms: int, value: float) -> None:
        """Add a point at the end."""
        self.steps.append(NO_STEP if step is None else step)
        self.times_ms.append(time_ms)
        self.values.append(value)

    def extend(self, other: MetricSeries) -> None:
        """Add the points of `other` at the end."""
        self.steps.extend(other.steps)
        self.times_ms.extend(other.times_ms)
        self.values.extend(other.values)

    def part(self, start: int, stop: int | None = None) -> MetricSeries:
        """Return the points from `start` on, counted from the first one here."""
        chosen = slice(start, stop)
        return MetricSeries(
            self.name,
            self.steps[chosen],
            self.times_ms[chosen],
            self.values[chosen],
            self.offset + start,
        )


def downsample(values: Sequence[float], n_points: int) -> list[int]:
    """Return at most `n_points` positions that show what all of `values` show.

    First and last are among them, and of each stretch between its smallest and
    its largest value, or the first that is no number: a peak, or a NaN, is
    never averaged away.

    Parameters
    ----------
    values
        Numbers, NaN and infinities among them.
    n_points
        At most so many positions (>= 4).
    """
    n_values = len(values)
    if n_values <= n_points:
        return list(range(n_values))
    n_stretches = (n_points - 2) // 2
    chosen = [0]
    for index in range(n_stretches):
        start = 1 + index * (n_values - 2) // n_stretches
        stop = 1 + (index + 1) * (n_values - 2) // n_stretches
        chosen.extend(_extremes(values, start, stop))
    chosen.append(n_values - 1)
    return chosen


def _extremes(values: Sequence[float], start: int, stop: int) -> list[int]:
    stretch = values[start:stop]
    total = sum(stretch)
    if total - total != 0:
        # Something in it is not finite (or the sum is not): NaN compares with nothing.
        strange = [at for at, value in enumerate(stretch) if value - value != 0]
        if strange:
            return [start + at for at in dict.fromkeys((strange[0], strange[-1]))]
    low, high = stretch.index(min(stretch)), stretch.index(max(stretch))
    return [start + at for at in sorted({low, high})]
