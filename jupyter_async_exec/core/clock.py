"""Time as this project writes it: aware, UTC, ISO 8601 with microseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

#: Gives the present moment; tests put their own in its place.
Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return datetime.now(UTC)


def format_at(moment: datetime) -> str:
    """Write an aware moment as ``2026-11-21T09:20:15.000000Z``.

    The width is fixed, so that text order is time order.

    Raises
    ------
    ValueError
        `moment` has no time zone.
    """
    if moment.tzinfo is None:
        message = "a moment without a time zone cannot be written"
        raise ValueError(message)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_at(text: str) -> datetime:
    """Read what `format_at` wrote.

    Raises
    ------
    ValueError
        `text` is not such a moment.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = f"{text!r} has no time zone"
        raise ValueError(message)
    return moment.astimezone(UTC)
