"""Cancel works in every phase, keeps what is there, and is over within ten seconds."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.processes import find_descendants, identify
from jupyter_async_exec.runner.result import read_evidence
from tests.runner.helpers import wait_for
from tests.runner.test_tree import HOLD_GIL, SAY_PID, SLEEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.runner.helpers import Attempt

pytestmark = pytest.mark.slow


def test_before_the_start(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("print('never')")
    attempt.cancel()

    result = attempt.run()

    assert result.status is Status.CANCELLED
    assert result.started_at is None
    assert attempt.states() == ["pending"]


def test_while_the_kernel_starts(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("print('never')").start()
    wait_for((attempt.directory / files.SUPERVISOR).exists)
    attempt.cancel()

    assert attempt.wait(timeout_s=10).status is Status.CANCELLED


def test_in_a_cell_keeps_its_output(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("print('first')", "print('said')\n" + SLEEP, "print('never')").start()
    attempt.reached("pid")
    attempt.cancel()
    attempt.cancel()

    result = attempt.wait(timeout_s=10)

    assert result.status is Status.CANCELLED
    assert "KeyboardInterrupt" in attempt.log
    assert attempt.text(0) == "first\n"
    assert attempt.text(1).startswith("said\n")
    assert attempt.states() == ["completed", "failed", "pending"]
    assert attempt.rebuilt == attempt.output


def test_in_a_cell_that_holds_the_gil(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("print('kept')", HOLD_GIL).start()
    attempt.reached("pid")
    attempt.cancel()

    result = attempt.wait(timeout_s=10)

    assert result.status is Status.CANCELLED
    assert attempt.text(0) == "kept\n"


def test_in_a_cell_that_swallows_interrupts(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(
        SAY_PID + "import time\nwhile True:\n    try:\n        time.sleep(1)\n"
        "    except KeyboardInterrupt:\n        pass"
    ).start()
    attempt.reached("pid")
    attempt.cancel()

    assert attempt.wait(timeout_s=10).status is Status.CANCELLED


@pytest.mark.parametrize("who", ["supervisor", "guard", "engine"])
def test_a_signal_ends_it_as_neatly_as_a_cancel_and_is_not_told_as_one(
    who: str, make_attempt: Callable[..., Attempt]
) -> None:
    from tests.runner.test_tree import pid_of_engine

    attempt = make_attempt("print('kept')\n" + SLEEP).start()
    attempt.reached("pid")
    pids = {
        "supervisor": attempt.supervisor(),
        "guard": read_evidence(attempt.directory)["guard"]["pid"],
        "engine": pid_of_engine(attempt),
    }
    os.kill(pids[who], signal.SIGTERM)

    result = attempt.wait(timeout_s=10)

    assert (result.status, result.reason) == (Status.FAILED, Reason.LOST)
    # What Python itself hears of a signal does not say who sent it.
    name = Path("/proc/self/comm").read_text().strip()
    sender = "" if who == "engine" else f" from process {os.getpid()} ({name})"
    assert result.message == (
        f"It was told to end by SIGTERM (signal 15){sender}; nobody cancelled it."
    )
    # A slow machine interrupts the traceback of the first interrupt, of which IPython tells.
    assert attempt.text(0).startswith("kept\n")


def test_a_stuck_engine_does_not_keep_a_cancel_from_its_end(
    make_attempt: Callable[..., Attempt],
) -> None:
    from tests.runner.test_tree import pid_of_engine

    attempt = make_attempt(SLEEP).start()
    attempt.reached("pid")
    os.kill(pid_of_engine(attempt), signal.SIGSTOP)
    attempt.cancel()

    result = attempt.wait(timeout_s=11)

    assert result.status is Status.CANCELLED
    assert attempt.states() == ["failed"]


def test_an_engine_stuck_in_its_start_is_not_waited_for(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("print('never')").start()
    wait_for((attempt.directory / files.SUPERVISOR).exists)
    supervisor = identify(attempt.supervisor())
    assert supervisor is not None
    wait_for(lambda: find_descendants(supervisor))
    os.kill(find_descendants(supervisor)[0].pid, signal.SIGSTOP)
    attempt.cancel()

    result = attempt.wait(timeout_s=7)

    assert (result.status, result.started_at) == (Status.CANCELLED, None)
