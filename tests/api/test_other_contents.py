"""Notebooks that do not lie on the local disk: only the notebook is captured, and said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.memory_contents import MemoryContents
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Client


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any], data_dir: Path) -> dict[str, Any]:
    MemoryContents.notebooks.clear()
    server = {**jp_server_config["ServerApp"], "contents_manager_class": MemoryContents}
    return {**jp_server_config, "ServerApp": server}


@pytest.mark.parametrize("in_memory", [True, False])
async def test_the_notebook_alone_is_captured_and_the_receipt_says_so(
    client: Client, in_memory: bool
) -> None:
    notebook = make_notebook("print('from afar')")
    MemoryContents.notebooks["cloud/a.ipynb"] = notebook
    body = {"path": "cloud/a.ipynb", **({"notebook": notebook} if in_memory else {})}

    answer = await client.post("executions", body)
    execution = await client.finished(answer.json["number"])

    assert execution["status"] == "succeeded"
    receipt = (await client.get("executions/1/receipt")).json
    assert receipt["snapshot"]["captured"] == receipt["snapshot"]["linked"] == []
    assert any("only the notebook" in note.lower() for note in receipt["notes"])


async def test_restoring_writes_through_the_contents_manager(client: Client) -> None:
    notebook = make_notebook("1")
    MemoryContents.notebooks["a.ipynb"] = notebook
    await client.post("executions", {"path": "a.ipynb"})

    path = (await client.post("executions/1/restore")).json["path"]

    assert path != "a.ipynb"
    assert MemoryContents.notebooks[path]["cells"][0]["source"] == "1"


async def test_a_drive_of_the_front_end_is_not_looked_for_on_the_disk(client: Client) -> None:
    body = {"path": "cloud:folder/a.ipynb", "notebook": make_notebook("1")}

    answer = await client.post("executions", body)

    assert answer.code == 201
    assert (await client.finished(1))["status"] == "succeeded"
