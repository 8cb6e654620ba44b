"""Handlers for sweeps: plan, submit, look, cancel, retry, add."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import requests, wire
from jupyter_async_exec.api.base import AsyncExecHandler
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service.places import NO_REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.sweeps import Sweep

#: So many sweeps can be asked about at once.
MAX_IDS = 100


class _SweepAnswer(AsyncExecHandler):
    """What answers with a sweep."""

    async def write_sweep(self, sweep: Sweep, executions: Sequence[Execution]) -> None:
        """Answer with a sweep of any size without halting the server."""
        reused = await self.service.sweeps.reused(sweep)
        then = await self.service.sweeps.then(sweep)
        best = (await self.service.sweeps.bests([sweep])).get(sweep.id)
        is_over = sweep.status.is_final and all(each.is_final for each in then)
        reasons = NO_REASONS if is_over else await self.service.waiting_reasons()
        user = self.user_name
        await self.write_large_json(
            lambda: wire.sweep_to_json(
                sweep, executions, reused, reasons, then, best=best, user=user
            )
        )


class SweepsHandler(_SweepAnswer):
    """``sweeps``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say where sweeps stand, without their executions."""
        self.count_as_background()
        ids = [each for each in (self.read_query("/sweeps")["ids"] or "").split(",") if each]
        if len(ids) > MAX_IDS:
            raise InvalidRequestError(f"Ask for at most {MAX_IDS} sweeps at once.")
        found = await self.service.sweeps.find(ids)
        bests = await self.service.sweeps.bests(found)
        summaries = [wire.sweep_summary_to_json(each, bests.get(each.id)) for each in found]
        self.write_json({"sweeps": summaries})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Seal a notebook once and queue it many times, or say what that would be."""
        body = await self.read_body("/sweeps")
        request = await asyncio.to_thread(requests.sweep_request, body, submitted_by=self.user_name)
        base = await self.service.presets.fill(
            request.base, body.get("preset"), varied=request.definition.names
        )
        request = replace(request, base=base)
        if body.get("dry_run", False):
            self.write_json(wire.plan_to_json(await self.service.sweeps.plan(request)))
            return
        sweep, executions = await self.service.sweeps.submit(request)
        self.set_status(201)
        self.set_header("Location", f"{self.base_url}async-exec/sweeps/{sweep.id}")
        await self.write_sweep(sweep, executions)


class SweepHandler(_SweepAnswer):
    """``sweeps/{id}``."""

    @web.authenticated
    @authorized
    async def get(self, ref: str) -> None:
        """Return one sweep with its executions."""
        await self.write_sweep(*await self.service.sweeps.get(ref))

    @web.authenticated
    @authorized
    async def patch(self, ref: str) -> None:
        """Take it out of the trash."""
        await self.read_body("/sweeps/{id}")
        sweep = await self.service.sweeps.untrash(ref)
        bests = await self.service.sweeps.bests([sweep])
        self.write_json(wire.sweep_summary_to_json(sweep, bests.get(sweep.id)))

    @web.authenticated
    @authorized
    async def delete(self, ref: str) -> None:
        """Move it to the trash."""
        await self.service.sweeps.trash(ref)
        self.set_status(204)
        await self.finish()


class CancelHandler(_SweepAnswer):
    """``sweeps/{id}/cancel``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Ask for the end of all of it, or only of what waits."""
        body = await self.read_body("/sweeps/{id}/cancel")
        only_waiting = body.get("only_waiting", False)
        await self.write_sweep(*await self.service.sweeps.cancel(ref, only_waiting=only_waiting))


class RetryHandler(_SweepAnswer):
    """``sweeps/{id}/retry``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Run again what failed."""
        body = await self.read_body("/sweeps/{id}/retry")
        await self.write_sweep(
            *await self.service.sweeps.retry(
                ref, secrets=body.get("secrets"), submitted_by=self.user_name
            )
        )


class AddHandler(_SweepAnswer):
    """``sweeps/{id}/add``."""

    @web.authenticated
    @authorized
    async def post(self, ref: str) -> None:
        """Add executions, or say what that would be."""
        body = await self.read_body("/sweeps/{id}/add")
        definition = await asyncio.to_thread(requests.sweep_definition, body)
        secrets = body.get("secrets")
        if body.get("dry_run", False):
            plan = await self.service.sweeps.plan_more(ref, definition, secrets=secrets)
            self.write_json(wire.plan_to_json(plan))
            return
        await self.write_sweep(
            *await self.service.sweeps.add(
                ref, definition, secrets=secrets, submitted_by=self.user_name
            )
        )
