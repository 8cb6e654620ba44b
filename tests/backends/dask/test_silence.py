"""What may have begun where nobody answers is never begun again, and is never told wrongly."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.dask import following
from jupyter_async_exec.backends.dask import roster as roster_module
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.errors import ConflictError, UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.result import read_evidence
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.nearby import nearby, opened_nearby, scene
from tests.backends.dask.steps import has_begun, key_of, lost, nobody_is_left
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.01)
    monkeypatch.setattr(following, "WATCH_S", 0.1)
    monkeypatch.setattr(roster_module, "LOOK_S", 0.05)
    monkeypatch.setattr(roster_module, "RETRY_LOOKS", 1)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


#: After so many seconds of silence, what ran is taken for lost.
SOON_S = 0.3


async def test_what_began_without_an_answer_and_is_silent_then_is_not_begun_again(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, link):
        endless = claimed(objects, ENDLESS)
        link.unanswered = {"begin", "watch"}

        await backend.start(endless)
        link.is_cut = True
        observation = await wait_for_end(backend, endless)

        assert observation.is_unreadable
        assert observation.result is not None
        assert observation.result.reason is Reason.LOST
        assert observation.result.message == (
            "Whether any cell ran is not known. "
            "Its worker tcp://near:1 has not been heard of for 0 s."
        )
        link.is_cut, link.unanswered = False, set()
        await backend.discard(key_of(endless))
        await asyncio.to_thread(nobody_is_left, endless)


async def test_what_began_without_an_answer_goes_on(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, link):
        quick = claimed(objects, "print('done')")
        link.unanswered = {"begin"}

        await backend.start(quick)
        observation = await wait_for_end(backend, quick)

        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        assert link.asked.count("begin") == 1


async def test_what_a_queue_or_a_machine_ends_is_lost_and_not_cancelled(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    """Slurm sends SIGTERM to all of a job, which ends an attempt as neatly as a cancel does."""
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, _):
        endless = claimed(objects, ENDLESS)
        await backend.start(endless)
        await has_begun(backend, endless)
        (there,) = (tmp_path / "machine").rglob(f"attempts/{key_of(endless)}")

        os.kill(read_evidence(there)["pid"], signal.SIGTERM)
        observation = await wait_for_end(backend, endless)

        assert lost(observation).startswith("It was told to end by SIGTERM (signal 15) from ")
        await backend.discard(key_of(endless))


async def test_what_nobody_heard_of_waits(objects: LocalObjectStore, tmp_path: Path) -> None:
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, link):
        quick = claimed(objects, "print('done')")
        link.unheard = {"begin"}

        with pytest.raises(UnavailableError):
            await backend.start(quick)

        assert await backend.attempts() == ()


async def test_a_worker_is_heard_of_before_it_is_told_to_begin(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    """What got no answer before that has certainly not begun and need not be lost."""
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, link):
        quick = claimed(objects, "print('done')")
        link.unanswered = {"lacking"}

        with pytest.raises(UnavailableError):
            await backend.start(quick)

        assert "begin" not in link.asked
        assert await backend.attempts() == ()


async def test_what_is_told_too_late_to_begin_does_not(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, link):
        mark = tmp_path / "mark"
        late = claimed(objects, f"open({str(mark)!r}, 'w').close()")
        link.delayed = {"begin"}

        await backend.start(late)
        observation = await wait_for_end(backend, late)
        with pytest.raises(ConflictError):
            await link.deliver()

        assert observation.result is not None
        assert observation.result.started_at is None
        assert not observation.is_unreadable
        await backend.discard(key_of(late))
        assert not mark.exists()


async def test_a_server_that_stops_while_it_starts_something_leaves_it_to_the_next(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless = claimed(objects, ENDLESS)
    async with nearby(tmp_path) as link:
        async with opened_nearby(tmp_path, link, objects) as backend:
            link.hanging = {"begin"}
            starting = asyncio.ensure_future(backend.start(endless))
            await asyncio.wait_for(link.hangs.wait(), 30)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting

            assert await backend.attempts() == (key_of(endless),)

        async with opened_nearby(tmp_path, link, objects) as backend:
            await has_begun(backend, endless)
            await backend.discard(key_of(endless))
            await asyncio.to_thread(nobody_is_left, endless)


async def test_what_the_next_server_finds_running_takes_room_once(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless = replace(claimed(objects, ENDLESS), resources={"memory_gb": 0.5})
    async with nearby(tmp_path, resources={"memory_gb": 2.0}) as link:
        async with opened_nearby(tmp_path, link, objects) as backend:
            await backend.start(endless)
            (before,) = (await backend.health()).rooms

        async with opened_nearby(tmp_path, link, objects) as backend:
            await has_begun(backend, endless)
            async with asyncio.timeout(30):
                while (await backend.health()).rooms != (before,):
                    await asyncio.sleep(0.01)
            await backend.discard(key_of(endless))

    # Whoever asks for room counts what is held by itself.
    assert before.slots == 4
    assert before.resources == {"memory_gb": 2.0}
    assert before.held == {endless.id}


async def test_a_notebook_that_came_whole_is_kept_although_its_machine_is_gone(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects, lost_after_s=SOON_S) as (backend, link):
        quick = claimed(objects, "print('done')", "open('made', 'w').write('lost')")
        await backend.start(quick)
        await wait_for_end(backend, quick)
        key = AttemptKey(quick.id, quick.attempt)

        link.is_cut = True
        async with asyncio.timeout(30):
            while not backend._mirrors[key].is_gone:
                await asyncio.sleep(0.01)
        observation = await backend.observe(key, offset=0)
        harvest = await backend.harvest(key, quick)

        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        assert harvest.output_object is not None
        assert b"done" in objects.get(harvest.output_object)
        assert harvest.journal_object is not None
        assert harvest.log_object is not None
        assert [remark.kind for remark in harvest.remarks] == ["files_lost"]


async def test_a_server_that_only_cancels_follows_no_longer_than_there_is_something(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with (
        nearby(tmp_path) as link,
        opened_nearby(tmp_path, link, objects) as backend,
        opened_nearby(tmp_path, link, objects) as standby,
    ):
        endless = claimed(objects, ENDLESS)
        await backend.start(endless)
        await has_begun(backend, endless)

        await standby.cancel(key_of(endless))
        await wait_for_end(backend, endless)
        assert key_of(endless) in standby._mirrors
        await backend.discard(key_of(endless))

        async with asyncio.timeout(30):
            while standby._mirrors:
                await asyncio.sleep(0.01)
