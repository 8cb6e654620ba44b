"""Reading small files of the user that may be something else: a pipe, a device, a link."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_small(path: Path, *, limit_bytes: int) -> bytes | None:
    """Return the first bytes of a plain file; `None` for whatever else is there, or nothing.

    Links are not followed, as git does not follow them for its own files, and
    nothing is waited for.

    Parameters
    ----------
    path
        Where to look.
    limit_bytes
        How much to read at most (>= 1).
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit_bytes)
    except OSError:
        return None
    finally:
        os.close(descriptor)
