"""Executions on machines that share no folder, over networks that can be cut."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.clusters import Cluster
from tests.backends.dask.networks import ImpossibleError, Networks, hiding, made_networks
from tests.backends.dask.steps import (
    DaskContract,
    has_begun,
    key_of,
    lost,
    nobody_is_left,
    opened,
)
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: So often the network is cut too, until everybody has noticed, which takes most of a minute.
N_CUTS = int(os.environ.get("CUTS", "0"))


@pytest.fixture(scope="module")
def networks() -> Iterator[Networks]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(made_networks())
        except ImpossibleError as error:
            pytest.skip(str(error))
        yield found


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the server's folder, which no worker sees."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def machines(
    networks: Networks, unseen: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("machines"), host=networks.host) as cluster:
        for network in networks.names:
            cluster.start_worker(network, slots=2, below=hiding(unseen, network))
        yield cluster


class TestDaskBackendAcrossNetworks(DaskContract):
    slots = 4

    @pytest.fixture
    def server(self, unseen: Path, tmp_path: Path) -> Path:
        return unseen / tmp_path.name

    @pytest.fixture
    def workers(self, machines: Cluster) -> Cluster:
        return machines

    @pytest.fixture
    def objects(self, unseen: Path) -> LocalObjectStore:
        return LocalObjectStore(unseen / "objects")


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "server" / "objects")


async def test_machines_that_share_no_folder_run_what_they_are_sent(
    networks: Networks, objects: LocalObjectStore, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "helper.py").write_text("answer = 42")
    server = tmp_path / "server"
    with Cluster(tmp_path, host=networks.host) as cluster:
        for network in networks.names:
            cluster.start_worker(network, slots=1, below=hiding(server, network))
        made = "import helper; print(helper.answer); open('made.bin', 'wb').write(bytes(9_000_000))"
        both = [claimed(objects, made, folder=project) for _ in networks.names]

        async with opened(server, cluster, objects, slots=2) as backend:
            await asyncio.gather(*(backend.start(each) for each in both))
            ends = [await wait_for_end(backend, each) for each in both]
            harvests = [await backend.harvest(key_of(each), each) for each in both]

            assert {end.result.status for end in ends if end.result} == {Status.SUCCEEDED}
            for harvest in harvests:
                assert harvest.log_object is not None
                assert b"42" in objects.get(harvest.log_object)
                (artifact,) = harvest.artifacts
                assert objects.get(artifact.object_id) == bytes(9_000_000)
            for each in both:
                await backend.discard(key_of(each))
            for _ in range(N_CUTS):
                await cut_off(networks, server, cluster, objects)


async def cut_off(
    networks: Networks, server: Path, cluster: Cluster, objects: LocalObjectStore
) -> None:
    """A machine that cannot be heard loses its executions; back again, it throws them away."""
    endless = claimed(objects, ENDLESS)
    async with opened(server, cluster, objects, slots=2, lost_after_s=5.0) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)
        mirror = backend._mirrors[key_of(endless)]
        index = next(i for i in (0, 1) if f".{i + 2}:" in mirror.worker)

        networks.cut(index)
        lost(await wait_for_end(backend, endless))
        await backend.harvest(key_of(endless), endless)
        await backend.discard(key_of(endless))
        networks.mend(index)

        await asyncio.to_thread(nobody_is_left, endless)
