"""Ways to open the Dask backend and to look at its executions, for tests."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.runner.processes import find_marked
from jupyter_async_exec.runner.vault import Vault
from tests.backends.dask.clusters import START_LIMIT_S, Cluster, become_ready
from tests.backends.executions import ClaimedContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from jupyter_async_exec.backends.base import Observation
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore


def make_backend(
    directory: Path, cluster: Cluster, objects: ObjectStore, settings: DaskSettings | None = None
) -> DaskBackend:
    """Return a backend whose folder is in `directory`."""
    return DaskBackend(
        "cluster",
        directory / "dask",
        settings=settings or DaskSettings(address=cluster.address, spares=0),
        objects=objects,
        vault=Vault(directory / "secrets"),
    )


class DaskContract(ClaimedContract):
    """The contract on a real cluster: override `server` and `workers`."""

    #: Of all workers together.
    slots: ClassVar[int]

    @pytest.fixture
    def server(self, tmp_path: Path) -> Path:
        """Return the server's folder."""
        return tmp_path

    @pytest.fixture
    def workers(self) -> Cluster:
        raise NotImplementedError

    @pytest.fixture
    def backend(
        self, server: Path, workers: Cluster, objects: ObjectStore
    ) -> Iterator[DaskBackend]:
        backend = make_backend(server, workers, objects)
        asyncio.run(become_ready(backend, slots=self.slots))
        yield backend
        asyncio.run(backend.close())


@asynccontextmanager
async def opened(
    directory: Path,
    cluster: Cluster,
    objects: ObjectStore,
    *,
    slots: int = 4,
    lost_after_s: float = 600.0,
    options: DaskSettings | None = None,
) -> AsyncIterator[DaskBackend]:
    """Open a backend, as one server after the other does on the same folder."""
    settings = options or DaskSettings(
        scheduler_file=str(cluster.scheduler_file), spares=0, lost_after_s=lost_after_s
    )
    backend = make_backend(directory, cluster, objects, settings)
    try:
        await become_ready(backend, slots=slots)
        yield backend
    finally:
        await backend.close()


def key_of(execution: Execution) -> AttemptKey:
    return AttemptKey(execution.id, execution.attempt)


async def has_begun(backend: DaskBackend, execution: Execution) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        while True:
            await backend.observe(key_of(execution), offset=0)
            log, _ = await backend.read_log(key_of(execution), offset=0, limit_bytes=1000)
            if b"begun" in log:
                return
            await asyncio.sleep(0.05)


def nobody_is_left(execution: Execution) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while find_marked(str(key_of(execution))):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def lost(observation: Observation) -> str:
    assert observation.result is not None
    assert observation.result.status is Status.FAILED
    assert observation.result.reason is Reason.LOST
    assert observation.result.started_at is not None
    assert observation.result.message is not None
    return observation.result.message
