"""Handlers for the place as a whole: status, slots, the contract itself."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api.base import AsyncExecHandler
from jupyter_async_exec.api.contract import contract_text
from jupyter_async_exec.errors import NotFoundError


class StatusHandler(AsyncExecHandler):
    """``status``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return queue, slots, disk use and version."""
        self.count_as_background()
        await self._write_status()

    @web.authenticated
    @authorized
    async def patch(self) -> None:
        """Change the number of slots."""
        body = await self.read_body("/status")
        await self.service.set_slots(body["slots"])
        await self._write_status()

    async def _write_status(self) -> None:
        who = {"user": self.access.user or None, "team": self.access.team.value}
        self.write_json({**await self.service.status(), **who})


class BackendsHandler(AsyncExecHandler):
    """``backends``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return where executions can run, and whether a notebook of a kernel can."""
        self.count_as_background()
        query = self.read_query("/backends")
        self.write_json({"backends": await self.service.backends(query["kernel_name"])})


class OpenapiHandler(AsyncExecHandler):
    """``openapi.yaml``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the contract."""
        self.write_bytes(contract_text().encode("utf-8"), "application/yaml")


class NowhereHandler(AsyncExecHandler):
    """Every address below ours that is none; the server would answer with a page."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Refuse."""
        raise NotFoundError(f"There is nothing at {self.request.path[:200]!r}.")

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """Refuse."""
        raise NotFoundError(f"There is nothing at {self.request.path[:200]!r}.")

    post = patch = delete = put
