"""Handlers for executions: submit, list, get, edit, delete, cancel, rerun, restore, pin."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import requests, wire
from jupyter_async_exec.api.base import AsyncExecHandler


class ExecutionsHandler(AsyncExecHandler):
    """``executions``."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Seal a notebook and queue it."""
        body = await self.read_body("/executions")
        request = requests.submit_request(body, submitted_by=self.user_name)
        request = await self.service.presets.fill(request, body.get("preset"))
        is_dry_run = body.get("dry_run", False)
        if is_dry_run or (request.reuse is not None and request.reuse.wanted):
            same = await self.service.find_same(request)
            if is_dry_run:
                self.write_json({"same_as": None if same is None else await self.to_json(same)})
                return
            if same is not None:
                await self.write_execution(same)
                return
        if body.get("unless_same", False):
            execution, is_new = await self.service.submit_if_new(request)
            if not is_new:
                self.write_json({"same_as": await self.to_json(execution)})
                return
        else:
            execution = await self.service.submit(request)
        await self.write_execution(execution, created=True)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List one page."""
        self.count_as_background()
        query = requests.execution_query(self.read_query("/executions"))
        page = await self.service.find(query)
        reason = await self.reason_to_wait(page.executions)
        bests = await self.service.sweeps.bests(page.sweeps)
        user = self.user_name
        await self.write_large_json(lambda: wire.page_to_json(page, reason, bests, user))


class ExecutionHandler(AsyncExecHandler):
    """``executions/{id}``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """Return one execution."""
        await self.write_execution(await self.service.get(ref))

    @web.authenticated
    @authorized
    async def patch(self, ref: str) -> None:
        """Change title, note, tags or star, or take it out of the trash."""
        changes = await self.read_body("/executions/{id}")
        await self.write_execution(await self.service.edit(ref, changes))

    @web.authenticated
    @authorized
    async def delete(self, ref: str) -> None:
        """Move it to the trash."""
        await self.service.trash(ref)
        self.set_status(204)
        await self.finish()


class CancelHandler(AsyncExecHandler):
    """``executions/{id}/cancel``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Ask for the end."""
        await self.write_execution(await self.service.cancel(ref))


class RerunHandler(AsyncExecHandler):
    """``executions/{id}/rerun``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Run the same snapshot again."""
        body = await self.read_body("/executions/{id}/rerun")
        execution = await self.service.rerun(
            ref, **requests.rerun_request(body), submitted_by=self.user_name
        )
        await self.write_execution(execution, created=True)


class RestoreHandler(AsyncExecHandler):
    """``executions/{id}/restore``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Write the source into a new notebook."""
        body = await self.read_body("/executions/{id}/restore")
        path = await self.service.restore(ref, **body)
        self.set_status(201)
        self.write_json({"path": path})


class PinHandler(AsyncExecHandler):
    """``executions/{id}/pin``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Keep it for ever, or no longer."""
        body = await self.read_body("/executions/{id}/pin")
        await self.write_execution(await self.service.pin(ref, pinned=body.get("pinned", True)))
