"""What others on the way could read is not told them, and is said to be so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask.privacy import is_private
from jupyter_async_exec.backends.dask.roster import Worker
from jupyter_async_exec.core.secret_names import hide
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.objects.local import LocalObjectStore
from tests.backends.dask.nearby import scene
from tests.backends.executions import claimed

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

HERE, THERE = "tcp://127.0.0.1:40001", "tcp://10.0.0.2:40001"
SECRETS: JSONObject = {"token": "do not tell"}


@pytest.mark.parametrize(
    "address",
    [
        HERE,
        "tcp://127.0.0.2:1",
        "tcp://[::1]:1",
        "tcp://localhost:1",
        "inproc://10.0.0.2/1/1",
        "tls://10.0.0.2:1",
        "wss://node:1",
        "gateway://gateway.example.org:443/ada.1",
    ],
)
def test_what_is_encrypted_or_stays_here_is_private(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize(
    "address", [THERE, "tcp://[fe80::1]:1", "ws://node:1", "tcp://127.0.0.1.example.org:1", ""]
)
def test_what_crosses_a_network_in_the_open_is_not(address: str) -> None:
    assert not is_private(address)


@pytest.mark.parametrize(
    ("worker", "scheduler"),
    [
        (Worker(HERE), THERE),
        (Worker(HERE, is_direct=False), HERE),
        (Worker(HERE, is_direct=False), "tls://10.0.0.1:8786"),
        (Worker("tls://10.1.0.1:1", is_direct=False), "gateway://example.org:443/ada.1"),
    ],
)
async def test_secrets_go_where_nobody_on_the_way_can_read_them(
    worker: Worker, scheduler: str, tmp_path: Path
) -> None:
    assert await secrets_for(worker, scheduler, tmp_path) == SECRETS


@pytest.mark.parametrize(
    ("worker", "scheduler", "said"),
    [
        (Worker(THERE), HERE, THERE),
        (Worker(THERE, is_direct=False), HERE, THERE),
        # What it calls its own machine is not ours.
        (Worker(HERE, is_direct=False), "tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
    ],
)
async def test_secrets_do_not_go_through_what_others_can_read(
    worker: Worker, scheduler: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequestError, match=f"not sent to {said}, because"):
        await secrets_for(worker, scheduler, tmp_path)


async def secrets_for(worker: Worker, scheduler: str, tmp_path: Path) -> object:
    """Return what a worker is told of an execution's secrets."""
    objects = LocalObjectStore(tmp_path / "objects")
    async with scene(tmp_path, objects) as (backend, link):
        link.scheduler = scheduler
        execution = replace(claimed(objects, "1"), parameters={"token": hide("0" * 8)})
        backend._vault.put(execution.id, SECRETS)
        return await backend._read_secrets(execution, worker)
