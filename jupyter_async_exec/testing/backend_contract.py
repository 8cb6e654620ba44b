"""What every backend has to hold: subclass, override two fixtures, and run it with pytest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.events import CellStarted
from jupyter_async_exec.core.execution import Reason, Status

if TYPE_CHECKING:
    from jupyter_async_exec.backends.base import Backend, Observation
    from jupyter_async_exec.core.execution import Execution

#: An execution of the contract is over after this time, or something is wrong.
LIMIT_S = 60.0
LOOK_INTERVAL_S = 0.05


class BackendContract:
    """Override `backend`, `quick` and `endless`; every test has to pass."""

    @pytest.fixture
    def backend(self) -> Backend:
        """Return the backend under test, empty."""
        raise NotImplementedError

    @pytest.fixture
    def quick(self) -> Execution:
        """Return a claimed execution that prints something and succeeds by itself."""
        raise NotImplementedError

    @pytest.fixture
    def endless(self) -> Execution:
        """Return a claimed execution that prints ``begun`` and then never ends by itself."""
        raise NotImplementedError

    async def test_an_execution_runs_to_its_end(self, backend: Backend, quick: Execution) -> None:
        await backend.start(quick)

        observation = await wait_for_end(backend, quick)

        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        assert observation.result.attempt == quick.attempt

    async def test_what_it_leaves_behind_can_be_harvested_and_is_then_discarded(
        self, backend: Backend, quick: Execution
    ) -> None:
        await backend.start(quick)
        await wait_for_end(backend, quick)

        harvest = await backend.harvest(_key(quick), quick)
        await backend.discard(_key(quick))

        assert harvest.output_object is not None
        assert await backend.attempts() == ()

    async def test_harvesting_twice_gives_the_same(
        self, backend: Backend, quick: Execution
    ) -> None:
        await backend.start(quick)
        await wait_for_end(backend, quick)

        first = await backend.harvest(_key(quick), quick)

        assert await backend.harvest(_key(quick), quick) == first

    async def test_starting_twice_is_starting_once(
        self, backend: Backend, endless: Execution
    ) -> None:
        await backend.start(endless)
        await backend.start(endless)

        assert await backend.attempts() == (_key(endless),)
        await backend.cancel(_key(endless))
        await wait_for_end(backend, endless)

    async def test_a_cancelled_execution_ends_and_keeps_what_it_printed(
        self, backend: Backend, endless: Execution
    ) -> None:
        await backend.start(endless)
        async with asyncio.timeout(LIMIT_S):
            while b"begun" not in await _log(backend, endless):
                await asyncio.sleep(LOOK_INTERVAL_S)

        await backend.cancel(_key(endless))
        await backend.cancel(_key(endless))
        observation = await wait_for_end(backend, endless)

        assert observation.result is not None
        assert observation.result.status is Status.CANCELLED
        assert b"begun" in await _log(backend, endless)
        assert await backend.read_notebook(_key(endless)) is not None

    async def test_what_it_does_is_seen_while_it_does_it(
        self, backend: Backend, endless: Execution
    ) -> None:
        await backend.start(endless)
        async with asyncio.timeout(LIMIT_S):
            while b"begun" not in await _log(backend, endless):
                await backend.wait(_key(endless), timeout_s=LOOK_INTERVAL_S)

        observation = await backend.observe(_key(endless), offset=0)
        later = await backend.observe(_key(endless), offset=observation.offset)
        notebook = await backend.read_notebook(_key(endless))

        assert observation.alive
        assert observation.result is None
        assert any(isinstance(event, CellStarted) for event in observation.events)
        assert not any(isinstance(event, CellStarted) for event in later.events)
        assert notebook is not None
        assert b"begun" in notebook
        await backend.discard(_key(endless))

    async def test_discarding_ends_whatever_still_runs(
        self, backend: Backend, endless: Execution
    ) -> None:
        await backend.start(endless)

        await backend.discard(_key(endless))

        assert not (await backend.observe(_key(endless), offset=0)).alive
        assert await backend.attempts() == ()

    async def test_an_attempt_nobody_knows_is_lost_before_it_began(
        self, backend: Backend, quick: Execution
    ) -> None:
        observation = await backend.observe(_key(quick), offset=0)

        assert not observation.alive
        assert observation.result is not None
        assert observation.result.reason is Reason.LOST
        assert observation.result.started_at is None

    async def test_an_attempt_nobody_knows_can_be_cancelled_harvested_and_discarded(
        self, backend: Backend, quick: Execution
    ) -> None:
        await backend.cancel(_key(quick))
        harvest = await backend.harvest(_key(quick), quick)
        await backend.discard(_key(quick))

        assert harvest.output_object is None
        assert await backend.read_notebook(_key(quick)) is None
        assert await _log(backend, quick) == b""


def _key(execution: Execution) -> AttemptKey:
    return AttemptKey(execution.id, execution.attempt)


async def _log(backend: Backend, execution: Execution) -> bytes:
    piece, _ = await backend.read_log(_key(execution), offset=0, limit_bytes=1 << 20)
    return piece


async def wait_for_end(backend: Backend, execution: Execution) -> Observation:
    """Observe until the execution is over and its processes are gone."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            observation = await backend.observe(_key(execution), offset=0)
            if observation.result is not None and not observation.alive:
                return observation
            await asyncio.sleep(LOOK_INTERVAL_S)
