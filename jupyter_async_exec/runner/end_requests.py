"""Who asks, from outside, that a running attempt end: somebody by a cancel, or a signal.

A machine that shuts down, a queue that ends a job and somebody's ``kill`` send
signals. They are obeyed as a cancel is, and not told as one: nobody cancelled it.
"""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.endings import Ending, fail

if TYPE_CHECKING:
    from signal import struct_siginfo

_LONGEST_BYTES = 1000

_log = logging.getLogger(__name__)


def request_cancel(directory: Path) -> None:
    """Ask the runner of this attempt to end; asking twice is asking once."""
    (directory / files.CANCEL).touch(mode=0o600)


def note_signal(directory: Path, which: str) -> None:
    """Ask the runner to end because of a signal; only the first one is noted.

    Parameters
    ----------
    directory
        The attempt's.
    which
        The signal, as `name_of_signal` or `describe_signal` has it.
    """
    path = directory / files.SIGNAL
    if path.exists():
        return
    try:
        files.write_whole(path, which.encode(errors="replace"), durable=False)
    except OSError:
        # On a full disk the signal counts more than what it was.
        try:
            path.touch(mode=0o600)
        except OSError:
            _log.exception("%s could not be obeyed", which)


def is_requested(directory: Path) -> bool:
    """Whether anybody has asked."""
    return (directory / files.CANCEL).exists() or (directory / files.SIGNAL).exists()


def find_request(directory: Path) -> Ending | None:
    """Return the ending that was asked for; who cancels counts more than a signal."""
    if (directory / files.CANCEL).exists():
        return Ending(status=Status.CANCELLED, message="Cancelled.")
    path = directory / files.SIGNAL
    if not path.exists():
        return None
    content = files.read_bounded(path, limit_bytes=_LONGEST_BYTES) or b"a signal"
    which = content.decode(errors="replace")
    return fail(Reason.LOST, f"It was told to end by {which}; nobody cancelled it.")


def name_of_signal(number: int) -> str:
    """Return ``SIGKILL (signal 9)`` for 9."""
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


def describe_signal(received: struct_siginfo) -> str:
    """Return which signal it was and, as far as that is known, who sent it.

    Notes
    -----
    What the kernel of the operating system sends by itself has a positive code, and
    a sender outside of our namespace of processes has no id (sigaction(2), `si_code`).
    """
    which = name_of_signal(received.si_signo)
    if received.si_code > 0:
        return f"{which} from the system"
    if not received.si_pid:
        return f"{which} from elsewhere"
    try:
        name = Path(f"/proc/{received.si_pid}/comm").read_text(errors="replace").strip()
    except OSError:
        name = ""
    who = f"process {received.si_pid}"
    return f"{which} from {who} ({name})" if name else f"{which} from {who}"
