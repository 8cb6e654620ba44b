"""Another program holds the lock of the database for long.

The short form holds it for two seconds, the long form (``make faults``, or LOCK_S=60) for a
minute.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import CellFinished, CellStarted, ExecutionStarted
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.dispatcher import Dispatcher
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import make_submission
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

LOCK_S = float(os.environ.get("LOCK_S", "2"))
BUSY = "The store is busy: another program holds its lock. Try again."
#: More than the threads that a server shares among all that waits.
N_CALLERS = 16
N_RUNNING = 8


@contextmanager
def foreign_lock(path: Path) -> Iterator[None]:
    """Hold the lock as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExecutionStore]:
    store = ExecutionStore(f"sqlite:///{tmp_path / 'store.sqlite'}", busy_timeout_s=0.5)
    yield store
    store.close()


@asynccontextmanager
async def dispatching(
    store: ExecutionStore, backend: ScriptedBackend, folder: Path
) -> AsyncIterator[None]:
    dispatcher = Dispatcher(
        store=store,
        backends={"local": backend},
        lock_path=folder / "dispatcher.lock",
        slots=lambda: N_RUNNING,
    )
    dispatcher.start()
    try:
        yield
    finally:
        await dispatcher.stop()


async def test_who_submits_hears_it_who_reads_is_served_and_what_ends_is_recorded_later(
    store: ExecutionStore, tmp_path: Path
) -> None:
    backend = ScriptedBackend()
    for _ in range(N_RUNNING):
        store.accept(make_submission())
    async with dispatching(store, backend, tmp_path), asyncio.timeout(LOCK_S + 60):
        while len(backend.attempts_by_number) < N_RUNNING:
            await asyncio.sleep(0.01)

        with foreign_lock(tmp_path / "store.sqlite"):
            began_s = time.monotonic()
            for number, attempt in backend.attempts_by_number.items():
                attempt.events += [
                    ExecutionStarted(at=utc_now(), cells_total=1),
                    CellStarted(at=utc_now(), cell_index=0),
                    CellFinished(at=utc_now(), cell_index=0),
                ]
                backend.end(number)
            refused = await asyncio.gather(
                *(asyncio.to_thread(store.accept, make_submission()) for _ in range(N_CALLERS)),
                return_exceptions=True,
            )
            while True:
                page = await asyncio.to_thread(store.find, ExecutionQuery())
                assert len(page.executions) == N_RUNNING
                if time.monotonic() - began_s >= LOCK_S:
                    break
        while store.counts().running:
            await asyncio.sleep(0.01)

    assert {type(each) for each in refused} == {UnavailableError}
    assert {str(each) for each in refused} == {BUSY}
    page = store.find(ExecutionQuery())
    assert [each.status for each in page.executions] == [Status.SUCCEEDED] * N_RUNNING
    assert [each.cells_done for each in page.executions] == [1] * N_RUNNING


def test_once_the_lock_is_known_to_be_held_nobody_waits_for_it(
    store: ExecutionStore, tmp_path: Path
) -> None:
    with foreign_lock(tmp_path / "store.sqlite"):
        with pytest.raises(UnavailableError, match="busy"):
            store.accept(make_submission())
        # Callers in a row, each of whom would have waited for the whole patience.
        for _ in range(3):
            with pytest.raises(UnavailableError, match="busy"):
                store.accept(make_submission())

    assert store.accept(make_submission())[0].number == 1


def test_a_store_that_waits_for_a_lock_can_be_closed(tmp_path: Path) -> None:
    store = ExecutionStore(f"sqlite:///{tmp_path / 'store.sqlite'}", busy_timeout_s=0.3)
    store.accept(make_submission())
    with foreign_lock(tmp_path / "store.sqlite"):
        with pytest.raises(UnavailableError, match="busy"):
            store.accept(make_submission())

        closing_it = threading.Thread(target=store.close)
        closing_it.start()
        closing_it.join(30)

        assert not closing_it.is_alive()
