"""Folders that somebody removes while they are in use."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.core.execution import Execution, Reason, Status
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.processes import find_descendants, identify
from jupyter_async_exec.snapshots.capture import capture
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from jupyter_async_exec.testing.factories import make_execution, make_submission
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


@pytest.fixture
def backend(tmp_path: Path, objects: LocalObjectStore) -> LocalBackend:
    return LocalBackend(tmp_path / "attempts", objects=objects, nice=0)


def running(objects: LocalObjectStore, source: str) -> Execution:
    """Return an execution of a notebook of one cell, claimed and not yet started."""
    captured = capture(
        normalise(make_notebook(source)),
        notebook_path="a.ipynb",
        folder=None,
        server_root=None,
        kernel_name="python3",
        language="python",
        objects=objects,
    )
    execution = make_execution(
        snapshot_id=captured.snapshot_id, notebook_path="a.ipynb", parameters={}
    )
    return replace(execution, status=Status.RUNNING, attempt=1)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for as Linux shows them")
async def test_an_attempt_whose_folder_is_removed_is_lost_and_leaves_no_process(
    backend: LocalBackend, objects: LocalObjectStore
) -> None:
    endless = running(objects, "print('begun', flush=True)\nimport time\ntime.sleep(600)")
    await backend.start(endless)
    key = AttemptKey(endless.id, 1)
    async with asyncio.timeout(60):
        while b"begun" not in (await backend.read_log(key, offset=0, limit_bytes=99))[0]:
            await asyncio.sleep(0.05)
    folder = backend._path(key)
    supervisor = identify(json.loads((folder / files.SUPERVISOR).read_bytes())["pid"])
    assert supervisor is not None
    family = [supervisor, *find_descendants(supervisor)]

    shutil.rmtree(folder)

    observation = await backend.observe(key, offset=0)
    assert observation.result is not None
    assert (observation.alive, observation.result.reason) == (False, Reason.LOST)
    async with asyncio.timeout(30):
        while any(identify(process.pid) == process for process in family):
            await asyncio.sleep(0.05)
    await backend.discard(key)


async def test_a_notebook_that_removes_its_own_folder_keeps_its_outputs(
    backend: LocalBackend, objects: LocalObjectStore
) -> None:
    rude = running(objects, "import os, shutil\nshutil.rmtree(os.getcwd())\nprint('still here')")
    key = AttemptKey(rude.id, 1)

    await backend.start(rude)
    observation = await wait_for_end(backend, rude)
    harvest = await backend.harvest(key, rude)
    await backend.discard(key)

    assert observation.result is not None
    assert observation.result.status is Status.SUCCEEDED
    assert harvest.output_object is not None
    assert b"still here" in objects.get(harvest.output_object)
    assert harvest.artifacts == ()


def test_nothing_is_accepted_into_a_store_that_was_removed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = ExecutionStore(f"sqlite:///{folder / 'store.sqlite'}")
    store.accept(make_submission())

    shutil.rmtree(folder)

    with pytest.raises(UnavailableError, match=r"was removed or replaced while it was in use"):
        store.accept(make_submission())
    store.close()


def test_nothing_is_stored_in_a_folder_that_was_removed(
    tmp_path: Path, objects: LocalObjectStore
) -> None:
    path = tmp_path / "made.txt"
    path.write_text("made")
    shutil.rmtree(tmp_path / "objects")

    # Else the file would count as missing, and its content be lost in silence.
    with pytest.raises(UnavailableError, match=r"Nothing can be stored at .*No such file"):
        objects.put_files([path])
