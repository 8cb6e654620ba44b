"""What is said about several measurements of the same thing: median and spread."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Sample:
    """Measurements of one thing, in the order in which they were taken."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        """Return the sample of these values."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The middle one; NaN when there is none."""
        return statistics.median(self.values) if self.values else math.nan

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values, default=math.nan)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values, default=math.nan)

    def quantile(self, share: float) -> float:
        """Return the value that `share` (0 to 1) of the measurements do not exceed.

        The nearest rank, so that it is always one that was measured.
        """
        if not self.values:
            return math.nan
        rank = max(1, math.ceil(share * len(self.values)))
        return sorted(self.values)[rank - 1]

    def times(self, factor: float) -> Sample:
        """Return the sample in another unit."""
        return Sample(tuple(value * factor for value in self.values))


def ratio(ours: Sample, theirs: Sample) -> Sample:
    """Return how many times `theirs` ours is, round by round.

    Where one side has fewer rounds, its median stands in for what is missing:
    the slowest peers are not asked in every round.
    """
    n_rounds = max(len(ours.values), len(theirs.values))
    if not ours.values or not theirs.values:
        return Sample(())
    return Sample.of(
        above / below
        for above, below in zip(_filled(ours, n_rounds), _filled(theirs, n_rounds), strict=True)
    )


def _filled(sample: Sample, n_rounds: int) -> Sequence[float]:
    missing = n_rounds - len(sample.values)
    return (*sample.values, *[sample.median] * missing)


def number(value: float, *, digits: int = 2) -> str:
    """Write a number with `digits` significant digits, thousands separated."""
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def spread(sample: Sample, unit: str = "", *, digits: int = 2) -> str:
    """Write ``0.42 s (0.40-0.51)``: the median and, of several, smallest and largest."""
    if not sample.values:
        return "–"
    middle = f"{number(sample.median, digits=digits)}{' ' * bool(unit)}{unit}"
    if len(sample.values) == 1:
        return middle
    low, high = number(sample.low, digits=digits), number(sample.high, digits=digits)
    return f"{middle} ({low}–{high})"


def duration(sample: Sample) -> str:
    """Write seconds as milliseconds or seconds, whichever reads better."""
    if sample.values and sample.median < 1:
        return spread(sample.times(1e3), "ms", digits=3)
    return spread(sample, "s", digits=3)


def size(sample: Sample) -> str:
    """Write bytes as MB."""
    return spread(sample.times(1e-6), "MB", digits=3)
