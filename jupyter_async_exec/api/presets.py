"""Handlers for presets: parameter values under a name, per notebook."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import wire
from jupyter_async_exec.api.base import AsyncExecHandler


class PresetsHandler(AsyncExecHandler):
    """``notebooks/{path}/presets``."""

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """List those of a notebook."""
        found = await self.service.presets.all(path.strip("/"))
        self.write_json({"presets": [wire.preset_to_json(preset) for preset in found]})


class PresetHandler(AsyncExecHandler):
    """``notebooks/{path}/presets/{name}``."""

    @web.authenticated
    @authorized
    async def get(self, path: str, name: str) -> None:
        """Return one."""
        preset = await self.service.presets.get(path.strip("/"), name)
        self.write_json(wire.preset_to_json(preset))

    @web.authenticated
    @authorized
    async def put(self, path: str, name: str) -> None:
        """Keep values under this name."""
        body = await self.read_body("/notebooks/{path}/presets/{name}")
        preset = await self.service.presets.put(
            path.strip("/"), name, body["parameters"], notebook=body.get("notebook")
        )
        self.write_json(wire.preset_to_json(preset))

    @web.authenticated
    @authorized
    async def delete(self, path: str, name: str) -> None:
        """Forget it."""
        await self.service.presets.delete(path.strip("/"), name)
        self.set_status(204)
        await self.finish()
