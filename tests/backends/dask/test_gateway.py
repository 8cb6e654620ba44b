"""Executions run on clusters of a Gateway, which are not ours to hold."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from tests.backends.dask.gateways import PASSWORD, Gateway, log_in
from tests.backends.dask.keepers import LIMIT_S, kill_server_and_keeper, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_async_exec.backends.dask.backend import DaskBackend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("dask_gateway_server") is None, reason="needs dask-gateway-server"
    ),
]
CLUSTER = "dask_gateway.GatewayCluster"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def has_problem(backend: DaskBackend) -> str:
    async with asyncio.timeout(LIMIT_S):
        while (health := await backend.health()).is_usable:
            await asyncio.sleep(0.05)
    return str(health.problem)


async def test_who_is_not_let_in_and_who_gets_no_answer_reads_it(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in log_in("wrong").items():
        monkeypatch.setenv(name, value)
    objects = LocalObjectStore(tmp_path / "objects")
    there, nowhere = {"address": gateway.address}, {"address": "http://127.0.0.1:1"}
    async with (
        opened(tmp_path / "one", objects, CLUSTER, there) as refused,
        opened(tmp_path / "two", objects, CLUSTER, nowhere) as unanswered,
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

    story = await kill_server_and_keeper(tmp_path, objects, CLUSTER, {"address": gateway.address})

    assert story.cluster["address"].startswith("gateway://")
    assert story.result.status is Status.CANCELLED
    assert story.files == {"made.txt": b"here"}
    assert gateway.log().count("Created cluster") == 1
    assert f"Stopping cluster {story.cluster['name']}" in gateway.log()
