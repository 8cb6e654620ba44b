"""A cluster grows with what waits, and nobody who runs something is ever ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.keeper import Keeper
from jupyter_async_exec.backends.dask.roster import Worker
from jupyter_async_exec.backends.dask.settings import ClusterSettings, DaskSettings
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.vault import Vault
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.steps import ENDLESS, has_begun, key_of
from tests.backends.executions import claimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

#: A cluster is there, or gone, within this time, on a slow machine too.
LIMIT_S = 240.0


class FakeCluster:
    """Notes what it is asked for."""

    def __init__(self, n: int = 0) -> None:
        self.worker_spec = dict.fromkeys(range(n))
        self.new_spec: object = {"cls": "worker"}
        self.calls: list[Any] = []

    def scale(self, n: int) -> None:
        self.calls.append(n)

    def scale_down(self, names: list[object]) -> None:
        self.calls.append(names)

    def sync(self, act: Any, *arguments: Any) -> None:
        act(*arguments)


class BareCluster:
    """One that ends workers of its own choice."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def scale(self, n: int) -> None:
        self.calls.append(n)


class FakeLink:
    """Every agent says what it was made to say."""

    def __init__(self) -> None:
        self.busy: set[str] = set()

    async def ask(self, worker: str, verb: str, *_: object, **__: object) -> tuple[Any, bytes]:
        assert verb == "retire"
        return {"is_retired": worker not in self.busy}, b""


def make_workers(*busy: int) -> list[Worker]:
    return [Worker(f"tcp://{n}", name=n, slots=2, busy=each) for n, each in enumerate(busy)]


SETTINGS = ClusterSettings(kind="a.B", minimum=0, maximum=4, idle_s=10.0)


async def step(
    keeper: Keeper, workers: list[Worker], *, waiting: int = 0, now_s: float = 0.0, link: Any = None
) -> bool:
    asked: Any = link or FakeLink()
    return await keeper.step(asked, workers, waiting, 0, now_s)


@pytest.mark.parametrize(("waiting", "wanted"), [(1, 1), (2, 1), (3, 2), (100, 4)])
async def test_it_grows_with_what_waits_up_to_its_limit(waiting: int, wanted: int) -> None:
    cluster = FakeCluster(1)
    keeper = Keeper(cluster, SETTINGS)

    await step(keeper, make_workers(0), waiting=waiting)

    assert cluster.calls == ([wanted] if wanted > 1 else [])


async def test_only_who_is_idle_for_long_enough_is_retired() -> None:
    cluster = FakeCluster(3)
    keeper = Keeper(cluster, SETTINGS)

    await step(keeper, make_workers(1, 0, 0))
    assert cluster.calls == []
    assert await step(keeper, make_workers(1, 0, 1), now_s=11.0)

    assert cluster.calls == [[1]]


async def test_who_begins_something_at_the_last_moment_is_left_alone() -> None:
    cluster, link = FakeCluster(1), FakeLink()
    keeper = Keeper(cluster, SETTINGS)
    link.busy.add("tcp://0")

    await step(keeper, make_workers(0))
    await step(keeper, make_workers(0), now_s=11.0, link=link)

    assert cluster.calls == [[]]


async def test_a_cluster_that_chooses_itself_shrinks_only_when_nobody_runs_anything() -> None:
    cluster = BareCluster()
    keeper = Keeper(cluster, SETTINGS)
    await step(keeper, [], waiting=2)
    await step(keeper, make_workers(1, 0), now_s=1.0)
    await step(keeper, make_workers(1, 0), now_s=20.0)
    assert cluster.calls == [2]

    await step(keeper, make_workers(0, 0), now_s=21.0)
    await step(keeper, make_workers(0, 0), now_s=40.0)

    assert cluster.calls == [2, 0]


async def test_it_is_needed_as_long_as_something_waits_or_runs_and_some_time_after() -> None:
    keeper = Keeper(FakeCluster(), SETTINGS)

    assert await step(keeper, make_workers(1))
    assert await step(keeper, [], waiting=1, now_s=100.0)
    assert await step(keeper, [], now_s=101.0)
    assert not await step(keeper, [], now_s=112.0)


@asynccontextmanager
async def opened(tmp_path: Path, objects: LocalObjectStore) -> AsyncIterator[DaskBackend]:
    options = {
        "n_workers": 0,
        "threads_per_worker": 1,
        "dashboard_address": None,
        "local_directory": str(tmp_path / "machine"),
    }
    cluster = ClusterSettings(
        kind="distributed.LocalCluster", options=options, maximum=2, idle_s=1.0
    )
    backend = DaskBackend(
        "grown",
        tmp_path / "dask",
        settings=DaskSettings(cluster=cluster, spares=0),
        objects=objects,
        vault=Vault(tmp_path / "secrets"),
    )
    try:
        yield backend
    finally:
        await backend.close()


async def has_slots(backend: DaskBackend, n: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while (await backend.health()).slots != n:
            await asyncio.sleep(0.1)


@pytest.fixture
def no_keeper_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    path = tmp_path / "dask" / "cluster" / "scheduler.json"
    if path.exists():
        os.kill(json.loads(path.read_bytes())["pid"], signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.usefixtures("no_keeper_is_left")
async def test_a_cluster_comes_outlives_the_server_shrinks_and_goes(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    running = claimed(objects, ENDLESS)
    async with opened(tmp_path, objects) as backend:
        assert (await backend.health()).is_usable
        await backend.expect(2)
        await has_slots(backend, 2)
        await backend.start(running)
        await has_begun(backend, running)
        await backend.expect(0)
        await has_slots(backend, 1)

    async with opened(tmp_path, objects) as backend:
        await backend.cancel(key_of(running))
        observation = await wait_for_end(backend, running)
        assert observation.result is not None
        assert observation.result.status is Status.CANCELLED
        await backend.discard(key_of(running))

        deadline_s = time.monotonic() + LIMIT_S
        cluster = backend._cluster
        assert cluster is not None
        while cluster.is_kept():
            assert time.monotonic() < deadline_s
            await backend.health()
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_why_a_cluster_cannot_be_started_is_said(tmp_path: Path) -> None:
    backend = DaskBackend(
        "wrong",
        tmp_path / "dask",
        settings=DaskSettings(cluster=ClusterSettings(kind="no_such_module.Cluster")),
        objects=LocalObjectStore(tmp_path / "objects"),
        vault=Vault(tmp_path / "secrets"),
    )
    await backend.expect(1)

    async with asyncio.timeout(LIMIT_S):
        while (health := await backend.health()).is_usable:
            await asyncio.sleep(0.1)

    assert health.problem is not None
    assert "no_such_module.Cluster could not be started (ModuleNotFoundError" in health.problem
