"""A Jupyter server extension that tells how long the event loop halted, and what it weighs.

``GET bench/stall`` returns ``{"longest_ms": …, "own_ms": …}`` since the last
time it was asked: how late the loop was at most, and the most processor time
that its own thread used in between, which tells work on the loop from waiting
for a processor. ``GET bench/memory`` collects garbage and returns
``{"pss_bytes": …, "uss_bytes": …}``. Not part of the product; only benches
enable it.
"""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import psutil
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from bench.stall_watch import StallWatch

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_KEY = "bench_stall_watch"


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
