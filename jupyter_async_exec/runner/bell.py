"""How a runner tells whoever started it that there is something to see, at once.

A hint and nothing more: what counts is in the files. The runner holds one end
of a pair of sockets as long as it lives, so that the other end also hears of
its end; a runner adopted by another server has nobody to ring for.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: The spare kernel answers.
READY = b"r"
#: The journal or the result has something new.
NEWS = b"n"
#: To a spare: the task is in place.
GO = b"g"


class Bell:
    """The runner's end.

    Parameters
    ----------
    descriptor
        `None`: nobody listens.
    """

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor

    def ring(self, what: bytes = NEWS) -> None:
        """Tell; never waits, never fails."""
        if self.descriptor is not None:
            with contextlib.suppress(OSError):
                os.write(self.descriptor, what)

    def close(self) -> None:
        """Let it go in this process; who shares it keeps it."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def wait_go(self, is_alive: Callable[[], bool]) -> bool:
        """Wait, as a spare, for the task.

        Parameters
        ----------
        is_alive
            Asked once a second; when it says no, the wait is over.

        Returns
        -------
        bool
            `False` when there will be no task.
        """
        assert self.descriptor is not None
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        while is_alive():
            if not poll.poll(1000):
                continue
            try:
                return os.read(self.descriptor, 1) == GO
            except OSError:
                break
        return False


def make_bell() -> tuple[socket.socket, socket.socket]:
    """Return our end and the runner's, neither of which ever blocks."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs
