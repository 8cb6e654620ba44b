"""The metric that counts, through REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Client

GOAL = {"metric": "val_acc", "direction": "maximise"}


async def test_a_goal_is_kept_for_its_notebook_until_it_is_forgotten(client: Client) -> None:
    path = "notebooks/some_folder/a%.ipynb/goal"

    before = (await client.get(path)).json
    put = await client.call("PUT", path, GOAL)
    kept = (await client.get(path)).json
    other = (await client.get("notebooks/a.ipynb/goal")).json
    listed = (await client.get("goals")).json
    forgotten = await client.call("PUT", path, data="null")

    assert (before, other) == (None, None)
    assert (put.code, put.json, kept) == (200, GOAL, GOAL)
    assert listed == {"goals": {"some_folder/a%.ipynb": GOAL}}
    assert (forgotten.code, forgotten.json) == (200, None)
    assert (await client.get("goals")).json == {"goals": {}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metric": "x"},
        {"metric": "", "direction": "minimise"},
        {"metric": "a\nb", "direction": "minimise"},
        {"metric": "x" * 201, "direction": "minimise"},
        {"metric": "x", "direction": "up"},
    ],
)
async def test_what_is_no_goal_is_refused(client: Client, body: dict[str, Any]) -> None:
    answer = await client.call("PUT", "notebooks/a.ipynb/goal", body)

    assert answer.code == 400
    assert (await client.get("notebooks/a.ipynb/goal")).json is None
