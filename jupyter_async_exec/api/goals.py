"""Handlers for the metric that counts, named once per notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api import requests, wire
from jupyter_async_exec.api.base import AsyncExecHandler

if TYPE_CHECKING:
    from jupyter_async_exec.core.goal import Goal
    from jupyter_async_exec.core.json_types import JSONObject


class GoalHandler(AsyncExecHandler):
    """``notebooks/{path}/goal``."""

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Return the goal of a notebook, or null."""
        self._write_goal(await self.service.goal(path.strip("/")))

    @web.authenticated
    @authorized
    async def put(self, path: str) -> None:
        """Name the goal of a notebook; null forgets it."""
        # The contract allows null, which no other body is.
        body = cast("JSONObject | None", await self.read_body("/notebooks/{path}/goal"))
        goal = requests.goal_from_json(body)
        await self.service.set_goal(path.strip("/"), goal)
        self._write_goal(goal)

    def _write_goal(self, goal: Goal | None) -> None:
        if goal is None:
            self.finish("null")
        else:
            self.write_json(wire.goal_to_json(goal))


class GoalsHandler(AsyncExecHandler):
    """``goals``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return all goals, by path of their notebooks."""
        self.count_as_background()
        goals = await self.service.goals()
        await self.write_large_json(
            lambda: {"goals": {path: wire.goal_to_json(goal) for path, goal in goals.items()}}
        )
