"""A notebook that has written much on a worker is shown as far as it has come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends import attempt_folder
from jupyter_async_exec.backends.dask import so_far
from jupyter_async_exec.backends.dask.so_far import SoFar
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import JournalWriter
from jupyter_async_exec.runner.task import Task, write_task
from tests.backends.dask.nearby import scene
from tests.backends.dask.steps import has_begun, key_of
from tests.backends.executions import ENDLESS, claimed
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def every_journal_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_folder, "REBUILD_LIMIT_BYTES", 0)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Return the folder of an attempt that has only begun."""
    (tmp_path / files.SOURCE).write_text(json.dumps(make_notebook("1")))
    task = Task(
        execution_id="a" * 32, number=1, attempt=1, folder="", kernel_name="x", language="python"
    )
    write_task(tmp_path, task)
    return tmp_path


def write(mirror: Path, text: str) -> None:
    """Let the notebook write some more."""
    journal = JournalWriter(mirror / files.JOURNAL)
    output = {"output_type": "stream", "name": "stdout", "text": text}
    fields = {"cell_index": 0, "append": True, "output": output}
    journal.append(journal.stamp("output", fields))
    journal.close()


def shown(found: bytes | None) -> str:
    """Return what a notebook shows below its first cell."""
    assert found is not None
    return "".join("".join(each["text"]) for each in json.loads(found)["cells"][0]["outputs"])


def test_what_was_written_is_shown_though_no_checkpoint_comes(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(so_far, "SHOWN_FOR", 0.0)
    reader = SoFar()
    assert shown(reader.read(mirror)) == ""

    write(mirror, "one\n")
    assert shown(reader.read(mirror)) == "one\n"
    write(mirror, "two\n")
    assert shown(reader.read(mirror)) == "one\ntwo\n"


def test_it_is_rebuilt_only_when_there_is_more_and_not_all_the_time(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SoFar()
    monkeypatch.setattr(so_far, "SHOWN_FOR", 0.0)
    write(mirror, "one\n")
    reader.read(mirror)
    made = (mirror / so_far.SO_FAR).stat().st_ino

    assert shown(reader.read(mirror)) == "one\n"
    assert (mirror / so_far.SO_FAR).stat().st_ino == made

    write(mirror, "two\n")
    monkeypatch.setattr(so_far, "SHOWN_FOR", 1e9)
    assert shown(reader.read(mirror)) == "one\ntwo\n"
    write(mirror, "three\n")
    assert shown(reader.read(mirror)) == "one\ntwo\n"


def test_what_is_final_wins(mirror: Path) -> None:
    reader = SoFar()
    write(mirror, "one\n")
    reader.read(mirror)

    (mirror / files.OUTPUT).write_bytes(b"final")

    assert reader.read(mirror) == b"final"


@pytest.mark.slow
async def test_a_notebook_that_runs_on_a_worker_shows_its_outputs(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    async with scene(tmp_path, objects) as (backend, _):
        endless = claimed(objects, ENDLESS)
        await backend.start(endless)
        await has_begun(backend, endless)

        assert shown(await backend.read_notebook(key_of(endless))) == "begun\n"
        await backend.discard(key_of(endless))
