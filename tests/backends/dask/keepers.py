"""Backends whose cluster is held by a keeper, for tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.settings import ClusterSettings, DaskSettings
from jupyter_async_exec.runner.vault import Vault
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import become_ready
from tests.backends.dask.steps import has_begun, key_of, nobody_is_left
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jupyter_async_exec.objects.local import LocalObjectStore
    from jupyter_async_exec.runner.result import Result

#: A cluster is there, or gone, within this time, on a slow machine too.
LIMIT_S = 240.0


@asynccontextmanager
async def opened(
    directory: Path,
    objects: LocalObjectStore,
    kind: str,
    options: dict[str, Any],
    *,
    maximum: int = 1,
) -> AsyncIterator[DaskBackend]:
    """Open a backend, as one server after the other does on the same folder."""
    cluster = ClusterSettings(kind=kind, options=options, maximum=maximum, idle_s=1.0)
    backend = DaskBackend(
        "grown",
        directory / "dask",
        settings=DaskSettings(cluster=cluster, spares=0),
        objects=objects,
        vault=Vault(directory / "secrets"),
    )
    try:
        yield backend
    finally:
        await backend.close()


def cluster_of(directory: Path) -> dict[str, Any]:
    """Return what the keeper says of its cluster."""
    found: dict[str, Any] = json.loads((directory / "dask/cluster/scheduler.json").read_bytes())
    return found


def end_keeper(directory: Path) -> None:
    """Have the keeper end its cluster, if there is still one."""
    if (directory / "dask/cluster/scheduler.json").exists():
        os.kill(cluster_of(directory)["pid"], signal.SIGTERM)


async def has_slots(backend: DaskBackend, n: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while (await backend.health()).slots != n:
            await asyncio.sleep(0.1)


async def has_gone(backend: DaskBackend) -> None:
    """Wait until the cluster has ended."""
    await _is_kept(backend, False)


async def _is_kept(backend: DaskBackend, wanted: bool) -> None:
    cluster = backend._cluster
    assert cluster is not None
    async with asyncio.timeout(LIMIT_S):
        while await asyncio.to_thread(cluster.is_kept) is not wanted:
            await backend.health()
            await asyncio.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Story:
    """What became of an execution, and of its cluster."""

    result: Result
    files: dict[str, bytes]
    cluster: dict[str, Any]


async def kill_server_and_keeper(
    directory: Path, objects: LocalObjectStore, kind: str, options: dict[str, Any]
) -> Story:
    """Run something on a cluster that outlives us, and cancel it as the next server."""
    running = claimed(objects, "open('made.txt', 'w').write('here')", ENDLESS)
    key = key_of(running)
    try:
        async with opened(directory, objects, kind, options) as backend:
            await backend.expect(1)
            await become_ready(backend, slots=1)
            await backend.start(running)
            await has_begun(backend, running)
        cluster = cluster_of(directory)
        os.kill(cluster["pid"], signal.SIGKILL)

        async with opened(directory, objects, kind, options) as backend:
            await backend.cancel(key)
            end = await wait_for_end(backend, running)
            harvest = await backend.harvest(key, running)
            await backend.discard(key)
            await _is_kept(backend, True)
            await has_gone(backend)
    finally:
        end_keeper(directory)
    await asyncio.to_thread(nobody_is_left, running)
    assert end.result is not None
    made = {each.name: objects.get(each.object_id) for each in harvest.artifacts}
    return Story(end.result, made, cluster)
