"""Who asks, as the server knows them, and what they may see and change of others."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider
from jupyter_server.utils import ensure_async

from jupyter_async_exec.core.access import NOBODY, Access, Team, usual_team
from jupyter_async_exec.defaults import HUB_USER_VARIABLE, default_owner

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler
    from jupyter_server.serverapp import ServerApp

#: Besides `async_exec`: executions of others.
TEAM_RESOURCE = "async_exec_team"
#: These give everybody who has the token or the password a name that is made up.
NAMELESS = (IdentityProvider, PasswordIdentityProvider)


class People:
    """Tells the people of one server apart, if there are several.

    Parameters
    ----------
    server
        Knows who is logged in, and what they may do.
    owner
        The one to whom everything belongs that is submitted here; empty: it depends.
    team
        What people may do with the executions of others; None: it depends.
    store_url
        Where executions are recorded; empty: in a file of the data folder.
    """

    def __init__(self, server: ServerApp, *, owner: str, team: str | None, store_url: str) -> None:
        self._server = server
        is_one = bool(owner or os.environ.get(HUB_USER_VARIABLE))
        #: Whether several people may come, each with a name of their own.
        self.are_named = not is_one and type(server.identity_provider) not in NAMELESS
        self._is_asked = team is not None
        usual = usual_team(store_url, are_named=self.are_named)
        #: What holds before it is known who asks.
        self.access = Access(
            user=NOBODY if self.are_named else owner or default_owner(),
            team=usual if team is None else Team(team),
        )

    async def access_of(self, handler: JupyterHandler) -> Access:
        """Return what the person behind a request may see and change."""
        access = self.access
        if self.are_named:
            access = replace(access, user=str(getattr(handler.current_user, "username", "")))
        if self._is_asked:
            access = replace(access, team=await self._granted(handler, access.team))
        return access

    async def _granted(self, handler: JupyterHandler, team: Team) -> Team:
        """Return how much of what the configuration grants the server's authorizer does too."""
        if team is Team.NONE or not await self._may(handler, "read"):
            return Team.NONE
        return team if team is Team.READ or await self._may(handler, "write") else Team.READ

    async def _may(self, handler: JupyterHandler, action: str) -> bool:
        authorizer: Any = self._server.authorizer
        user = handler.current_user
        answer = authorizer.is_authorized(handler, user, action, TEAM_RESOURCE)
        return bool(await ensure_async(answer))
