"""Notebooks that are no plain Python: they run, or are refused with a sentence."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import Client
from tests.conftest import code_cell, make_notebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def client(jp_fetch: Any) -> Client:
    return Client(jp_fetch)


@pytest.fixture
def bash_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a kernel of another language, for this test alone."""
    pytest.importorskip("bash_kernel")
    folder = tmp_path / "jupyter" / "kernels" / "some_bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Bash", "language": "bash"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return "some_bash"


async def run(client: Client, notebook: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await client.post("executions", {"path": "a.ipynb", "notebook": notebook, **body})
    assert answer.code == 201, answer.body
    return await client.finished(answer.json["number"])


async def text_of(client: Client) -> str:
    return str((await client.get("executions/1/log")).json["text"])


async def test_a_bash_notebook_runs_with_its_parameters(bash_kernel: str, client: Client) -> None:
    notebook = make_notebook('echo "$word and $n"', parameters="word=none\nn=0")
    notebook["metadata"] = {
        "kernelspec": {"name": bash_kernel, "display_name": "Bash", "language": "bash"}
    }

    execution = await run(client, notebook, parameters={"word": "$(touch evil); \"'", "n": 3})

    assert execution["status"] == "succeeded", execution
    assert "$(touch evil); \"' and 3" in await text_of(client)
    artifacts = (await client.get("executions/1/artifacts")).json["artifacts"]
    assert [each["name"] for each in artifacts] == ["a.ipynb"]


async def test_a_kernel_that_is_not_installed_is_refused_and_the_installed_are_named(
    client: Client,
) -> None:
    notebook = make_notebook("1")
    notebook["metadata"]["kernelspec"]["name"] = "ir"

    answer = await client.post("executions", {"path": "a.ipynb", "notebook": notebook})

    assert answer.code == 422
    assert "'ir' is not installed" in answer.json["message"]
    assert "python3" in answer.json["details"]["installed"]


async def test_cell_magics_and_shell_assignments_run(client: Client) -> None:
    notebook = make_notebook("%%bash\necho from bash", "x = !echo shell\nprint(x[0])")

    execution = await run(client, notebook)

    assert execution["status"] == "succeeded", execution
    text = await text_of(client)
    assert "from bash" in text
    assert "shell" in text


async def test_a_failing_shell_command_is_a_remark_on_a_success(client: Client) -> None:
    execution = await run(client, make_notebook("!exit 3"))

    assert execution["status"] == "succeeded"
    assert [remark["kind"] for remark in execution["remarks"]] == ["shell_exit_code"]
    assert "3" in execution["remarks"][0]["message"]


async def test_a_notebook_of_format_3_is_upgraded_in_the_copy(
    client: Client, jp_root_dir: Path
) -> None:
    cell = {
        "cell_type": "code",
        "language": "python",
        "input": ["print('old', 6 * 7)"],
        "outputs": [],
        "metadata": {},
        "collapsed": False,
    }
    old = {
        "metadata": {"name": "old"},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }
    path = jp_root_dir / "old.ipynb"
    path.write_text(json.dumps(old))
    before = path.read_bytes()

    answer = await client.post("executions", {"path": "old.ipynb"})
    execution = await client.finished(answer.json["number"])

    assert execution["status"] == "succeeded", execution
    assert "old 42" in await text_of(client)
    assert path.read_bytes() == before


async def test_a_notebook_without_kernelspec_runs_on_the_default_kernel(client: Client) -> None:
    notebook = make_notebook("print('default')")
    notebook["metadata"] = {}

    execution = await run(client, notebook)

    assert (execution["status"], execution["kernel_name"]) == ("succeeded", "python3")


async def test_an_empty_notebook_succeeds(client: Client) -> None:
    execution = await run(client, make_notebook())

    assert (execution["status"], execution["cells_total"]) == ("succeeded", 0)


async def test_a_notebook_of_2000_cells_runs(client: Client) -> None:
    notebook = make_notebook()
    notebook["cells"] = [{**code_cell(f"{i}"), "id": f"cell-{i}"} for i in range(2_000)]

    execution = await run(client, notebook)

    assert (execution["status"], execution["cells_done"]) == ("succeeded", 2_000)
    cells = (await client.get("executions/1/notebook")).json["cells"]
    assert cells[-1]["outputs"][0]["data"]["text/plain"] == "1999"


async def test_exit_with_zero_ends_early_and_says_so(client: Client) -> None:
    execution = await run(client, make_notebook("import sys\nsys.exit(0)", "print('never')"))

    assert execution["status"] == "succeeded"
    assert "finished_early" in [remark["kind"] for remark in execution["remarks"]]
    assert "never" not in await text_of(client)


async def test_a_killed_kernel_is_told_as_such_and_keeps_what_was_printed(client: Client) -> None:
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"

    execution = await run(client, make_notebook("print('before')", kill, "print('after')"))

    assert (execution["status"], execution["reason"]) == ("failed", "kernel_died")
    cells = (await client.get("executions/1/notebook")).json["cells"]
    assert "before" in json.dumps(cells[0]["outputs"])
    assert cells[2]["outputs"] == []
    states = [cell["metadata"]["papermill"]["status"] for cell in cells]
    assert states == ["completed", "failed", "pending"]
