"""Objects that a worker keeps for the next execution, as far as there is room."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.objects.local import LocalObjectStore

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What was used this lately stays, because an attempt may be about to be laid out from it.
IN_USE_S = 600.0
#: So much of the limit is left after something was thrown away.
KEPT_SHARE = 0.8


class Cache(LocalObjectStore):
    """A store that forgets what was used longest ago; several workers of a machine share it."""

    def touch(self, object_ids: Iterable[str]) -> None:
        """Note that these are used now."""
        for object_id in object_ids:
            with suppress(OSError):
                os.utime(self._path(object_id))

    def make_room(self, limit_bytes: int) -> None:
        """Throw away what was used longest ago when more than `limit_bytes` are kept."""
        used_bytes = self.used_bytes()
        if used_bytes <= limit_bytes:
            return
        by_age = []
        for object_id in self.ids():
            with suppress(FileNotFoundError):
                status = Path(self._path(object_id)).stat()
                by_age.append((status.st_mtime, status.st_size, object_id))
        before_s = time.time() - IN_USE_S
        for used_s, size_bytes, object_id in sorted(by_age):
            if used_s > before_s or used_bytes <= limit_bytes * KEPT_SHARE:
                break
            self.delete(object_id)
            used_bytes -= size_bytes
