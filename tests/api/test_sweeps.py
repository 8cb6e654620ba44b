"""Sweeps through REST, with real kernels; every answer is checked against the contract."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.api.conftest import Client

NOTEBOOK = make_notebook("assert n != 3\nprint(n)", parameters="n: int = 1")

#: Values of `x` are taken as they come.
UNDECLARED = make_notebook("print(1)", parameters="x = None")
SEARCH = {
    "mode": "adaptive",
    "samples": 4,
    "objective": {"metric": "score", "direction": "maximise"},
}


async def submit(client: Client, values: Any, **body: Any) -> dict[str, Any]:
    answer = await client.post(
        "sweeps", {"path": "a.ipynb", "notebook": NOTEBOOK, "values": values, **body}
    )
    assert answer.code == 201, answer.body
    sweep: dict[str, Any] = answer.json
    return sweep


async def over(client: Client, sweep_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            sweep: dict[str, Any] = (await client.get(f"sweeps/{sweep_id}")).json
            if sweep["finished_at"] is not None:
                return sweep
            await asyncio.sleep(0.05)


async def test_a_sweep_runs_its_first_and_then_the_others_and_gives_one_notice(
    client: Client, jp_serverapp: Any
) -> None:
    events: list[dict[str, Any]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        events.append(data)

    await client.get("status")
    jp_serverapp.event_logger.add_listener(
        schema_id="https://schema.jupyter.org/jupyter_async_exec/sweep/v1", listener=listen
    )

    sweep = await submit(client, {"n": "1, 2, 3, 4"})
    ended = await over(client, sweep["id"])

    assert sweep["executions"][1]["waiting_reason"].startswith("Waits for the first execution")
    assert (ended["status"], ended["counts"]["failed"], ended["counts"]["succeeded"]) == (
        "failed", 1, 3,
    )  # fmt: skip
    assert [each["status"] for each in ended["executions"]] == [
        "succeeded", "succeeded", "failed", "succeeded",
    ]  # fmt: skip
    first = ended["executions"][0]["finished_at"]
    assert all(each["started_at"] > first for each in ended["executions"][1:])
    listed = (await client.get("executions", sweep=sweep["id"])).json["executions"]
    assert [each["number"] for each in listed] == [4, 3, 2, 1]
    async with asyncio.timeout(10):
        while not any(event["finished"] for event in events):
            await asyncio.sleep(0.05)
    (notice,) = [event for event in events if event["finished"]]
    assert notice["counts"] == ended["counts"]
    assert (notice["first_number"], notice["last_number"]) == (1, 4)


async def test_a_sweep_is_cancelled_retried_and_added_to(client: Client) -> None:
    await submit(client, {"n": "1..3"}, options={"tags": ["t"]}, canary=True)

    cancelled = (await client.post("sweeps/2/cancel")).json
    more = {"values": {"n": [3, 4]}}
    planned = (await client.post("sweeps/2/add", {**more, "dry_run": True})).json
    added = (await client.post("sweeps/2/add", more)).json
    refused = await client.post("sweeps/2/retry")

    assert cancelled["counts"]["cancelled"] >= 2
    assert (planned["count"], planned["n_reused"], planned["trials"][0]) == (1, 1, {"n": 4})
    assert [each["parameters"] for each in added["executions"]][3:] == [{"n": 4}]
    assert (refused.code, refused.json["reason"]) == (409, "conflict")
    await client.post("sweeps/2/cancel")
    await over(client, "2")


async def test_a_dry_run_accepts_nothing(client: Client) -> None:
    answer = await client.post(
        "sweeps",
        {"path": "a.ipynb", "notebook": NOTEBOOK, "values": {"n": "1..24"}, "dry_run": True},
    )

    assert (answer.code, answer.json["count"]) == (200, 24)
    assert answer.json["trials"][23] == {"n": 24}
    assert (await client.get("executions")).json["executions"] == []


async def test_a_table_is_sent_as_the_text_of_its_file(client: Client) -> None:
    body = {"path": "a.ipynb", "notebook": NOTEBOOK, "table": "n\n3\n5\n"}

    answer = await client.post("sweeps", {**body, "dry_run": True})
    refused = await client.post("sweeps", {**body, "table": "n\n3,5\n"})

    assert answer.json["trials"] == [{"n": 3}, {"n": 5}]
    assert (refused.code, refused.json["reason"]) == (422, "refused")


async def test_a_search_chooses_by_itself_tells_its_best_and_gives_one_notice(
    client: Client, jp_serverapp: Any
) -> None:
    notebook = make_notebook(
        "import json\nprint(json.dumps({'score': -abs(n - 30)}))", parameters="n: int = 1"
    )
    ended: list[dict[str, Any]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        ended.extend([data] if data["finished"] else [])

    await client.get("status")
    jp_serverapp.event_logger.add_listener(
        schema_id="https://schema.jupyter.org/jupyter_async_exec/sweep/v1", listener=listen
    )
    wanted = {"notebook": notebook, **SEARCH, "parallel": 2}

    sweep = await submit(client, {"n": "int(1, 40)"}, **wanted)
    done = await over(client, sweep["id"])

    assert (sweep["counts"]["to_come"], sweep["best"], sweep["objective"]) == (
        3, None, SEARCH["objective"],
    )  # fmt: skip
    assert (done["status"], done["counts"]["succeeded"], done["counts"]["to_come"]) == (
        "succeeded", 4, 0,
    )  # fmt: skip
    reached = [each["metrics"]["score"] for each in done["executions"]]
    best = done["executions"][reached.index(max(reached))]
    assert done["best"] == {
        "id": best["id"], "number": best["number"], "metric": "score", "value": max(reached),
    }  # fmt: skip
    async with asyncio.timeout(10):
        while not ended:
            await asyncio.sleep(0.01)
    assert [each["counts"]["succeeded"] for each in ended] == [4]


async def test_the_best_of_any_sweep_is_told_by_the_goal_of_its_notebook(client: Client) -> None:
    notebook = make_notebook(
        "import json\nprint(json.dumps({'score': -n}))", parameters="n: int = 1"
    )
    goal = {"metric": "score", "direction": "maximise"}
    sweep = await submit(client, {"n": "2, 1"}, notebook=notebook)
    await over(client, sweep["id"])

    without = (await client.get(f"sweeps/{sweep['id']}")).json
    await client.call("PUT", "notebooks/a.ipynb/goal", goal)
    told = (await client.get(f"sweeps/{sweep['id']}")).json
    listed = (await client.get("sweeps", ids=sweep["id"])).json["sweeps"][0]

    assert without["best"] is None
    assert told["best"] == {
        "id": told["executions"][1]["id"], "number": 2, "metric": "score", "value": -1,
    }  # fmt: skip
    assert listed["best"] == {"number": 2, "metric": "score", "value": -1}
    assert told["objective"] is None


async def test_a_double_click_is_one_sweep(client: Client) -> None:
    twice = [submit(client, {"n": "1..2"}, request_id="the same click") for _ in range(2)]

    first, second = await asyncio.gather(*twice)

    assert first["id"] == second["id"]
    assert len((await client.get("executions")).json["executions"]) == 2
    await client.post(f"sweeps/{first['id']}/cancel")
    await over(client, first["id"])


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ({"values": {}}, 422, "The sweep is empty"),
        ({"values": {"n": "1..1000000"}}, 422, "would be 1,000,000 executions"),
        ({"values": {"m": [1]}}, 422, "no parameter `m`"),
        ({"values": {"n": "1, one"}}, 422, "whole number"),
        ({"values": {"n": "glob:*.nothing"}}, 422, "No file matches"),
        ({"values": {"n": "glob:../../*"}}, 422, "leads out of the folder"),
        ({"values": {"n": "log(1, 9)"}}, 422, "needs an objective"),
        ({"values": {"n": [1, "1.5"]}}, 422, "whole number"),
        ({"values": {"x": [1, "b"]}, "notebook": UNDECLARED}, 422, "mix numbers and texts"),
        ({"values": {"x": "1, b"}, "notebook": UNDECLARED}, 422, "mix numbers and texts"),
        ({"values": {"n": "1..9"}, **SEARCH, "objective": None}, 422, "needs an objective"),
        ({"values": {"n": "1..9"}, **SEARCH, "samples": 1_000_000}, 422, "at most 1,000"),
        ({"values": {"m": "1..9"}, **SEARCH}, 422, "no parameter `m`"),
        ({"values": {}, **SEARCH}, 422, "nothing to search"),
        ({"values": {"n": "1..9"}, **SEARCH, "mode": "grid"}, 400, "the mode 'adaptive'"),
        ({"values": {"n": 7}}, 400, "values.n"),
        ({"mode": "all"}, 400, "mode"),
        ({"values": {"n": [1]}, "stop_after_failures": 0}, 400, "stop_after_failures"),
    ],
)
async def test_a_bad_sweep_is_refused_with_a_sentence(
    client: Client, body: dict[str, Any], code: int, sentence: str
) -> None:
    answer = await client.post("sweeps", {"path": "a.ipynb", "notebook": NOTEBOOK, **body})

    assert (answer.code, sentence in json.dumps(answer.json)) == (code, True), answer.json
    assert (await client.get("executions")).json["executions"] == []


async def test_a_sweep_that_is_not_there_is_said_so(client: Client) -> None:
    for call in (client.get("sweeps/7"), client.post("sweeps/7/cancel")):
        assert (await call).code == 404


async def test_a_sweep_is_one_row_that_goes_to_the_trash_and_comes_back(client: Client) -> None:
    sweep = await submit(client, {"n": "1, 2"})
    await over(client, sweep["id"])

    page = (await client.get("executions", grouped="true")).json
    known = (await client.get("sweeps", ids=f"{sweep['id']},unknown")).json["sweeps"]
    deleted = await client.call("DELETE", f"sweeps/{sweep['id']}")
    empty = (await client.get("executions", grouped="true")).json
    back = await client.call("PATCH", f"sweeps/{sweep['id']}", {"deleted": False})

    assert [each["number"] for each in page["executions"]] == [1]
    assert page["sweeps"] == known
    assert (known[0]["last_number"], known[0]["counts"]["succeeded"]) == (2, 2)
    assert deleted.code == 204
    assert (empty["executions"], empty["sweeps"]) == ([], [])
    assert (back.json["first_number"], back.json["counts"]["succeeded"]) == (1, 2)


async def test_only_what_waits_of_a_sweep_is_cancelled_if_wanted(client: Client) -> None:
    sweep = await submit(client, {"n": "1, 2, 4, 5"}, canary=True)

    stopped = await client.post(f"sweeps/{sweep['id']}/cancel", {"only_waiting": True})
    ended = await over(client, sweep["id"])

    assert stopped.json["counts"]["cancelled"] >= 3
    assert not ended["executions"][0]["cancel_requested"] or ended["counts"]["cancelled"] == 4
