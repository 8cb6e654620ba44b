"""What of the news of attempts is told at once, and what is gathered first."""

from __future__ import annotations

import pytest

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.dask.news import has_ended, tell
from jupyter_async_exec.backends.dask.protocol import State

ONE, TWO = AttemptKey("one", 1), AttemptKey("two", 1)
RUNNING = State(journal_bytes=100, log_bytes=10, is_alive=True)
ENDING = State(journal_bytes=200, log_bytes=10, has_result=True, is_alive=True)
GONE = State(journal_bytes=200, log_bytes=10, has_result=True)
LOST = State(journal_bytes=100, log_bytes=10)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {ONE: RUNNING}),
        ({ONE: State(is_alive=True)}, {ONE: RUNNING}),
        ({ONE: RUNNING, TWO: GONE}, {ONE: RUNNING}),
        ({ONE: ENDING}, {ONE: ENDING}),
    ],
)
def test_what_goes_on_may_be_told_later(
    before: dict[AttemptKey, State], now: dict[AttemptKey, State]
) -> None:
    assert not has_ended(tell(before), now)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {ONE: ENDING}),
        ({}, {ONE: LOST}),
        ({ONE: RUNNING}, {ONE: ENDING}),
        ({ONE: RUNNING}, {ONE: LOST}),
        ({ONE: ENDING, TWO: RUNNING}, {ONE: GONE, TWO: RUNNING}),
    ],
)
def test_an_end_is_told_at_once(
    before: dict[AttemptKey, State], now: dict[AttemptKey, State]
) -> None:
    assert has_ended(tell(before), now)
