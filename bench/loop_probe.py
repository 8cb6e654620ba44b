"""A Jupyter server extension that tells how long the event loop halted, and what the server weighs.

``GET bench/stall`` returns ``{"longest_ms": …}`` since the last time it was
asked; ``GET bench/memory`` collects garbage and returns ``{"pss_bytes": …,
"uss_bytes": …}``. Not part of the product; only benches enable it.
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
        self._longest_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def take_ms(self) -> float:
        """Return the longest delay since the last call."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s * 1e3

    async def _run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(INTERVAL_S)
            late_s = time.perf_counter() - before - INTERVAL_S
            self._longest_s = max(self._longest_s, late_s)


class _Stall(JupyterHandler):
    @web.authenticated
    async def get(self) -> None:
        """Return the longest halt; the first call begins to watch."""
        watch: StallWatch | None = self.settings.get(_KEY)
        if watch is None:
            watch = self.settings[_KEY] = StallWatch()
            watch.start()
        await self.finish(json.dumps({"longest_ms": watch.take_ms()}))


class _Memory(JupyterHandler):
    @web.authenticated
    async def get(self) -> None:
        """Return the memory of this process alone."""
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
