"""The life lock: whoever holds `runner.lock` lives; when nobody does, the attempt is over.

An advisory `flock` belongs to the open file, not to a process: the launcher
takes it, the supervisor inherits it, and the system frees it when the last of
the attempt's own processes is gone, however they ended. No clock is involved.

Notes
-----
Source: flock(2): the lock belongs to the open file description, whoever holds copies of it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import ConflictError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from pathlib import Path

#: A probe holds the lock for microseconds; taking it outlasts any probe.
_TRIES = 20
_PAUSE_S = 0.005


def take_lock(directory: Path) -> int:
    """Take the life lock of an attempt.

    Returns
    -------
    int
        An inheritable file descriptor; the lock is free when every copy is closed.

    Raises
    ------
    ConflictError
        Somebody holds it.
    """
    descriptor = os.open(directory / files.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)
    for tried in range(_TRIES):
        if _try(descriptor, shared=False):
            return descriptor
        if tried + 1 < _TRIES:
            time.sleep(_PAUSE_S)
    os.close(descriptor)
    raise ConflictError(f"A runner already holds {directory / files.LOCK}.")


def try_lock(path: Path) -> int | None:
    """Take the lock of any file, made if need be, for as long as the descriptor is open.

    Returns
    -------
    int or None
        The descriptor; `None` when somebody else has the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _try(descriptor, shared=False):
        return descriptor
    os.close(descriptor)
    return None


def is_held(directory: Path) -> bool:
    """Whether a runner of this attempt lives.

    The probe is a shared lock on a file of its own, dropped at once: probes do
    not disturb each other, and `take_lock` tries for longer than a probe lasts.
    """
    try:
        descriptor = os.open(directory / files.LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _try(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _try(descriptor: int, *, shared: bool) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        if shared:
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
