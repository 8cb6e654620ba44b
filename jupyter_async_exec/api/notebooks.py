"""Handler for the parameters a notebook declares."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import wire
from jupyter_async_exec.api.base import AsyncExecHandler


class ParametersHandler(AsyncExecHandler):
    """``notebooks/{path}/parameters``."""

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Return those of the saved notebook."""
        self.write_json(wire.parameters_to_json(await self.service.parameters(path.strip("/"))))

    @web.authenticated
    @authorized
    async def post(self, path: str) -> None:
        """Return those of the notebook as it is in memory."""
        body = await self.read_body("/notebooks/{path}/parameters")
        found = await self.service.parameters(path.strip("/"), body["notebook"])
        self.write_json(wire.parameters_to_json(found))
