"""Handlers for several executions side by side."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api.base import AsyncExecHandler


class CompareHandler(AsyncExecHandler):
    """``compare``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return a row for each execution, and what differs."""
        query = self.read_query("/compare")
        found = await self.service.compare(ids=query["ids"], sweep=query["sweep"])
        await self.write_large_json(lambda: found)


class CurvesHandler(AsyncExecHandler):
    """``compare/curves``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return one metric of several executions, at most as many points as a chart shows."""
        query = self.read_query("/compare/curves")
        curves = await self.service.curves(
            query["ids"] or "", query["name"] or "", max_points=query["max_points"]
        )
        await self.write_large_json(lambda: {"curves": curves})
