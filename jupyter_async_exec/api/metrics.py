"""Handler for the metrics of an execution, point by point."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import wire
from jupyter_async_exec.api.base import AsyncExecHandler


class MetricsHandler(AsyncExecHandler):
    """``executions/{id}/metrics``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """Return points, at most as many as a chart shows; with a cursor, only new ones."""
        query = self.read_query("/executions/{id}/metrics")
        names = [name for name in (query["names"] or "").split(",") if name]
        piece = await self.service.metrics(
            ref, names=names or None, max_points=query["max_points"], cursor=query["cursor"]
        )
        await self.write_large_json(lambda: wire.metrics_to_json(piece))
