"""What a notebook writes in the place of its result ends nothing, and keeps nobody busy."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask import following
from jupyter_async_exec.backends.dask import roster as roster_module
from jupyter_async_exec.backends.dask.news import GROWING, has_result, read_files
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.launch import terminate
from jupyter_async_exec.runner.result import LARGEST_EVIDENCE_BYTES, LARGEST_RESULT_BYTES
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.nearby import scene
from tests.backends.dask.steps import has_begun, key_of
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution
    from tests.backends.dask.nearby import NearLink

FALSE = {"too large": b" " * (LARGEST_RESULT_BYTES + 1), "no result": b'{"format": 1}'}
N_WATCHES = 5
#: Goes on until there is a file.
PATIENT = """print('begun', flush=True)
import os, time
while not os.path.exists({go!r}):
    time.sleep(0.02)"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "WATCH_S", 0.05)
    monkeypatch.setattr(roster_module, "LOOK_S", 0.05)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def write_false_result(tmp_path: Path, execution: Execution, content: bytes) -> Path:
    (there,) = (tmp_path / "machine").rglob(f"attempts/{key_of(execution)}")
    files.write_whole(there / files.RESULT, content)
    return there


async def watched(link: NearLink) -> None:
    """Return when the machine has been asked for news some times more."""
    n = link.asked.count("watch")
    async with asyncio.timeout(30):
        while link.asked.count("watch") < n + N_WATCHES:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("what", FALSE)
def test_what_cannot_be_read_is_no_result(what: str, tmp_path: Path) -> None:
    assert not has_result(tmp_path)

    (tmp_path / files.RESULT).write_bytes(FALSE[what])

    assert not has_result(tmp_path)


def test_the_largest_result_comes_with_the_largest_note_of_the_supervisor(tmp_path: Path) -> None:
    (tmp_path / files.SUPERVISOR).write_bytes(b"s" * LARGEST_EVIDENCE_BYTES)
    (tmp_path / files.RESULT).write_bytes(b"r" * LARGEST_RESULT_BYTES)

    lengths, content = read_files(tmp_path, dict.fromkeys(GROWING, 0), is_end=True)

    assert lengths[files.RESULT] == LARGEST_RESULT_BYTES
    assert len(content) == LARGEST_EVIDENCE_BYTES + LARGEST_RESULT_BYTES


def test_a_note_of_the_supervisor_that_nobody_reads_keeps_no_result_away(tmp_path: Path) -> None:
    (tmp_path / files.SUPERVISOR).write_bytes(b"s" * (LARGEST_EVIDENCE_BYTES + 1))
    (tmp_path / files.RESULT).write_bytes(b"r" * LARGEST_RESULT_BYTES)

    lengths, _ = read_files(tmp_path, dict.fromkeys(GROWING, 0), is_end=True)

    assert (lengths[files.SUPERVISOR], lengths[files.RESULT]) == (0, LARGEST_RESULT_BYTES)


@pytest.mark.slow
@pytest.mark.parametrize("what", FALSE)
async def test_what_goes_on_is_followed_to_its_true_end(
    what: str, objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects) as (backend, link):
        go = tmp_path / "go"
        patient = claimed(objects, PATIENT.format(go=str(go)))
        await backend.start(patient)
        await has_begun(backend, patient)

        write_false_result(tmp_path, patient, FALSE[what])
        await watched(link)
        before = await backend.observe(key_of(patient), offset=0)
        go.touch()
        end = await wait_for_end(backend, patient)

        assert (before.result, before.alive) == (None, True)
        assert end.result is not None
        assert end.result.status is Status.SUCCEEDED
        await backend.discard(key_of(patient))


@pytest.mark.slow
@pytest.mark.parametrize("what", FALSE)
async def test_what_left_nothing_else_is_lost_as_it_is_on_the_servers_machine(
    what: str, objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects) as (backend, link):
        endless = claimed(objects, ENDLESS)
        await backend.start(endless)
        await has_begun(backend, endless)

        there = write_false_result(tmp_path, endless, FALSE[what])
        await asyncio.to_thread(terminate, there)
        end = await wait_for_end(backend, endless)

        assert end.result is not None
        assert end.result.reason is Reason.LOST
        assert end.result.started_at is not None
        assert link.asked.count("read") <= link.asked.count("watch")
        await backend.discard(key_of(endless))


@pytest.mark.slow
async def test_what_is_there_and_does_not_come_is_asked_for_once_a_watch(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook may take away what its journal is read by."""

    def read_nothing(_path: Path, _offset: int, _limit_bytes: int) -> bytes:
        return b""

    read_bounded = partial(files.read_bounded, limit_bytes=LARGEST_RESULT_BYTES)
    async with scene(tmp_path, objects) as (backend, link):
        endless = claimed(objects, ENDLESS)
        monkeypatch.setattr("jupyter_async_exec.backends.dask.news._read_piece", read_nothing)
        await backend.start(endless)
        (there,) = (tmp_path / "machine").rglob(f"attempts/{key_of(endless)}")
        async with asyncio.timeout(30):
            while b"cell_started" not in (read_bounded(there / files.JOURNAL) or b""):
                await asyncio.sleep(0.01)

        await watched(link)

        assert link.asked.count("read") <= link.asked.count("watch")
        await backend.discard(key_of(endless))
