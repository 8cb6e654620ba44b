"""Moments are aware, in UTC, and as text in the order of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.clock import format_at, parse_at, utc_now

ZONES = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
MOMENTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001  the strategy adds the zone
    datetime(9999, 1, 1),  # noqa: DTZ001
    timezones=ZONES,
)


@given(MOMENTS)
def test_a_moment_survives_being_written(moment: datetime) -> None:
    assert parse_at(format_at(moment)) == moment


@given(MOMENTS, MOMENTS)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (format_at(one) < format_at(other)) == (one < other)


def test_the_format_is_fixed() -> None:
    moment = datetime(2026, 11, 21, 10, 20, 15, tzinfo=timezone(timedelta(hours=1)))

    assert format_at(moment) == "2026-11-21T09:20:15.000000Z"


def test_now_is_aware() -> None:
    assert utc_now().tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_at(datetime(2026, 11, 21))  # noqa: DTZ001  the point of the test
    with pytest.raises(ValueError, match="no time zone"):
        parse_at("2026-11-21T09:20:15")
