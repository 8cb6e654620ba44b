"""A Jupyter server extension that tells how long the event loop halted, and what it weighs.

``GET bench/stall`` returns ``{"longest_ms": …, "own_ms": …}`` since the last
time it was asked: how late the loop was at most, and the most processor time
that its own thread used in between, which tells work on the loop from waiting
for a processor. ``GET bench/memory`` collects garbage and returns
``{"pss_bytes": …, "uss_bytes": …}``. Not part of the product; only benches
enable it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import TYPE_CHECKING, Any

import psutil
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

#: A halt is underestimated by as much at most; less costs the server noticeable work.
INTERVAL_S = 0.004
_KEY = "bench_stall_watch"


class StallWatch:
    """Asks the loop for a turn again and again and notes how late it came."""

    def __init__(self) -> None:
        self._longest_s = self._own_s = 0.0
        self._is_disregarded = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def take_ms(self) -> dict[str, float]:
        """Return the longest delay, and the longest work, since the last call."""
        taken = {"longest_ms": self._longest_s * 1e3, "own_ms": self._own_s * 1e3}
        self._longest_s = self._own_s = 0.0
        return taken

    def disregard(self) -> None:
        """Leave this turn of the loop out: its work is the bench's own."""
        self._is_disregarded = True

    async def _run(self) -> None:
        while True:
            before, worked_s = time.perf_counter(), time.thread_time()
            await asyncio.sleep(INTERVAL_S)
            late_s = time.perf_counter() - before - INTERVAL_S
            if self._is_disregarded:
                self._is_disregarded = False
                continue
            self._longest_s = max(self._longest_s, late_s)
            self._own_s = max(self._own_s, time.thread_time() - worked_s)


class _Stall(JupyterHandler):
    @web.authenticated
    async def get(self) -> None:
        """Return the longest halt; the first call begins to watch."""
        watch: StallWatch | None = self.settings.get(_KEY)
        if watch is None:
            watch = self.settings[_KEY] = StallWatch()
            watch.start()
        await self.finish(json.dumps(watch.take_ms()))


class _Memory(JupyterHandler):
    @web.authenticated
    async def get(self) -> None:
        """Return the memory of this process alone."""
        watch: StallWatch | None = self.settings.get(_KEY)
        if watch is not None:
            watch.disregard()
        for _ in range(3):
            gc.collect()
        found: Any = psutil.Process().memory_full_info()
        await self.finish(
            json.dumps({"pss_bytes": getattr(found, "pss", 0), "uss_bytes": found.uss})
        )


def _load_jupyter_server_extension(app: ServerApp) -> None:
    base = app.web_app.settings["base_url"]
    handlers = [("bench/stall", _Stall), ("bench/memory", _Memory)]
    app.web_app.add_handlers(".*", [(url_path_join(base, path), made) for path, made in handlers])


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "bench.loop_probe"}]
