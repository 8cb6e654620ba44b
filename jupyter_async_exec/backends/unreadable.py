"""What is said of an ended attempt whose files cannot be read, and when it is believed."""

from __future__ import annotations

import contextlib
import errno
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.execution import Reason
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.end_requests import find_request
from jupyter_async_exec.runner.endings import fail
from jupyter_async_exec.runner.result import Result, conclude_lost, read_result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.backends.base import AttemptKey

#: A disk or a network that comes back within this time costs nothing.
PATIENCE_S = 60.0
#: This process is short of something; the files are well.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR})
_KNOWN_FILES = (
    files.TASK, files.LOCK, files.SOURCE, files.JOURNAL, files.OUTPUT, files.LOG, files.RESULT,
    files.SUPERVISOR,
)  # fmt: skip


class Patience:
    """Remembers since when the files of an attempt cannot be read.

    Parameters
    ----------
    patience_s
        After so long it is believed.
    monotonic
        Seconds that never go back.
    """

    def __init__(
        self, patience_s: float = PATIENCE_S, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._since_s: dict[AttemptKey, float] = {}

    def is_over(self, key: AttemptKey, error: OSError) -> bool:
        """Note that reading failed with `error`; return whether it is to be believed now."""
        if error.errno in _OURS:
            return False
        now_s = self._monotonic()
        return now_s - self._since_s.setdefault(key, now_s) >= self._patience_s

    def forget(self, key: AttemptKey) -> None:
        """Begin anew: the attempt could be read, or is gone."""
        self._since_s.pop(key, None)


def permit_reading(directory: Path) -> None:
    """Give the files of an attempt, which are ours, the modes they were made with.

    A notebook may take them away: it runs as the same user.
    """
    with contextlib.suppress(OSError):
        directory.chmod(0o700)
    for name in _KNOWN_FILES:
        path = directory / name
        with contextlib.suppress(OSError):
            if not path.is_symlink():
                path.chmod(0o600)


def conclude_unreadable(directory: Path, *, attempt: int, error: OSError) -> Result:
    """Return what is known about the end of an attempt of which not everything can be read.

    Parameters
    ----------
    directory
        The attempt's; none of its processes lives.
    attempt
        Its number.
    error
        Why it cannot be read.
    """
    for find in (read_result, conclude_lost):
        with contextlib.suppress(OSError):
            result = find(directory)
            if result is not None:
                return result
    why = error.strerror or str(error)
    message = (
        f"The runner is gone and its journal cannot be read ({why}): which cells ran is not known."
    )
    asked = fail(Reason.LOST, "")
    with contextlib.suppress(OSError):
        asked = find_request(directory) or asked
    return Result(
        attempt=attempt,
        status=asked.status,
        reason=asked.reason,
        message=f"{asked.message} {message}".strip(),
        finished_at=utc_now(),
    )
