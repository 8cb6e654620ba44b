"""Parameter values under a name, per notebook, through REST."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Client

PATH = "notebooks/some_folder/a%.ipynb/presets"
NOTEBOOK = make_notebook("n", parameters="n: int = 1\nword = 'a'\npin = 0  # secret")


async def put(client: Client, name: str, parameters: dict[str, Any], path: str = PATH) -> Any:
    answer = await client.call("PUT", f"{path}/{name}", {"parameters": parameters})
    assert answer.code == 200, answer.body
    return answer.json


def _written(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.glob("store.sqlite*"))


async def names(client: Client, path: str = PATH) -> list[str]:
    return [each["name"] for each in (await client.get(path)).json["presets"]]


async def test_a_preset_is_kept_for_its_notebook_until_it_is_deleted(client: Client) -> None:
    kept = await put(client, "small one", {"n": 2, "word": "b"})
    await put(client, "big", {"n": 20})
    changed = await put(client, "small one", {"n": 3})

    listed = (await client.get(PATH)).json["presets"]
    gone = await client.call("DELETE", f"{PATH}/big")

    assert (kept["parameters"], kept["secrets"]) == ({"n": 2, "word": "b"}, [])
    assert [(each["name"], each["parameters"]) for each in listed] == [
        ("big", {"n": 20}),
        ("small one", {"n": 3}),
    ]
    assert (await client.get(f"{PATH}/small one")).json == changed
    assert (gone.code, await names(client)) == (204, ["small one"])
    assert await names(client, "notebooks/a.ipynb/presets") == []


async def test_a_preset_keeps_no_secret(client: Client, data_dir: Path) -> None:
    parameters = {"api_key": "sk-12345678", "n": 2, "password": "*** 0123abcd", "pin": 7654321}

    answer = await client.call(
        "PUT", f"{PATH}/mine", {"parameters": parameters, "notebook": NOTEBOOK}
    )

    assert answer.json["parameters"] == {"n": 2}
    assert answer.json["secrets"] == ["api_key", "password", "pin"]
    written = _written(data_dir)
    assert b"sk-12345678" not in written
    assert b"7654321" not in written


@pytest.mark.parametrize(
    ("name", "parameters", "code"),
    [
        ("x" * 101, {}, 400),
        (" x", {}, 400),
        ("a\nb", {}, 400),
        ("x", {"not a name": 1}, 422),
        ("x", {"n": "\0"}, 422),
    ],
)
async def test_what_can_be_no_preset_is_refused(
    client: Client, name: str, parameters: dict[str, Any], code: int
) -> None:
    answer = await client.call("PUT", f"{PATH}/{name}", {"parameters": parameters})

    assert answer.code == code
    assert await names(client) == []


async def test_a_submission_takes_from_a_preset_what_it_does_not_give(client: Client) -> None:
    await put(client, "big", {"n": 20, "word": "b"}, "notebooks/a.ipynb/presets")
    body = {"path": "a.ipynb", "notebook": NOTEBOOK, "preset": "big"}

    single = await client.post("executions", {**body, "parameters": {"word": "c"}})
    sweep = await client.post("sweeps", {**body, "values": {"n": "1, 2"}})

    assert single.json["parameters"] == {"n": 20, "word": "c"}
    assert [each["parameters"] for each in sweep.json["executions"]] == [
        {"word": "b", "n": 1},
        {"word": "b", "n": 2},
    ]


async def test_an_unknown_preset_is_refused_and_the_known_ones_are_named(client: Client) -> None:
    await put(client, "big", {"n": 20}, "notebooks/a.ipynb/presets")
    body = {"path": "a.ipynb", "notebook": NOTEBOOK, "preset": "huge"}

    answer = await client.post("executions", body)

    assert answer.code == 404
    assert answer.json["message"] == "a.ipynb has no preset 'huge'; it has 'big'."


async def test_presets_and_goal_follow_a_notebook_that_is_renamed_in_jupyter(
    client: Client, jp_fetch: Any, jp_root_dir: Path
) -> None:
    (jp_root_dir / "old").mkdir()
    (jp_root_dir / "old" / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    await put(client, "big", {"n": 20}, "notebooks/old/a.ipynb/presets")
    await put(client, "other", {"n": 1}, "notebooks/old.ipynb/presets")
    goal = {"metric": "acc", "direction": "maximise"}
    await client.call("PUT", "notebooks/old/a.ipynb/goal", goal)

    for old, new in (("old/a.ipynb", "old/b.ipynb"), ("old", "new")):
        await jp_fetch(
            "api", "contents", *old.split("/"), method="PATCH", body=json.dumps({"path": new})
        )

    async with asyncio.timeout(40):
        while await names(client, "notebooks/new/b.ipynb/presets") != ["big"]:
            await asyncio.sleep(0.05)
    assert (await client.get("notebooks/new/b.ipynb/goal")).json == goal
    assert await names(client, "notebooks/old.ipynb/presets") == ["other"]
    for gone in ("old/a.ipynb", "old/b.ipynb"):
        assert await names(client, f"notebooks/{gone}/presets") == []
        assert (await client.get(f"notebooks/{gone}/goal")).json is None
