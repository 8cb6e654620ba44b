"""A study says what a plain loop over papermill says.

The short form is the study of the examples; another is one of your own::

    STUDY=/path/to/study GRID='{"hidden": [16, 32]}' pytest tests/integration/test_study.py
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.cli.command import main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "study"
GRID: Mapping[str, list[Any]] = {"learning_rate": [0.3, 0.03], "hidden": [2, 8]}


@pytest.fixture
def study(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study, where a command can find it."""
    folder = tmp_path / "study"
    shutil.copytree(os.environ.get("STUDY", EXAMPLE), folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def grid() -> Mapping[str, list[Any]]:
    """Which values are tried."""
    chosen: dict[str, list[Any]] | None = json.loads(os.environ.get("GRID", "null"))
    return chosen or GRID


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    assert not ended.value.code
    return json.loads(capsys.readouterr().out)


def run_with_papermill(
    notebook: Path, parameters: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Return the last value of each metric that one run prints as JSON lines."""
    import papermill

    # A runner per value would share the folder's files, which ours never do.
    shutil.copytree(notebook.parent, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        executed = papermill.execute_notebook(
            folder / notebook.name,
            folder / "executed.ipynb",
            parameters=dict(parameters),
            cwd=folder,
            progress_bar=False,
        )
    found: dict[str, Any] = {}
    for line in _printed(executed).splitlines():
        if line.startswith("{"):
            found |= json.loads(line)
    return found


def _printed(notebook: Any) -> str:
    return "".join(
        output["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    )


def combinations(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def test_the_table_of_a_sweep_is_that_of_a_plain_loop_over_papermill(
    study: Path,
    grid: Mapping[str, list[Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = [f"--sweep={name}={','.join(map(str, values))}" for name, values in grid.items()]
    sweep = command(capsys, "run", "train.ipynb", *asked, "--wait")

    table = command(capsys, "compare", *(str(each["number"]) for each in sweep["executions"]))

    ours = {json.dumps(row["parameters"]): row["metrics"] for row in table["executions"]}
    plain = {
        json.dumps(parameters): run_with_papermill(
            study / "train.ipynb", parameters, tmp_path / f"plain-{index}"
        )
        for index, parameters in enumerate(combinations(grid))
    }
    for metrics in plain.values():
        del metrics["epoch"]  # the step, no metric
    assert ours == plain
