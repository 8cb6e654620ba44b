"""Asking how much room is used never waits for the counting, except a moment the first time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.service.disk_use import MAX_AGE_S, DiskUse

if TYPE_CHECKING:
    import pytest


class Time:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_first_who_asks_gets_a_figure_that_is_quick_to_find() -> None:
    assert DiskUse(lambda: 42, patience_s=30.0).read() == 42


def test_nobody_waits_for_a_count_that_takes_long() -> None:
    may_end = threading.Event()

    def measure() -> int:
        may_end.wait(30.0)
        return 42

    use = DiskUse(measure, patience_s=0.01)
    assert use.read() is None

    may_end.set()
    deadline_s = time.monotonic() + 30.0
    while use.read() is None and time.monotonic() < deadline_s:
        pass
    assert use.read() == 42


def test_a_figure_is_counted_again_only_when_it_is_old() -> None:
    clock = Time()
    counts = iter([1, 2])
    counted = threading.Semaphore(0)

    def measure() -> int:
        counted.release()
        return next(counts)

    use = DiskUse(measure, monotonic=clock, patience_s=30.0)
    assert use.read() == 1
    clock.now_s = MAX_AGE_S - 1

    assert use.read() == 1
    assert counted.acquire(blocking=False)
    assert not counted.acquire(blocking=False)

    clock.now_s = MAX_AGE_S + 1
    use.read()
    assert counted.acquire(timeout=30.0)


def test_a_disk_that_cannot_be_read_leaves_the_figure_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def measure() -> int:
        raise OSError("gone")

    assert DiskUse(measure, patience_s=30.0).read() is None
    assert "gone" in caplog.text
