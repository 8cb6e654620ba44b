"""`run`: what a script, a notebook or a test does with executions, no server running."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec import run
from jupyter_async_exec.errors import InvalidParametersError, InvalidRequestError, NotFoundError
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, data_dir: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def save(folder: Path, *sources: str, parameters: str | None = None) -> Path:
    path = folder / "a.ipynb"
    path.write_text(json.dumps(make_notebook(*sources, parameters=parameters)))
    return path


@pytest.mark.slow
def test_several_are_submitted_and_waited_for(folder: Path) -> None:
    path = save(
        folder,
        "from jupyter_async_exec import log_metric\nlog_metric('twice', 2 * n)",
        "open('made.txt', 'w').write(str(n))",
        parameters="n: int = 1",
    )

    first, second = (run(path, {"n": n}, tags=["client"]) for n in (3, 4))

    assert (first.number, first.status) == (1, "queued")
    assert [each.wait(60).status for each in (second, first)] == ["succeeded", "succeeded"]
    assert (first.metrics, second.metrics) == ({"twice": 6}, {"twice": 8})
    assert second.parameters == {"n": 4}
    assert second.artifact("made.txt") == b"4"
    assert [artifact.name for artifact in second.artifacts] == ["made.txt"]
    assert second.notebook()["metadata"]["async_exec"]["status"] == "succeeded"
    assert repr(second) == "<execution #2 succeeded: n 3 → 4>"
    assert run(path, {"n": 3}, reuse="exact").number == first.number
    assert run(path, {"n": 3}).number == 3


@pytest.mark.slow
def test_a_failure_says_where(folder: Path) -> None:
    done = run(save(folder, "1 / 0")).wait(60)

    assert done.status == "failed"
    assert done.error is not None
    assert done.error.ename == "ZeroDivisionError"
    assert done.message


def test_what_cannot_be_run_is_refused(folder: Path) -> None:
    path = save(folder, "n", parameters="n: int = 1  # n < 10")

    with pytest.raises(InvalidParametersError):
        run(path, {"n": "three"})
    with pytest.raises(InvalidParametersError, match="a whole number below 10, not 11"):
        run(path, {"n": 11})
    with pytest.raises(NotFoundError):
        run(folder / "none.ipynb")
    with pytest.raises(InvalidRequestError, match="an age such as"):
        run(path, reuse="perhaps")


def test_waiting_has_an_end_and_so_has_what_waits(folder: Path) -> None:
    submitted = run(save(folder, "6 * 7"), data_dir=folder / "elsewhere")

    with pytest.raises(TimeoutError, match="#1 is not over"):
        submitted.wait(0)

    # It may have begun in this moment.
    assert submitted.cancel().wait(60).status == "cancelled"


async def test_it_works_where_an_event_loop_runs_already(folder: Path) -> None:
    submitted = run(save(folder, "6 * 7"))

    assert submitted.refresh().number == 1
    assert asyncio.get_running_loop().is_running()
    assert not [each for each in threading.enumerate() if each.name == "async-exec-client"]


def test_every_option_reaches_the_execution(folder: Path) -> None:
    options: dict[str, Any] = {"title": "Mine", "tags": ("a", "b"), "run_time_limit_s": 5.0}

    submitted = run(save(folder, "6 * 7"), kernel_name="python3", **options)

    execution = submitted._execution
    assert (execution.title, execution.tags) == ("Mine", ("a", "b"))
    assert execution.limits.run_time_s == 5.0
