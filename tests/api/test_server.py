"""Status, slots, the contract itself, events, and who may call."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from jupyter_async_exec.api.contents import ContentsHandler
from jupyter_async_exec.api.contract import contract
from jupyter_async_exec.api.problems import verbs_of
from jupyter_async_exec.api.routes import routes
from jupyter_async_exec.api.status import NowhereHandler
from tests.api.test_executions import submit
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from jupyter_async_exec.api.base import AsyncExecHandler
    from tests.api.conftest import Client

VERBS = {"get", "put", "post", "patch", "delete"}
SCHEMA_ID = "https://schema.jupyter.org/jupyter_async_exec/execution/v1"


async def test_the_status_counts_what_waits_and_runs(client: Client) -> None:
    status = (await client.get("status")).json

    assert (status["queued"], status["running"]) == (0, 0)
    assert status["slots"] >= 1
    assert status["adaptive"] is True
    assert status["disk"]["free_bytes"] > 0


async def test_what_pages_ask_by_themselves_is_no_sign_of_a_person(
    client: Client, jp_web_app: Any
) -> None:
    await client.get("executions")
    await client.get("status")

    assert "api_last_activity" not in jp_web_app.settings

    await client.get("executions/1")

    assert "api_last_activity" in jp_web_app.settings


async def test_slots_can_be_changed_while_running(client: Client) -> None:
    assert (await client.call("PATCH", "status", {"slots": 3})).json["slots"] == 3
    assert (await client.call("PATCH", "status", {"slots": 2.0})).json["slots"] == 2
    assert (await client.call("PATCH", "status", {"slots": 0})).code == 400


async def test_the_contract_is_served(client: Client) -> None:
    answer = await client.get("openapi.yaml")

    assert yaml.safe_load(answer.body) == contract()


def test_the_handlers_answer_to_what_the_contract_says_and_to_nothing_else() -> None:
    described = {
        template: sorted(verb.upper() for verb in item if verb in VERBS)
        for template, item in contract()["paths"].items()
    }

    handlers = {template: _handler_of(template) for template in described}

    answered = {template: sorted(verbs_of(each)) for template, each in handlers.items()}
    internal = {ContentsHandler, NowhereHandler}
    assert answered == described
    assert {each for _, each in routes()} - set(handlers.values()) == internal


def _handler_of(template: str) -> type[AsyncExecHandler]:
    path = re.sub(r"\{\w+\}", "x", template)
    return next(each for pattern, each in routes() if re.fullmatch(pattern, f"/async-exec{path}"))


async def test_what_tornado_refuses_is_said_in_our_words(
    client: Client, http_server_client: Any, jp_base_url: str, jp_auth_header: dict[str, str]
) -> None:
    fetch = functools.partial(http_server_client.fetch, raise_error=False)
    base = f"{jp_base_url}async-exec"

    verb = await client.call("PUT", "executions/1", {})
    strange = await fetch(f"{base}/executions/%ff", headers=jp_auth_header)
    stranger = await fetch(f"{base}/status")

    assert verb.headers["Allow"] == "GET, DELETE, PATCH"
    assert verb.json["message"].endswith("PUT here, only with GET, DELETE, PATCH.")
    assert json.loads(strange.body)["message"].startswith("The request cannot be read: Invalid")
    assert json.loads(stranger.body)["message"].startswith("Log in first")


async def test_parameters_are_found_in_the_notebook_in_memory(client: Client) -> None:
    notebook = make_notebook("n", parameters="n: int = 3  # how many\nname = 'x'\npassword = ''")

    found = (await client.post("notebooks/some/a.ipynb/parameters", {"notebook": notebook})).json

    assert found["typed"]
    assert [(each["name"], each["type"], each["default"]) for each in found["parameters"]] == [
        ("n", "int", 3),
        ("name", "str", "x"),
        ("password", "str", ""),
    ]
    assert found["parameters"][0]["comment"] == "how many"
    assert [each["secret"] for each in found["parameters"]] == [False, False, True]


async def test_an_execution_is_heard_of_through_events(client: Client, jp_ws_fetch: Any) -> None:
    socket = await jp_ws_fetch("api", "events", "subscribe")
    execution = await submit(client)
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(40):
        while not heard or heard[-1]["status"] != "succeeded":
            message = json.loads(await socket.read_message())
            if message["schema_id"] == SCHEMA_ID:
                heard.append(message)
    socket.close()

    assert {event["id"] for event in heard} == {execution["id"]}
    assert [event["rev"] for event in heard] == list(range(1, len(heard) + 1))
    assert len({event["boot_id"] for event in heard}) == 1
    assert not any("parameters" in event for event in heard)


#: Every verb of every handler; `tests/security/test_routes.py` tries them all.
CALLS = [
    ("GET", "executions"),
    ("POST", "executions"),
    ("GET", "compare"),
    ("GET", "compare/curves"),
    ("GET", "goals"),
    ("GET", "notebooks/a.ipynb/goal"),
    ("PUT", "notebooks/a.ipynb/goal"),
    ("GET", "notebooks/a.ipynb/presets"),
    ("GET", "notebooks/a.ipynb/presets/fast"),
    ("PUT", "notebooks/a.ipynb/presets/fast"),
    ("DELETE", "notebooks/a.ipynb/presets/fast"),
    ("POST", "gc"),
    ("GET", "executions/1"),
    ("PATCH", "executions/1"),
    ("DELETE", "executions/1"),
    ("POST", "executions/1/cancel"),
    ("POST", "executions/1/rerun"),
    ("POST", "executions/1/restore"),
    ("POST", "executions/1/pin"),
    ("GET", "executions/1/notebook"),
    ("GET", "executions/1/log"),
    ("GET", "executions/1/metrics"),
    ("GET", "executions/1/artifacts"),
    ("GET", "executions/1/artifacts/x"),
    ("GET", "executions/1/receipt"),
    ("GET", "sweeps"),
    ("POST", "sweeps"),
    ("GET", "sweeps/1"),
    ("PATCH", "sweeps/1"),
    ("DELETE", "sweeps/1"),
    ("POST", "sweeps/1/cancel"),
    ("POST", "sweeps/1/retry"),
    ("POST", "sweeps/1/add"),
    ("GET", "notebooks/a.ipynb/parameters"),
    ("POST", "notebooks/a.ipynb/parameters"),
    ("GET", "status"),
    ("GET", "backends"),
    ("PATCH", "status"),
    ("GET", "openapi.yaml"),
    ("GET", "contents/1"),
    ("PUT", "contents/1"),
    ("POST", "contents/1"),
    ("PATCH", "contents/1"),
    ("DELETE", "contents/1"),
    ("GET", "nowhere"),
    ("PUT", "nowhere"),
    ("POST", "nowhere"),
    ("PATCH", "nowhere"),
    ("DELETE", "nowhere"),
]


async def test_room_is_made_only_on_demand(client: Client) -> None:
    notebook = make_notebook("6 * 7")
    await client.post("executions", {"path": "a.ipynb", "notebook": notebook})
    await client.finished(1)

    would = (await client.post("gc", {"older_than_s": 0})).json
    there = await client.get("executions/1")
    has = (await client.post("gc", {"older_than_s": 0, "dry_run": False})).json

    assert (would["dry_run"], would["n_executions"], there.code) == (True, 1, 200)
    assert (has["dry_run"], [each["number"] for each in has["executions"]]) == (False, [1])
    # It was only just made.
    assert (has["freed_bytes"], has["later_bytes"] > 0) == (0, True)
    assert (await client.get("executions/1")).code == 404
    assert (await client.post("gc", {"keep_last": -1})).code == 400
