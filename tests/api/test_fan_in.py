"""Chains and fan-in through REST, with real kernels; answers are checked against the contract."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.api.conftest import Client

TRAIN = make_notebook(
    "assert n != 3\nopen('model.txt', 'w').write(str(n * n))\nprint('{\"score\": %s}' % (n / 10))",
    parameters="n: int = 1",
)
COLLECT = make_notebook(
    "import json, os, pathlib\n"
    "for each in executions:\n"
    "    notebook = json.loads(pathlib.Path(each['notebook']).read_text())\n"
    "    model = pathlib.Path(each['artifacts']['model.txt']).read_text()\n"
    "    print(each['number'], each['parameters']['n'], each['metrics']['score'], model, "
    "notebook['metadata']['papermill']['parameters'])",
    parameters="executions = []\ntop: int = 3",
)
TINY = make_notebook("print('done')")


async def submit(client: Client, notebook: Any = TINY, **body: Any) -> dict[str, Any]:
    answer = await client.post("executions", {"path": "a.ipynb", "notebook": notebook, **body})
    assert answer.code == 201, answer.body
    execution: dict[str, Any] = answer.json
    return execution


async def refused(client: Client, **body: Any) -> tuple[int, str]:
    answer = await client.post("executions", {"path": "c.ipynb", "notebook": COLLECT, **body})
    return answer.code, answer.json["message"]


async def over(client: Client, sweep_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            sweep: dict[str, Any] = (await client.get(f"sweeps/{sweep_id}")).json
            if sweep["finished_at"] is not None:
                return sweep
            await asyncio.sleep(0.05)


async def hold_queue(client: Client) -> None:
    """Submit what runs until the server ends, so that nothing else is started."""
    for _ in range((await client.get("status")).json["slots"]):
        await submit(client, make_notebook("import time\ntime.sleep(600)"))


@pytest.mark.slow
async def test_a_notebook_is_run_with_the_results_of_a_sweep(client: Client) -> None:
    answer = await client.post(
        "sweeps",
        {
            "path": "train.ipynb",
            "notebook": TRAIN,
            "values": {"n": "1, 2, 3, 4"},
            "then": {"path": "collect.ipynb", "notebook": COLLECT, "parameters": {"top": 2}},
        },
    )
    sweep = answer.json
    (then,) = sweep["then"]
    assert (then["status"], then["number"]) == ("queued", 5)
    assert then["waiting_reason"] == "Waits for #1\u20134, 0 of 4 done."
    assert then["collects"]["sweep"] == sweep["id"]

    collect = await client.finished(5)

    assert (collect["status"], collect["message"]) == ("succeeded", None)
    handed = collect["parameters"]["executions"]
    assert [(each["number"], each["parameters"]) for each in handed] == [
        (1, {"n": 1}), (2, {"n": 2}), (4, {"n": 4}),
    ]  # fmt: skip
    assert [each["metrics"] for each in handed] == [{"score": 0.1}, {"score": 0.2}, {"score": 0.4}]
    log = (await client.get("executions/5/log")).json["text"]
    assert log.splitlines()[1:] == [
        "1 1 0.1 1 {'n': 1}", "2 2 0.2 4 {'n': 2}", "4 4 0.4 16 {'n': 4}",
    ]  # fmt: skip
    notebook = (await client.get("executions/5/notebook")).json
    injected: dict[str, Any] = {}
    exec(notebook["cells"][1]["source"], injected)
    assert (injected["executions"], injected["top"]) == (handed, 2)
    assert [each["message"] for each in collect["remarks"]] == [
        "Handed over 3 of 4 executions. Left out: 1 failed (#3)."
    ]
    assert (await client.get("executions/5/artifacts")).json["artifacts"][1:] == []
    receipt = (await client.get("executions/5/receipt")).json
    assert [each["number"] for each in receipt["collects"]["executions"]] == [1, 2, 4]
    assert receipt["collects"]["note"].startswith("Handed over 3 of 4")
    (by,) = (await client.get("executions/2/receipt")).json["collected_by"]
    assert (by["number"], by["status"]) == (5, "succeeded")
    assert (await client.get("executions/3/receipt")).json["collected_by"] == []
    page = (await client.get("executions")).json["executions"]
    assert page[0]["parameters"] == {"top": 2}


@pytest.mark.slow
async def test_what_was_collected_stays_though_the_executions_are_deleted(client: Client) -> None:
    for n in (1, 2, 4):
        await submit(client, TRAIN, parameters={"n": n})
    for number in (1, 2, 3):
        await client.finished(number)
    await submit(client, COLLECT, collect={"executions": [1, "#2", 3]})
    first = await client.finished(4)

    await client.call("DELETE", "executions/1")
    again = (await client.post("executions/4/rerun")).json
    second = await client.finished(again["number"])

    assert (second["status"], second["parent_id"]) == ("succeeded", first["id"])
    assert second["parameters"] == first["parameters"]
    logs = [(await client.get(f"executions/{n}/log")).json["text"] for n in (4, 5)]
    assert logs[0] == logs[1]
    receipt = (await client.get("executions/5/receipt")).json
    assert [each["number"] for each in receipt["collects"]["executions"]] == [2, 3]
    assert receipt["collects"]["handed"] == 3


@pytest.mark.slow
async def test_an_execution_starts_after_another_has_succeeded(client: Client) -> None:
    first = await submit(client)
    second = await submit(client, after=[first["number"]])

    assert second["after"] == [first["id"]]
    assert second["waiting_reason"] == "Waits for #1."

    ended = [await client.finished(number) for number in (1, 2)]
    assert [each["status"] for each in ended] == ["succeeded", "succeeded"]
    assert ended[0]["finished_at"] <= ended[1]["started_at"]
    receipts = [(await client.get(f"executions/{n}/receipt")).json for n in (1, 2)]
    assert [each["number"] for each in receipts[0]["then"]] == [2]
    assert [each["number"] for each in receipts[1]["after"]] == [1]


@pytest.mark.slow
async def test_a_chain_ends_with_a_sentence_where_one_of_it_fails(client: Client) -> None:
    await submit(client, make_notebook("1 / 0"))
    await submit(client, after=[1])
    await submit(client, after=["#2"])

    ended = [await client.finished(number) for number in (2, 3)]

    assert [(each["status"], each["cancel_requested"]) for each in ended] == [
        ("cancelled", False), ("cancelled", False),
    ]  # fmt: skip
    assert [each["message"] for each in ended] == [
        "Not started: #1, which it was to follow, failed.",
        "Not started: #2, which it was to follow, was cancelled.",
    ]


@pytest.mark.slow
async def test_the_rest_of_a_sweep_is_stopped_and_what_is_done_is_collected(
    client: Client,
) -> None:
    await client.get("status")
    body = {
        "path": "train.ipynb",
        "notebook": make_notebook(
            "import time\nopen('model.txt', 'w').write('m')\n"
            "print('{\"score\": 1}')\n"
            "while n > 1: time.sleep(0.05)",
            parameters="n: int = 1",
        ),
        "values": {"n": "1, 2, 3"},
        "then": {"path": "collect.ipynb", "notebook": COLLECT},
    }
    sweep = (await client.post("sweeps", body)).json
    await client.finished(1)

    await client.post(f"sweeps/{sweep['id']}/cancel")

    ended = await over(client, sweep["id"])
    assert (ended["counts"]["succeeded"], ended["counts"]["cancelled"]) == (1, 2)
    collect = await client.finished(4)
    assert collect["status"] == "succeeded"
    assert [each["number"] for each in collect["parameters"]["executions"]] == [1]


async def test_one_that_waits_for_others_takes_no_slot_and_can_be_cancelled(
    client: Client,
) -> None:
    await hold_queue(client)
    blocked = (await submit(client))["number"]
    waiting = (await submit(client, after=[blocked]))["number"]
    assert (await client.get("executions/1")).json["status"] in {"queued", "running"}

    cancelled = (await client.post(f"executions/{waiting}/cancel")).json

    assert (cancelled["status"], cancelled["waiting_reason"]) == ("cancelled", None)
    assert cancelled["message"] == "Cancelled before it started."


async def test_what_makes_no_sense_is_refused_with_a_sentence_before_anything_is_queued(
    client: Client,
) -> None:
    await hold_queue(client)
    n = len((await client.get("executions")).json["executions"])
    await client.post("executions/1/cancel")
    await client.finished(1)
    waiting = (await submit(client))["number"]
    one = {"executions": [waiting]}

    answers = [
        await refused(client, after=[waiting + 1]),
        await refused(client, after=[1]),
        await refused(client, collect={}),
        await refused(client, collect={"executions": [99]}),
        await refused(client, collect={**one, "sweep": "x"}),
        await refused(client, collect={"sweep": str(waiting)}),
        await refused(client, collect={**one, "when": {"first": 2}}),
        await refused(client, collect={**one, "when": {"within_s": 0}}),
        await refused(client, collect={**one, "parameter": "nothing"}),
        await refused(client, collect={**one, "parameter": "top"}),
        await refused(client, collect={**one, "parameter": "api_key"}),
        await refused(client, collect=one, parameters={"executions": []}),
        await refused(client, collect={"executions": [1]}),
    ]

    assert [code for code, _ in answers] == [
        404, 422, 400, 404, 400, 404, 400, 400, 422, 422, 422, 422, 422,
    ]  # fmt: skip
    assert answers[0][1] == f"There is no execution #{waiting + 1}."
    assert answers[1][1] == "#1 was cancelled: nothing can follow it. Run it again."
    assert answers[2][1] == "There is nothing to collect: name at least one execution."
    assert answers[6][1] == "The first 2 cannot be collected of 1."
    assert answers[8][1].startswith("The notebook has no parameter `nothing`")
    await client.call("DELETE", "executions/1")
    assert (await refused(client, after=[1]))[0] == 404
    assert len((await client.get("executions")).json["executions"]) == n


async def test_a_collect_is_never_the_same_as_an_earlier_one(client: Client) -> None:
    await submit(client)
    await client.finished(1)
    body = {"path": "c.ipynb", "notebook": COLLECT, "collect": {"executions": [1]}}

    answer = await client.post(
        "executions", {**body, "dry_run": True, "reuse": {"policy": "exact"}}
    )

    assert json.loads(answer.body) == {"same_as": None}
