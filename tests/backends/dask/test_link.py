"""The thread that talks to a cluster never holds up a server that stops."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from jupyter_async_exec.backends.dask import link as link_module
from jupyter_async_exec.backends.dask.link import Link
from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.errors import UnavailableError

#: Nobody listens there.
HERE = "tcp://127.0.0.1:1"


async def test_a_link_is_closed_although_something_in_it_does_not_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "CLOSE_S", 0.05)
    link = Link(DaskSettings(address=HERE), store_id="0")
    has_begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hang() -> None:
        loop.call_soon_threadsafe(has_begun.set)
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    waiting = asyncio.ensure_future(link.run(hang()))
    await asyncio.wait_for(has_begun.wait(), 30)

    await asyncio.wait_for(asyncio.to_thread(link.close), 30)

    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert not link._thread.is_alive()


@pytest.mark.parametrize(("address", "n_times"), [("tcp://192.0.2.1:1", 1), (HERE, 0)])
async def test_a_scheduler_that_is_reached_in_the_open_is_said_to_be_so_once(
    address: str,
    n_times: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "CONNECT_TIMEOUT_S", 0.05)
    link = Link(DaskSettings(address=address), store_id="0")

    for _ in range(2):
        with pytest.raises(UnavailableError):
            await link.run(link.identity())

    await asyncio.to_thread(link.close)
    said = [record.getMessage() for record in caplog.records if "TLS" in record.getMessage()]
    assert len(said) == n_times
    assert all(f"the scheduler {address} is not encrypted" in each for each in said)
