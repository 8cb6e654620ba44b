"""Whether there is work is said as long as there is, and no longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_async_exec.activity import ActivityWatch
from jupyter_async_exec.testing.factories import make_submission

if TYPE_CHECKING:
    from datetime import datetime

    import pytest

    from jupyter_async_exec.store import ExecutionStore

DEADLINE_S = 30.0


async def test_what_waits_or_runs_is_activity_until_it_is_over(store: ExecutionStore) -> None:
    noted: list[datetime] = []
    watch = ActivityWatch(store, noted.append, interval_s=0.001)
    accepted, _ = store.accept(make_submission())

    watch.start()
    async with asyncio.timeout(DEADLINE_S):
        while len(noted) < 3:
            await asyncio.sleep(0.001)
        was_unfinished = watch.n_unfinished
        store.request_cancel(accepted.number)
        while watch.n_unfinished:
            await asyncio.sleep(0.001)
    n_noted = len(noted)
    async with asyncio.timeout(DEADLINE_S):
        # One more look, at what another process did.
        store.accept(make_submission())
        while len(noted) == n_noted:
            await asyncio.sleep(0.001)
    await watch.stop()

    assert was_unfinished == 1
    assert noted == sorted(noted)


async def test_a_store_that_does_not_answer_leaves_the_last_answer(
    store: ExecutionStore, caplog: pytest.LogCaptureFixture
) -> None:
    noted: list[datetime] = []
    watch = ActivityWatch(store, noted.append, interval_s=0.001)
    store.accept(make_submission())
    watch.start()
    async with asyncio.timeout(DEADLINE_S):
        while not noted:
            await asyncio.sleep(0.001)

        store.close()
        while "looked up later" not in caplog.text:
            await asyncio.sleep(0.001)
        await watch.stop()

    assert watch.n_unfinished == 1
