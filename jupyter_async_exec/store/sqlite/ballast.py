"""A file of some megabytes that gives way when the disk is full.

On a full disk SQLite can neither update nor delete: nobody could end, cancel
or trash an execution to make room. Removing this file lets those through.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BALLAST_BYTES = 4 * 1024 * 1024
#: Laid down again only when so much is free.
COMFORT_BYTES = 16 * BALLAST_BYTES


class Ballast:
    """The file beside the store.

    Parameters
    ----------
    path
        Where it lies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def lay(self) -> None:
        """Make the file if it is missing and there is room; never fails."""
        with contextlib.suppress(OSError):
            if self._path.exists() or shutil.disk_usage(self._path.parent).free < COMFORT_BYTES:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
                else:
                    os.write(descriptor, bytes(BALLAST_BYTES))
            finally:
                os.close(descriptor)

    def drop(self) -> bool:
        """Remove the file; return whether that made room."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
