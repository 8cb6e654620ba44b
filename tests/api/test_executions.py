"""Submitting, listing, changing and ending executions through REST, with real kernels."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.service import environment_key
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Client

FAST = make_notebook("6 * 7")


async def submit(client: Client, notebook: Any = None, **body: Any) -> dict[str, Any]:
    answer = await client.post(
        "executions", {"path": "a.ipynb", "notebook": notebook or FAST, **body}
    )
    assert answer.code == 201, answer.body
    execution: dict[str, Any] = answer.json
    return execution


async def test_a_submitted_notebook_runs_and_its_output_can_be_read(client: Client) -> None:
    execution = await submit(client)

    assert execution["number"] == 1
    finished = await client.finished(1)

    assert finished["status"] == "succeeded"
    assert finished["cells_done"] == finished["cells_total"] == 1
    notebook = (await client.get("executions/1/notebook")).json
    assert notebook["cells"][0]["outputs"][0]["data"]["text/plain"] == "42"


async def test_the_answer_to_a_submission_names_its_place(client: Client) -> None:
    answer = await client.post("executions", {"path": "a.ipynb", "notebook": FAST})

    assert answer.headers["Location"].endswith(f"async-exec/executions/{answer.json['id']}")


async def test_a_request_that_is_no_json_is_refused_as_such(client: Client) -> None:
    answer = await client.post("executions", data='{"path": "a.ipynb"')

    assert answer.code == 400
    assert answer.json["message"].startswith("The request cannot be read. It is not JSON: ")


async def test_a_double_click_is_one_execution(client: Client) -> None:
    answers = await asyncio.gather(*(submit(client, request_id="the same click") for _ in range(5)))

    assert {answer["number"] for answer in answers} == {1}
    assert len((await client.get("executions")).json["executions"]) == 1


async def test_a_saved_notebook_is_run_from_its_path(client: Client, jp_root_dir: Path) -> None:
    (jp_root_dir / "saved.ipynb").write_text(json.dumps(make_notebook("print('from disk')")))

    answer = await client.post("executions", {"path": "saved.ipynb"})
    await client.finished(answer.json["number"])

    log = (await client.get(f"executions/{answer.json['number']}/log")).json
    assert "from disk" in log["text"]
    assert log["complete"]


async def test_the_files_beside_the_notebook_are_used_as_they_were(
    client: Client, jp_root_dir: Path
) -> None:
    (jp_root_dir / "helper.py").write_text("word = 'before'")

    await submit(client, make_notebook("import helper", "print(helper.word)"))
    (jp_root_dir / "helper.py").write_text("word = 'after'")
    await client.finished(1)

    assert "before" in (await client.get("executions/1/log")).json["text"]


async def test_a_failing_cell_is_named_with_its_error(client: Client) -> None:
    await submit(client, make_notebook("print('kept')", "1 / 0", "print('never')"))

    execution = await client.finished(1)

    assert (execution["status"], execution["reason"]) == ("failed", "cell_error")
    assert execution["error"]["cell_index"] == 1
    assert execution["error"]["ename"] == "ZeroDivisionError"
    notebook = (await client.get("executions/1/notebook")).json
    assert notebook["cells"][0]["outputs"][0]["text"] == "kept\n"
    assert notebook["cells"][2]["outputs"] == []


async def test_parameters_reach_the_notebook_typed(client: Client) -> None:
    notebook = make_notebook("print(type(n).__name__, n)", parameters="n: int = 1  # how many")

    execution = await submit(client, notebook, parameters={"n": "7"})
    await client.finished(1)

    assert execution["parameters"] == {"n": 7}
    assert "int 7" in (await client.get("executions/1/log")).json["text"]


async def test_files_it_writes_become_artifacts(client: Client, jp_root_dir: Path) -> None:
    await submit(client, make_notebook("open('table.csv', 'w').write('a,b')"))
    await client.finished(1)

    names = [
        each["name"] for each in (await client.get("executions/1/artifacts")).json["artifacts"]
    ]

    assert names == ["a.ipynb", "table.csv"]
    assert (await client.get("executions/1/artifacts/table.csv")).body == b"a,b"
    assert not (jp_root_dir / "table.csv").exists()


async def test_a_running_execution_is_cancelled_and_keeps_its_output(client: Client) -> None:
    await submit(client, make_notebook("print('so far', flush=True)\nimport time\ntime.sleep(600)"))
    async with asyncio.timeout(30):
        while "so far" not in (await client.get("executions/1/log")).json["text"]:
            await asyncio.sleep(0.05)

    so_far = (await client.get("contents/1/1 a.ipynb", content=0)).json
    await client.post("executions/1/cancel")
    execution = await client.finished(1)

    assert execution["status"] == "cancelled"
    end = (await client.get("contents/1/1 a.ipynb", content=0)).json
    # What still runs never seems as new as its end: the page would not look again.
    assert (so_far["partial"], end["partial"]) == (True, False)
    assert so_far["last_modified"] < end["last_modified"] == execution["finished_at"]
    notebook = (await client.get("executions/1/notebook")).json
    assert "so far" in json.dumps(notebook["cells"][0]["outputs"])


async def test_the_receipt_names_files_kernel_and_machine(
    client: Client, jp_root_dir: Path
) -> None:
    (jp_root_dir / "helper.py").write_text("x = 1")
    await submit(client)
    await client.finished(1)

    receipt = (await client.get("executions/1/receipt")).json

    assert [file["path"] for file in receipt["snapshot"]["captured"]] == ["helper.py"]
    assert receipt["kernel"]["name"] == "python3"
    assert receipt["machine"]


async def test_the_receipt_names_large_data_that_was_linked(
    client: Client, jp_root_dir: Path
) -> None:
    with (jp_root_dir / "large.csv").open("wb") as file:
        file.truncate(11_000_000)
    await submit(client, make_notebook("import os\nprint(os.path.getsize('large.csv'))"))
    await client.finished(1)

    linked = (await client.get("executions/1/receipt")).json["snapshot"]["linked"]

    assert [(file["path"], file["size_bytes"]) for file in linked] == [("large.csv", 11_000_000)]
    assert "11000000" in (await client.get("executions/1/log")).json["text"]


async def test_running_again_uses_the_same_snapshot_and_names_its_parent(client: Client) -> None:
    first = await submit(client, make_notebook("print(n)", parameters="n = 1"))

    again = (await client.post("executions/1/rerun", {"parameters": {"n": 2}})).json

    assert again["snapshot_id"] == first["snapshot_id"]
    assert again["parent_id"] == first["id"]
    assert again["parameters"] == {"n": 2}
    assert (await client.finished(2))["status"] == "succeeded"


async def test_restoring_writes_a_new_notebook_every_time(
    client: Client, jp_root_dir: Path
) -> None:
    await submit(client)

    paths = [(await client.post("executions/1/restore")).json["path"] for _ in range(2)]

    assert len(set(paths)) == 2
    for path in paths:
        cell = json.loads((jp_root_dir / path).read_text())["cells"][0]
        assert "".join(cell["source"]) == "6 * 7"


async def test_delete_hides_an_execution_and_undo_brings_it_back(client: Client) -> None:
    await submit(client)
    await client.finished(1)

    assert (await client.call("DELETE", "executions/1")).code == 204
    assert (await client.get("executions/1")).code == 404
    assert (await client.get("executions")).json["executions"] == []
    restored = await client.call("PATCH", "executions/1", {"deleted": False})

    assert restored.json["number"] == 1
    assert (await client.get("executions/1")).code == 200


async def test_what_still_runs_cannot_be_deleted(client: Client) -> None:
    await submit(client, make_notebook("import time; time.sleep(600)"))

    answer = await client.call("DELETE", "executions/1")

    assert answer.code == 409
    assert "cancel" in answer.json["message"].lower()
    await client.post("executions/1/cancel")
    await client.finished(1)


async def test_title_note_tags_and_star_can_be_changed(client: Client) -> None:
    await submit(client)
    changes = {"title": "Baseline", "note": "keep", "tags": ["a", "b"], "starred": True}

    answer = await client.call("PATCH", "executions/1", changes)

    assert {name: answer.json[name] for name in changes} == changes


async def test_pages_follow_each_other_without_gap_or_repeat(client: Client) -> None:
    for _ in range(5):
        await submit(client)
    numbers: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("executions", limit=2, **cursor)).json
        numbers += [execution["number"] for execution in page["executions"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert numbers == [5, 4, 3, 2, 1]


async def test_a_queued_execution_says_why_it_waits(client: Client) -> None:
    await client.call("PATCH", "status", {"slots": 1})
    await submit(client, make_notebook("import time; time.sleep(600)"))
    await client.until(1, lambda execution: execution["status"] == "running")

    second = await submit(client)
    waiting = (await client.get(f"executions/{second['number']}")).json

    assert waiting["status"] == "queued"
    assert waiting["waiting_reason"] == "Waits for a free slot (1 of 1 busy)."
    for number in (1, 2):
        await client.post(f"executions/{number}/cancel")
        await client.finished(number)


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        ({}, 400, "path"),
        ({"path": "a.ipynb", "colour": "red"}, 400, "colour"),
        ({"path": "a.ipynb", "notebook": []}, 400, "notebook"),
        ({"path": "a.ipynb", "notebook": {"cells": 3}}, 400, "notebook"),
        ({"path": "missing.ipynb"}, 404, "missing.ipynb"),
        ({"path": "../outside.ipynb"}, 400, "outside"),
        ({"path": "a/" * 3_000 + "a.ipynb", "notebook": FAST}, 400, "not the path"),
        ({"path": "x" * 300 + ".ipynb", "notebook": FAST}, 400, "not the path"),
        ({"path": "a\0.ipynb", "notebook": FAST}, 400, "not the path"),
        ({"path": "", "notebook": FAST}, 400, "not the path"),
        ({"path": "a.ipynb", "notebook": FAST, "kernel_name": "cobol"}, 422, "cobol"),
        ({"path": "a.ipynb", "notebook": FAST, "options": {"backend": "moon"}}, 400, "moon"),
        (
            {
                "path": "a.ipynb",
                "notebook": make_notebook("n", parameters="n: int = 1"),
                "parameters": {"n": "many"},
            },
            422,
            "n",
        ),
    ],
)
async def test_what_cannot_be_run_is_refused_with_a_sentence_and_nothing_is_accepted(
    client: Client, body: dict[str, Any], code: int, word: str
) -> None:
    answer = await client.post("executions", body)

    assert answer.code == code
    assert word in answer.json["message"]
    assert (await client.get("executions")).json["executions"] == []


async def test_a_body_that_is_not_json_is_refused(client: Client) -> None:
    answer = await client.post("executions", data="{not json")

    assert answer.code == 400
    assert "JSON" in answer.json["message"]


@pytest.mark.parametrize("ref", ["99", "0", "-1", "x", "%2e%2e", "f" * 32, "1;drop", "9" * 40])
async def test_an_unknown_execution_is_a_404_with_a_sentence(client: Client, ref: str) -> None:
    for path in ("", "/notebook", "/log", "/artifacts", "/receipt"):
        answer = await client.get(f"executions/{ref}{path}")

        assert answer.code == 404
        assert answer.json["message"].endswith(".")


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": "x"}, {"status": "done"}, {"sort": "title"}, {"cursor": "?"}]
)
async def test_a_bad_query_is_refused_with_a_sentence(client: Client, query: Any) -> None:
    answer = await client.get("executions", **query)

    assert answer.code == 400
    assert answer.json["message"].endswith(".")


async def test_limits_are_chosen_per_execution_and_can_be_raised_for_a_rerun(
    client: Client,
) -> None:
    options = {"run_time_limit_s": 30, "memory_limit_bytes": 2_000_000_000}
    await submit(client, options=options | {"silence_limit_s": None})
    await client.post("executions/1/rerun", {"options": {"memory_limit_bytes": 3_000_000_000}})
    refused = await client.post("executions/1/rerun", {"options": {"backend": "nowhere"}})

    limits = [(await client.get(f"executions/{n}/receipt")).json["limits"] for n in (1, 2)]

    expected = {"run_time_s": 30, "silence_s": None, "output_bytes": None}
    assert limits[0] == expected | {"memory_bytes": 2_000_000_000}
    assert limits[1] == expected | {"memory_bytes": 3_000_000_000}
    assert refused.code == 400


async def test_what_ran_already_is_offered_and_taken_when_wanted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever edits this package while its tests run changes what they run in.
    monkeypatch.setattr(environment_key, "environment_key", lambda _: "as it is")
    notebook = make_notebook("print(n)", parameters="n: int = 1")
    body = {"path": "a.ipynb", "notebook": notebook, "parameters": {"n": 2}}
    before = await client.post("executions", {**body, "dry_run": True})
    await submit(client, notebook, parameters={"n": 2})
    await client.finished(1)

    offered = await client.post("executions", {**body, "dry_run": True})
    taken = await client.post("executions", {**body, "reuse": {"policy": "exact"}})
    other = await client.post(
        "executions", {**body, "parameters": {"n": 3}, "reuse": {"policy": "exact"}}
    )

    assert (before.code, before.json) == (200, {"same_as": None})
    assert offered.json["same_as"]["number"] == 1
    assert (taken.code, taken.json["number"]) == (200, 1)
    assert (other.code, other.json["number"]) == (201, 2)
    await client.finished(2)


async def test_what_ran_already_is_said_in_place_of_running_it_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_key, "environment_key", lambda _: "as it is")
    notebook = make_notebook("print(n)", parameters="n: int = 1")
    body = {"path": "a.ipynb", "notebook": notebook, "unless_same": True}
    first = await client.post("executions", {**body, "request_id": "r1"})
    await client.finished(1)

    same = await client.post("executions", {**body, "request_id": "r2"})
    repeated = await client.post("executions", {**body, "request_id": "r1"})
    other = await client.post("executions", {**body, "parameters": {"n": 3}})

    assert (first.code, first.json["number"]) == (201, 1)
    assert (same.code, same.json["same_as"]["number"]) == (200, 1)
    # A click whose answer was lost is sent again, and is not the same once more.
    assert (repeated.code, repeated.json["number"]) == (201, 1)
    assert (other.code, other.json["number"]) == (201, 2)
    await client.finished(2)
