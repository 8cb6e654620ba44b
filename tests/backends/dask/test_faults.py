"""What happens on a cluster when something dies, with a real scheduler and real workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import Cluster, become_ready
from tests.backends.dask.steps import has_begun, key_of, lost, nobody_is_left, opened
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


async def test_runners_end_with_their_worker_and_the_next_one_there_tells_how(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless = claimed(objects, ENDLESS)
    cluster.start_worker("machine 0")
    async with opened(tmp_path, cluster, objects) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)

        cluster.kill("machine 0")
        await asyncio.to_thread(nobody_is_left, endless)
        cluster.start_worker("machine 0 again", machine="machine 0")
        observation = await wait_for_end(backend, endless)
        harvest = await backend.harvest(key_of(endless), endless)

        assert (
            lost(observation) == "The worker below which it ran has ended while cell 1 was running."
        )
        assert harvest.log_object is not None
        assert b"begun" in objects.get(harvest.log_object)
        await backend.discard(key_of(endless))
        assert await backend.attempts() == ()
    cluster.kill("machine 0 again")


async def test_what_ran_on_a_machine_that_vanished_is_lost_with_what_had_come(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless = claimed(objects, ENDLESS)
    cluster.start_worker("machine 1")
    async with opened(tmp_path, cluster, objects, lost_after_s=2.0) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)

        cluster.kill("machine 1")
        observation = await wait_for_end(backend, endless)
        harvest = await backend.harvest(key_of(endless), endless)
        await backend.discard(key_of(endless))

        assert "has not been heard of for 2 s" in lost(observation)
        assert harvest.output_object is not None
        assert b"begun" in objects.get(harvest.output_object)
        assert [remark.kind for remark in harvest.remarks] == ["files_lost"]


async def test_a_new_scheduler_takes_new_executions_and_the_old_ones_are_lost(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless, quick = claimed(objects, ENDLESS), claimed(objects, "print('done')")
    cluster.start_worker("machine 2")
    async with opened(tmp_path, cluster, objects) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)

        cluster.kill("scheduler")
        cluster.kill("machine 2")
        cluster.start_scheduler()
        cluster.start_worker("machine 2 again", machine="machine 2")
        lost(await wait_for_end(backend, endless))
        await become_ready(backend, slots=4)
        await backend.start(quick)
        observation = await wait_for_end(backend, quick)

        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        await backend.discard(key_of(quick))
        await backend.discard(key_of(endless))
    cluster.kill("machine 2 again")
