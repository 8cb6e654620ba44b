"""A cluster that the configuration describes comes when it is needed, and goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask.cluster import _environment
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.keepers import LIMIT_S, end_keeper, has_gone, has_slots, opened
from tests.backends.dask.steps import has_begun, key_of
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
LOCAL = "distributed.LocalCluster"


@pytest.fixture
def no_keeper_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    end_keeper(tmp_path)


@pytest.mark.usefixtures("no_keeper_is_left")
async def test_a_cluster_comes_outlives_the_server_shrinks_and_goes(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    running = claimed(objects, ENDLESS)
    options = {
        "n_workers": 0,
        "threads_per_worker": 1,
        "dashboard_address": None,
        "local_directory": str(tmp_path / "machine"),
    }
    async with opened(tmp_path, objects, LOCAL, options, maximum=2) as backend:
        assert (await backend.health()).is_usable
        await backend.expect(2)
        await has_slots(backend, 2)
        await backend.start(running)
        await has_begun(backend, running)
        await backend.expect(0)
        await has_slots(backend, 1)

    async with opened(tmp_path, objects, LOCAL, options, maximum=2) as backend:
        await backend.cancel(key_of(running))
        observation = await wait_for_end(backend, running)
        await backend.discard(key_of(running))
        await has_gone(backend)

    assert observation.result is not None
    assert observation.result.status is Status.CANCELLED


def test_what_opens_the_database_goes_to_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_ASYNC_EXEC_STORE_URL", "postgresql://ada:s@host/executions")
    monkeypatch.setenv("PGPASSWORD", "s")
    monkeypatch.setenv("AWS_PROFILE", "of the workers")

    inherited = _environment(None)

    assert "s@host" not in str(inherited)
    assert "PGPASSWORD" not in inherited
    assert inherited["AWS_PROFILE"] == "of the workers"


async def test_why_a_cluster_cannot_be_started_is_said(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    async with opened(tmp_path, objects, "no_such_module.Cluster", {}) as backend:
        await backend.expect(1)
        async with asyncio.timeout(LIMIT_S):
            while (health := await backend.health()).is_usable:
                await asyncio.sleep(0.1)

    assert health.problem is not None
    assert "no_such_module.Cluster could not be started (ModuleNotFoundError" in health.problem
