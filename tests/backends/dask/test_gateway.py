"""Executions run on clusters of a Gateway, which are not ours to hold."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.settings import ClusterSettings, DaskSettings
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.vault import Vault
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import START_LIMIT_S, become_ready
from tests.backends.dask.gateways import PASSWORD, Gateway, log_in
from tests.backends.dask.steps import has_begun, key_of, nobody_is_left
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("dask_gateway_server") is None, reason="needs dask-gateway-server"
    ),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@asynccontextmanager
async def opened(
    directory: Path, address: str, objects: LocalObjectStore
) -> AsyncIterator[DaskBackend]:
    cluster = ClusterSettings(
        kind="dask_gateway.GatewayCluster", options={"address": address}, maximum=1, idle_s=1.0
    )
    backend = DaskBackend(
        "gateway",
        directory / "dask",
        settings=DaskSettings(cluster=cluster, spares=0),
        objects=objects,
        vault=Vault(directory / "secrets"),
    )
    try:
        yield backend
    finally:
        await backend.close()


def keeper_of(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "dask/cluster/scheduler.json").read_bytes())
    return found


async def has_problem(backend: DaskBackend) -> str:
    async with asyncio.timeout(START_LIMIT_S):
        while (health := await backend.health()).is_usable:
            await asyncio.sleep(0.05)
    return str(health.problem)


async def test_who_is_not_let_in_and_who_gets_no_answer_reads_it(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in log_in("wrong").items():
        monkeypatch.setenv(name, value)
    objects = LocalObjectStore(tmp_path / "objects")
    async with (
        opened(tmp_path / "one", gateway.address, objects) as refused,
        opened(tmp_path / "two", "http://127.0.0.1:1", objects) as unanswered,
    ):
        for backend in (refused, unanswered):
            await backend.expect(1)
        problems = await asyncio.gather(has_problem(refused), has_problem(unanswered))

    assert f"The Gateway {gateway.address} refuses the login (" in problems[0]
    assert "The Gateway http://127.0.0.1:1 does not answer (" in problems[1]


async def test_executions_outlive_server_and_keeper_there_and_the_cluster_goes_at_last(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in log_in(PASSWORD).items():
        monkeypatch.setenv(name, value)
    objects = LocalObjectStore(tmp_path / "objects")
    running = claimed(objects, "open('made.txt', 'w').write('here')", ENDLESS)
    async with opened(tmp_path, gateway.address, objects) as backend:
        await backend.expect(1)
        await become_ready(backend, slots=1)
        await backend.start(running)
        await has_begun(backend, running)
        await backend.expect(0)
    keeper = keeper_of(tmp_path)
    os.kill(keeper["pid"], signal.SIGKILL)

    async with opened(tmp_path, gateway.address, objects) as backend:
        await backend.cancel(key_of(running))
        end = await wait_for_end(backend, running)
        harvest = await backend.harvest(key_of(running), running)
        await backend.discard(key_of(running))
        deadline_s = time.monotonic() + START_LIMIT_S
        cluster = backend._cluster
        assert cluster is not None
        while not cluster.is_kept():
            assert time.monotonic() < deadline_s
            await backend.health()
            await asyncio.sleep(0.05)
        while cluster.is_kept():
            assert time.monotonic() < deadline_s
            await backend.health()
            await asyncio.sleep(0.05)

    assert keeper["address"].startswith("gateway://")
    assert end.result is not None
    assert end.result.status is Status.CANCELLED
    assert [artifact.name for artifact in harvest.artifacts] == ["made.txt"]
    assert objects.get(harvest.artifacts[0].object_id) == b"here"
    assert gateway.log().count("Created cluster") == 1
    assert f"Stopping cluster {keeper['name']}" in gateway.log()
    await asyncio.to_thread(nobody_is_left, running)
