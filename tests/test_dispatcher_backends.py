"""The dispatcher between several backends, each with room of its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.base import Health
from jupyter_async_exec.core.execution import Execution, Reason
from jupyter_async_exec.core.resources import Room
from jupyter_async_exec.dispatcher import Dispatcher, loop
from jupyter_async_exec.errors import KernelMissingError, UnavailableError
from jupyter_async_exec.testing.factories import make_submission
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from jupyter_async_exec.store import ExecutionStore


@pytest.fixture
def here() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def far() -> ScriptedBackend:
    far = ScriptedBackend("far")
    far.health_result = Health(slots=2)
    return far


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "HEALTH_INTERVAL_S", 0.02)
    monkeypatch.setattr(loop, "IDLE_INTERVAL_S", 0.02)


@asynccontextmanager
async def dispatching(
    store: ExecutionStore, tmp_path: Path, *backends: ScriptedBackend, slots: int = 1
) -> AsyncIterator[None]:
    dispatcher = Dispatcher(
        store=store,
        backends={backend.name: backend for backend in backends},
        lock_path=tmp_path / "dispatcher.lock",
        slots=lambda: slots,
        start_pause_s=0.05,
    )
    dispatcher.start()
    try:
        yield
    finally:
        await dispatcher.stop()


def submit(store: ExecutionStore, backend: str) -> Execution:
    return store.accept(make_submission(backend=backend))[0]


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():
            await asyncio.sleep(0.005)


async def test_each_backend_has_slots_of_its_own(
    store: ExecutionStore, here: ScriptedBackend, far: ScriptedBackend, tmp_path: Path
) -> None:
    for name in ("local", "far", "local", "far", "far"):
        submit(store, name)

    async with dispatching(store, tmp_path, here, far):
        await until(lambda: len(far.started) == 2 and len(here.started) == 1)
        far.end(2)

        await until(lambda: len(far.started) == 3)
        assert len(here.started) == 1


async def test_a_backend_without_room_starts_when_it_has_some(
    store: ExecutionStore, here: ScriptedBackend, far: ScriptedBackend, tmp_path: Path
) -> None:
    far.health_result = Health(slots=0, problem="far: the scheduler has no workers.")
    submit(store, "far")
    submit(store, "local")

    async with dispatching(store, tmp_path, here, far):
        await until(lambda: len(here.started) == 1)
        assert far.started == []

        far.health_result = Health(slots=1)
        await until(lambda: len(far.started) == 1)


async def test_who_needs_a_gpu_waits_for_one_and_holds_up_nobody_else(
    store: ExecutionStore, far: ScriptedBackend, tmp_path: Path
) -> None:
    far.health_result = Health(slots=4, rooms=(Room(slots=4, resources={"GPU": 1}),))
    for resources in ({"GPU": 1.0}, {"GPU": 1.0}, {}):
        store.accept(make_submission(backend="far", resources=resources))

    async with dispatching(store, tmp_path, far):
        await until(lambda: len(far.started) == 2)
        assert sorted(far.attempts_by_number) == [1, 3]
        far.end(1)

        await until(lambda: 2 in far.attempts_by_number)


async def test_a_backend_that_refuses_holds_up_no_other(
    store: ExecutionStore, here: ScriptedBackend, far: ScriptedBackend, tmp_path: Path
) -> None:
    far.start_error = UnavailableError("far: every worker is busy.")
    waiting = submit(store, "far")

    async with dispatching(store, tmp_path, here, far):
        await until(lambda: store.get(waiting.id).attempt > 0)
        submit(store, "local")

        await until(lambda: len(here.started) == 1)
        far.start_error = None
        await until(lambda: len(far.started) == 1)


async def test_a_kernel_that_is_missing_there_is_the_reason(
    store: ExecutionStore, far: ScriptedBackend, tmp_path: Path
) -> None:
    far.start_error = KernelMissingError("No worker of far has the kernel 'ir'.")
    execution = submit(store, "far")

    async with dispatching(store, tmp_path, far):
        await until(lambda: store.get(execution.id).is_final)

    assert store.get(execution.id).reason is Reason.KERNEL_MISSING
