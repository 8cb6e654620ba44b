"""Nobody gets in: every verb of every address of a real server, tried by those who may not.

A new handler without a line in `CALLS` fails here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from tornado.web import RequestHandler

from tests.api.test_server import CALLS

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from tests.api.conftest import Client

VERBS = ("get", "head", "post", "put", "patch", "delete")
#: What the server's own authorizers are asked for.
ACTIONS = {"GET": "read", "POST": "write", "PUT": "write", "PATCH": "write", "DELETE": "write"}
CHANGING = [(method, path) for method, path in CALLS if method != "GET"]
BODY = json.dumps({"path": "a.ipynb", "notebook": {"cells": [], "metadata": {}, "nbformat": 4}})


def offered(app: Any) -> Iterator[tuple[re.Pattern[str], str]]:
    """Give the pattern and verb of everything of ours in the server's own table of routes."""
    for outer in app.default_router.rules:
        for rule in getattr(outer.target, "rules", [outer]):
            handler = rule.target
            if not isinstance(handler, type) or not issubclass(handler, RequestHandler):
                continue
            pattern: re.Pattern[str] | None = getattr(rule.matcher, "regex", None)
            is_ours = handler.__module__.startswith("jupyter_async_exec")
            if pattern is not None and (is_ours or "async" in pattern.pattern):
                for verb in VERBS:
                    if getattr(handler, verb) is not RequestHandler._unimplemented_method:
                        yield pattern, verb.upper()


class ReadersOnly(Authorizer):
    """May do anything on this server but with executions, of which it may know nothing."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012  shared on purpose: the server makes the object

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((resource, action))
        return resource != "async_exec"


class Caller:
    """Calls with just the headers it is told."""

    def __init__(self, client: Any, base_url: str) -> None:
        self._client = client
        self._base_url = base_url

    async def __call__(self, method: str, path: str, headers: dict[str, str]) -> Any:
        try:
            return await self._client.fetch(
                f"{self._base_url}{path}",
                method=method,
                headers=headers,
                body=None if method in {"GET", "HEAD", "DELETE"} else BODY,
                follow_redirects=False,
            )
        except HTTPClientError as error:
            return error.response


@pytest.fixture
def caller(jp_serverapp: Any, http_server_client: Any, jp_base_url: str) -> Caller:
    return Caller(http_server_client, jp_base_url)


@pytest.fixture
def with_readers_only(jp_server_config: dict[str, Any]) -> list[tuple[str, str]]:
    ReadersOnly.asked.clear()
    jp_server_config["ServerApp"]["authorizer_class"] = ReadersOnly
    return ReadersOnly.asked


def test_every_verb_that_the_server_offers_has_a_line_in_the_list_of_calls(
    jp_serverapp: Any, jp_base_url: str
) -> None:
    paths = {(method, f"{jp_base_url}async-exec/{path}") for method, path in CALLS}

    found = list(offered(jp_serverapp.web_app))
    missing = [
        (verb, pattern.pattern)
        for pattern, verb in found
        if not any(verb == method and pattern.fullmatch(path) for method, path in paths)
    ]

    assert missing == []
    assert len(found) == len(CALLS)


async def test_nobody_gets_in_without_the_token(caller: Caller, client: Client) -> None:
    for method, path in CALLS:
        for headers in ({}, {"Authorization": "token wrong"}, {"Cookie": "username=nobody"}):
            answer = await caller(method, f"async-exec/{path}", headers)

            assert answer.code == 403, (method, path, headers)
            assert b"traceback" not in answer.body.lower()
    assert (await client.get("executions")).json["executions"] == []


async def test_a_user_without_the_permission_gets_nothing(
    with_readers_only: list[tuple[str, str]],
    caller: Caller,
    jp_auth_header: dict[str, str],
) -> None:
    for method, path in CALLS:
        with_readers_only.clear()

        answer = await caller(method, f"async-exec/{path}", jp_auth_header)

        assert answer.code == 403, (method, path)
        assert with_readers_only == [("async_exec", ACTIONS[method])]


async def test_another_page_in_the_users_browser_changes_nothing(
    caller: Caller, client: Client, jp_serverapp: Any
) -> None:
    """The cookie alone is what a foreign page makes the browser send."""
    token = jp_serverapp.identity_provider.token
    entered = await caller("GET", f"login?token={token}", {})
    cookies = [text.partition(";")[0] for text in entered.headers.get_list("Set-Cookie")]
    cookie = {"Cookie": "; ".join(text for text in cookies if "_xsrf" not in text)}
    foreign = {**cookie, "Origin": "https://example.org"}
    own = {**cookie, "Referer": entered.effective_url}

    # It is the cookie of somebody who may.
    assert (await caller("GET", "async-exec/executions", own)).code == 200
    for method, path in CHANGING:
        assert (await caller(method, f"async-exec/{path}", cookie)).code == 403, (method, path)
        assert (await caller(method, f"async-exec/{path}", foreign)).code in {403, 404}
    for method, path in CALLS:
        if method == "GET":
            assert (await caller(method, f"async-exec/{path}", foreign)).code in {403, 404}
    assert (await client.get("executions")).json["executions"] == []
