"""The Dask backend holds the contract, with a real scheduler and real workers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import KernelMissingError, UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import START_LIMIT_S, Cluster
from tests.backends.dask.steps import DaskContract, has_begun, key_of, nobody_is_left, opened
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.start_worker("one")
        cluster.start_worker("two")
        yield cluster


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


class TestDaskBackend(DaskContract):
    slots = 8

    @pytest.fixture
    def workers(self, cluster: Cluster) -> Cluster:
        return cluster


async def test_executions_go_on_without_the_server_and_the_next_one_reads_on(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    waiting = claimed(
        objects,
        "print('begun', flush=True)\nimport os, time",
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.05)",
        "open('made.txt', 'w').write('here')",
    )
    async with opened(tmp_path, cluster, objects, slots=8) as backend:
        await backend.start(waiting)
        await has_begun(backend, waiting)
    gate.touch()

    async with opened(tmp_path, cluster, objects, slots=8) as backend:
        assert await backend.attempts() == (key_of(waiting),)
        observation = await wait_for_end(backend, waiting)
        harvest = await backend.harvest(key_of(waiting), waiting)

        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        assert [artifact.name for artifact in harvest.artifacts] == ["made.txt"]
        assert objects.get(harvest.artifacts[0].object_id) == b"here"


async def test_what_was_given_up_is_thrown_away_when_its_machine_is_back(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    """As after a partition: the server has discarded the attempt, the worker never heard of it."""
    endless = claimed(objects, ENDLESS)
    async with opened(tmp_path, cluster, objects, slots=8) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)
    (mirror,) = (tmp_path / "dask" / "attempts").iterdir()
    mirror.rename(tmp_path / "forgotten")

    async with opened(tmp_path, cluster, objects, slots=8):
        await asyncio.to_thread(nobody_is_left, endless)

        assert list(cluster.directory.rglob(f"attempts/{key_of(endless)}")) == []


async def test_room_and_kernels_are_the_workers(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with opened(tmp_path, cluster, objects, slots=8) as backend:
        foreign = replace(claimed(objects, "1"), kernel_name="no-such-kernel")
        with pytest.raises(KernelMissingError, match="no-such-kernel"):
            await backend.start(foreign)

        running = [claimed(objects, ENDLESS) for _ in range(8)]
        await asyncio.gather(*(backend.start(each) for each in running))
        with pytest.raises(UnavailableError):
            await backend.start(claimed(objects, "1"))

        assert len(await backend.attempts()) == 8
        await asyncio.gather(*(backend.discard(key_of(each)) for each in running))
        for each in running:
            await asyncio.to_thread(nobody_is_left, each)


async def test_who_collects_others_has_their_files_there_and_its_metrics_are_live(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    path = "collected-executions/7/scores.json"
    handed = {
        "files": [{"path": path, "object_id": objects.put(b'{"score": 0.5}')}],
        "note": None,
    }
    collecting = claimed(
        objects,
        "import json, os, time\nfrom jupyter_async_exec import log_metric",
        f"log_metric('best', json.load(open({path!r}))['score'])",
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.05)",
    )
    collecting = replace(collecting, provenance={"handed": handed})
    async with opened(tmp_path, cluster, objects, slots=8) as backend:
        await backend.start(collecting)
        metrics: list[MetricRecorded] = []
        offset = 0
        async with asyncio.timeout(START_LIMIT_S):
            while not metrics:
                await backend.wait(key_of(collecting), timeout_s=0.05)
                seen = await backend.observe(key_of(collecting), offset=offset)
                assert seen.result is None
                metrics += [each for each in seen.events if isinstance(each, MetricRecorded)]
                offset = seen.offset
        gate.touch()
        end = await wait_for_end(backend, collecting)
        harvest = await backend.harvest(key_of(collecting), collecting)
        await backend.discard(key_of(collecting))

        assert [(metric.name, metric.value) for metric in metrics] == [("best", 0.5)]
        assert end.result is not None
        assert end.result.status is Status.SUCCEEDED
        # What it was handed is none of its own files.
        assert harvest.artifacts == ()


async def test_what_only_the_scheduler_reaches_gives_its_files_through_it(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    made = claimed(objects, "import os\nopen('made', 'wb').write(os.urandom(200_000))")
    async with opened(tmp_path, cluster, objects, slots=8) as backend:
        for worker in backend._connection.roster.workers:
            worker.is_direct = False

        await backend.start(made)
        await wait_for_end(backend, made)
        harvest = await backend.harvest(key_of(made), made)
        await backend.discard(key_of(made))

        (artifact,) = harvest.artifacts
        assert len(objects.get(artifact.object_id)) == 200_000
