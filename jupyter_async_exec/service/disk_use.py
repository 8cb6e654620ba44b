"""How much room the objects take, without anybody waiting while they are counted."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError

if TYPE_CHECKING:
    from collections.abc import Callable

#: A figure older than this is counted again when somebody asks.
MAX_AGE_S = 60.0
#: Counting takes at most this share of the time.
MAX_SHARE = 0.01
#: Who asks first waits so long for the figure.
PATIENCE_S = 0.1

LOGGER = logging.getLogger("jupyter_async_exec.service")


class DiskUse:
    """The last figure, counted again in a thread of its own when it is old.

    Parameters
    ----------
    measure
        Counts bytes; may take minutes.
    monotonic
        Seconds that never go back.
    patience_s
        How long `read` waits for the first figure.
    """

    def __init__(
        self,
        measure: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._measure = measure
        self._monotonic = monotonic
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._used_bytes: int | None = None
        self._due_s = 0.0

    def read(self) -> int | None:
        """Return how many bytes are used, `None` while they are counted for the first time."""
        with self._lock:
            thread = self._thread
            if thread is None and (self._used_bytes is None or self._monotonic() >= self._due_s):
                thread = threading.Thread(target=self._count, name="disk-use", daemon=True)
                self._thread = thread
                thread.start()
        if thread is not None and self._used_bytes is None:
            thread.join(self._patience_s)
        return self._used_bytes

    def _count(self) -> None:
        began_s = self._monotonic()
        used_bytes = self._used_bytes
        try:
            used_bytes = self._measure()
        except (AsyncExecError, OSError) as error:
            LOGGER.warning("The room that objects take is not known: %s", error)
        finally:
            now_s = self._monotonic()
            with self._lock:
                self._used_bytes = used_bytes
                self._due_s = now_s + max(MAX_AGE_S, (now_s - began_s) / MAX_SHARE)
                self._thread = None
