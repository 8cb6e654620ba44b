"""Signals reach exactly whom they are meant for, also when an id has been given to another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.runner import processes
from jupyter_async_exec.runner.processes import (
    Process,
    find_descendants,
    identify,
    is_alive,
    kill_all,
    send,
    wait_gone,
)
from tests.runner.helpers import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ids are read from /proc")

#: Whoever may write it chooses the next process id (Linux, CAP_CHECKPOINT_RESTORE).
_LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def start_with_id(process: Process) -> subprocess.Popen[bytes]:
    """Start somebody else under the id of a process that has ended."""
    # No system gives all its ids away within one tick of its clock; only this test could.
    wait_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS > process.started + 2)
    for _ in range(200):
        try:
            _LAST_PID.write_text(str(process.pid - 1))
        except OSError:
            pytest.skip("the next process id cannot be chosen here")
        other = subprocess.Popen(["sleep", "60"])
        if other.pid == process.pid:
            return other
        end(other)
    pytest.skip("others are always quicker to take the id")


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@given(off=st.floats(min_value=-1e9, max_value=1e9).filter(lambda off: abs(off) >= 1))
def test_another_start_time_is_somebody_else(off: float) -> None:
    with sleeper() as process:
        own = identify(process.pid)
        assert own is not None
        other = Process(own.pid, own.started + off)

        kill_all([other])

        assert not send(other, signal.SIGKILL)
        assert find_descendants(other) == []
        assert is_alive(own)


def test_whoever_has_the_id_of_a_process_that_ended_is_left_alone() -> None:
    with sleeper() as first:
        ours = identify(first.pid)
        assert ours is not None
        end(first)
    second = start_with_id(ours)
    try:
        stranger = identify(second.pid)

        kill_all([ours])

        assert stranger != ours
        assert not send(ours, signal.SIGKILL)
        assert wait_gone([ours], timeout_s=0)
        assert second.poll() is None
    finally:
        end(second)


def test_an_id_that_changes_hands_between_look_and_signal_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    successors: list[subprocess.Popen[bytes]] = []
    with sleeper() as first:
        ours = identify(first.pid)
        assert ours is not None

        def look_then_change_hands(process: Process) -> bool:
            was_alive = is_alive(process)
            end(first)
            successors.append(start_with_id(process))
            return was_alive

        monkeypatch.setattr(processes, "is_alive", look_then_change_hands)
        try:
            assert not send(ours, signal.SIGKILL)

            assert successors[0].poll() is None
        finally:
            for successor in successors:
                end(successor)
