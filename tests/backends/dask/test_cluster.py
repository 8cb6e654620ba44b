"""A cluster grows with what waits, and nobody who runs something is ever ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.settings import ClusterSettings, DaskSettings
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.vault import Vault
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.steps import has_begun, key_of
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

#: A cluster is there, or gone, within this time, on a slow machine too.
LIMIT_S = 240.0


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
