"""Metrics as charts need them: not more points than fit, and later only what is new."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.core.metric_series import NO_STEP, MetricSeries, downsample
from jupyter_async_exec.core.metrics import metric_value
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject

#: A larger cursor is none of ours: a thousand names of 200 characters of four bytes.
LARGEST_CURSOR = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPiece:
    """Points of the metrics of one execution."""

    #: One entry per metric, with columns of equal length.
    metrics: list[JSONObject]
    #: Ask with it for what comes later.
    cursor: str
    #: Nothing will be added any more.
    complete: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """What somebody has of the metrics of one attempt."""

    attempt: int
    counts: Mapping[str, int]

    def to_text(self) -> str:
        """Return it as text for an address."""
        plain = json.dumps([self.attempt, dict(self.counts)], separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str | None) -> Cursor:
        """Read what `to_text` wrote; nothing is known without a text.

        Raises
        ------
        InvalidRequestError
            It is none.
        """
        if not text:
            return cls(0, {})
        try:
            padded = text[:LARGEST_CURSOR] + "=" * (-len(text) % 4)
            attempt, counts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            return cls(int(attempt), {str(name): int(n) for name, n in counts.items()})
        except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
            raise InvalidRequestError(
                "'cursor' must be the 'cursor' of an earlier answer."
            ) from None


def make_piece(
    execution: Execution,
    series: list[MetricSeries],
    counts: Mapping[str, int],
    *,
    known: Cursor,
    max_points: int,
) -> MetricsPiece:
    """Return points for a chart.

    Parameters
    ----------
    execution
        Whose.
    series, counts
        What is new, and how many points each metric has.
    known
        What the one who asks has of this attempt.
    max_points
        At most so many points of each metric (>= 4).
    """
    now = {**known.counts, **{each.name: each.offset + len(each) for each in series}}
    return MetricsPiece(
        metrics=[
            series_to_json(execution, each, counts.get(each.name, 0), max_points) for each in series
        ],
        # Somebody may be ahead of us while a journal is read again.
        cursor=Cursor(
            execution.attempt,
            {name: max(n, known.counts.get(name, 0)) for name, n in now.items()},
        ).to_text(),
        complete=execution.is_final,
    )


def series_to_json(
    execution: Execution, series: MetricSeries, n_points: int, max_points: int
) -> JSONObject:
    """Return the JSON of one metric of an execution, at most `max_points` of it (>= 4)."""
    chosen = downsample(series.values, max_points)
    start_ms = 0
    if execution.started_at is not None:
        start_ms = round(execution.started_at.timestamp() * 1000)
    steps, times_ms = series.steps, series.times_ms
    return {
        "name": series.name,
        "n_points": n_points,
        "offset": series.offset,
        "sampled": len(chosen) < len(series),
        "steps": [None if steps[at] == NO_STEP else steps[at] for at in chosen],
        "values": [metric_value(series.values[at]) for at in chosen],
        "times_s": [max(times_ms[at] - start_ms, 0) / 1000 for at in chosen],
    }
