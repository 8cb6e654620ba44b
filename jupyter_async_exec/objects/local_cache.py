"""Objects that a machine keeps for the next time, as far as there is room."""

from __future__ import annotations

import time
from contextlib import suppress

from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.objects.local import LocalObjectStore

#: What was used this lately stays, because an attempt may be about to be laid out from it.
IN_USE_S = 600.0
#: So much of the limit is left after something was thrown away.
KEPT_SHARE = 0.8


class Cache(LocalObjectStore):
    """A store that forgets what was used longest ago; several processes may share it."""

    def make_room(self, limit_bytes: int) -> None:
        """Throw away what was used longest ago when more than `limit_bytes` are kept."""
        used_bytes = self.used_bytes()
        if used_bytes <= limit_bytes:
            return
        by_age = []
        for object_id in self.ids():
            with suppress(NotFoundError):
                room_bytes, used_s = self.room(object_id)
                by_age.append((used_s, room_bytes, object_id))
        before_s = time.time() - IN_USE_S
        for used_s, room_bytes, object_id in sorted(by_age):
            if used_s >= before_s or used_bytes <= limit_bytes * KEPT_SHARE:
                break
            self.discard_unused(object_id, since_s=before_s)
            used_bytes -= room_bytes
