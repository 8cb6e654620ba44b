"""The Dask backend holds the contract, with a real scheduler and real workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.vault import Vault
from jupyter_async_exec.testing.backend_contract import BackendContract
from tests.backends.dask.clusters import Cluster, become_ready
from tests.backends.executions import claimed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.start_worker("one")
        cluster.start_worker("two")
        yield cluster


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


class TestDaskBackend(BackendContract):
    @pytest.fixture
    def backend(
        self, tmp_path: Path, cluster: Cluster, objects: LocalObjectStore
    ) -> Iterator[DaskBackend]:
        backend = DaskBackend(
            "cluster",
            tmp_path / "dask",
            settings=DaskSettings(address=cluster.address, spares=0),
            objects=objects,
            vault=Vault(tmp_path / "secrets"),
        )
        asyncio.run(become_ready(backend, slots=8))
        yield backend
        asyncio.run(backend.close())

    @pytest.fixture
    def quick(self, objects: LocalObjectStore) -> Execution:
        return claimed(objects, "print('done')")

    @pytest.fixture
    def endless(self, objects: LocalObjectStore) -> Execution:
        return claimed(objects, "print('begun', flush=True)\nimport time\ntime.sleep(600)")
