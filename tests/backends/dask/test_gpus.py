"""Workers of one machine give out its GPUs together; tried with ids that need no GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask.agent import Agent
from jupyter_async_exec.backends.dask.installing import gpus_of, resources_of
from jupyter_async_exec.backends.dask.protocol import decode, encode
from jupyter_async_exec.backends.gpus import VISIBLE
from jupyter_async_exec.core.resources import GPU
from jupyter_async_exec.errors import NoRoomError
from tests.backends.dask.nearby import STORE_ID

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.backends.gpus import Gpus
    from jupyter_async_exec.core.resources import Resources


@pytest.fixture(autouse=True)
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "0,1")


def worker(tmp_path: Path, declared: Resources) -> Gpus:
    return gpus_of(tmp_path / "gpus", declared)


async def described(tmp_path: Path, declared: Resources, gpus: Gpus) -> tuple[float, float]:
    """Return how many GPUs an agent says that it has, and how many of these are not free."""
    agent = Agent(
        tmp_path / "machine",
        slots=2,
        find_resources=lambda: resources_of(declared, gpus, None),
        gpus=gpus,
    )
    answer = await agent.answer("introduce", STORE_ID, encode({"options": {}}), b"")
    await agent.close()
    fields = decode(answer["fields"])
    return fields["resources"].get(GPU, 0), fields["used"].get(GPU, 0)


def test_two_workers_with_one_gpu_each_use_both(tmp_path: Path) -> None:
    first, second = (worker(tmp_path, {GPU: 1.0}) for _ in range(2))

    assert first.take(tmp_path / "a", 1)[VISIBLE] == "0"
    assert second.take(tmp_path / "b", 1)[VISIBLE] == "1"


async def test_a_worker_offers_no_more_than_it_declares(tmp_path: Path) -> None:
    for declared, n in (({GPU: 1.0}, 1), ({GPU: 3.0}, 2), ({GPU: 0.0}, 0), ({}, 2)):
        gpus = worker(tmp_path, declared)

        assert await described(tmp_path, declared, gpus) == (n, 0)


def test_what_is_declared_is_there_where_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "")

    assert worker(tmp_path, {GPU: 2.0}).ids == ("0", "1")
    assert worker(tmp_path, {}).ids == ()


async def test_what_another_worker_of_the_machine_has_is_not_offered(tmp_path: Path) -> None:
    first, second = worker(tmp_path, {}), worker(tmp_path, {})
    first.take(tmp_path / "a", 1)
    assert await described(tmp_path, {}, second) == (2, 1)

    first.take(tmp_path / "b", 1)

    assert await described(tmp_path, {}, second) == (2, 2)
    with pytest.raises(NoRoomError):
        second.take(tmp_path / "c", 1)


async def test_a_gpu_that_nobody_needs_of_those_declared_is_offered(tmp_path: Path) -> None:
    first, second = (worker(tmp_path, {GPU: 1.0}) for _ in range(2))

    first.take(tmp_path / "a", 1)

    assert await described(tmp_path, {GPU: 1.0}, second) == (1, 0)
