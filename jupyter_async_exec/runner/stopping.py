"""Ending a kernel: step by step, each with its time, and what it still says is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.runner.conversation import Conversation, Request
    from jupyter_async_exec.runner.kernel import KernelProcess

_TURN_S = 0.05
#: From cancel to the next step, each: interrupt, terminate, kill.
_INTERRUPT_GRACE_S = 4.0
TERMINATE_GRACE_S = 1.5
#: For what the notebook's own `atexit` functions do, until the kernel is asked once more, and in
#: all; jupyter_client waits 5 s, but within those everybody has to be gone. Nobody waits for it:
#: the end is known already.
_SHUTDOWN_GRACE_S = 2.0
_SHUTDOWN_LONGEST_S = 4.0


def stop(conversation: Conversation, running: Request | None, *, at_once: bool) -> None:
    """Interrupt, terminate, kill; returns when the cell or the kernel has ended.

    Parameters
    ----------
    conversation
        With the kernel; hears all the while.
    running
        The cell's request; without one there is nothing to interrupt.
    at_once
        Kill without asking.
    """
    kernel = conversation.kernel
    conversation.disobey()
    if at_once:
        kernel.kill()
    elif running is not None and not _interrupt(conversation, running):
        kernel.terminate()
        if not _wait_exit(conversation, TERMINATE_GRACE_S):
            kernel.kill()
    conversation.drain_quietly()


def end(kernel: KernelProcess, conversation: Conversation | None, *, is_stopped: bool) -> None:
    """Let `atexit` in a kernel that has nothing more to do run, for a moment; then end it.

    Parameters
    ----------
    kernel
        It may have ended already.
    conversation
        With it, if there has been one; closed here.
    is_stopped
        Whether a cancel or a limit has asked it to end already.
    """
    if kernel.exit_code is None and conversation is not None:
        conversation.shut_down()
        if not kernel.wait(_SHUTDOWN_GRACE_S) and not is_stopped:
            conversation.insist()
            kernel.wait(_SHUTDOWN_LONGEST_S - _SHUTDOWN_GRACE_S)
    if kernel.exit_code is None:
        kernel.terminate()
        kernel.wait(0.3)
    if kernel.exit_code is None:
        kernel.kill()
        kernel.wait(TERMINATE_GRACE_S)
    if conversation is not None:
        conversation.close()


def _interrupt(conversation: Conversation, request: Request) -> bool:
    """Ask the running cell to end, twice; whether it did."""
    for _ in range(2):
        conversation.interrupt()
        deadline = time.monotonic() + _INTERRUPT_GRACE_S / 2
        while time.monotonic() < deadline and conversation.kernel.exit_code is None:
            if conversation.is_done(request):
                return True
            conversation.pump(_TURN_S)
    return conversation.kernel.exit_code is not None


def _wait_exit(conversation: Conversation, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while conversation.kernel.exit_code is None:
        if time.monotonic() >= deadline:
            return False
        conversation.pump(_TURN_S)
    return True
