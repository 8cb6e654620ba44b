"""Handler for making room."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import requests, wire
from jupyter_async_exec.api.base import AsyncExecHandler


class GcHandler(AsyncExecHandler):
    """``gc``."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Remove what is asked for, or say what that would be."""
        body = await self.read_body("/gc")
        is_dry_run = body.get("dry_run", True)
        retention = requests.retention(body)
        collector = self.service.collector
        if is_dry_run:
            found = await collector.plan(retention)
        else:
            found = await collector.collect(retention)
        await self.write_large_json(lambda: wire.collection_to_json(found, dry_run=is_dry_run))
