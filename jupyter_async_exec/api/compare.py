"""Handler for several executions side by side."""

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
