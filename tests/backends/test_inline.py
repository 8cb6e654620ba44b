"""The backend of tests holds the contract that all others hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.executions import ClaimedContract, claimed
from tests.backends.inline_backend import InlineBackend

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


class TestInlineBackend(ClaimedContract):
    @pytest.fixture
    def backend(self, tmp_path: Path, objects: LocalObjectStore) -> InlineBackend:
        return InlineBackend(tmp_path / "attempts", objects=objects)

    @pytest.fixture
    @override
    def endless(self, objects: LocalObjectStore) -> Execution:
        # A thread cannot be ended while it sleeps.
        return claimed(objects, "print('begun')", "import time\nwhile True: time.sleep(0.01)")

    async def test_cells_share_their_names_and_take_parameters(
        self, backend: InlineBackend, objects: LocalObjectStore
    ) -> None:
        execution = replace(claimed(objects, "y = 2 * x", "print(x, y)"), parameters={"x": 21})
        await backend.start(execution)

        observation = await wait_for_end(backend, execution)

        assert observation.result is not None
        assert observation.result.cells_total == 3
        log, _ = await backend.read_log(_key(execution), offset=0, limit_bytes=1000)
        assert b"21 42\n" in log

    async def test_a_cell_that_raises_ends_it_as_in_every_backend(
        self, backend: InlineBackend, objects: LocalObjectStore
    ) -> None:
        execution = claimed(objects, "print('here')", "1 / 0", "print('never')")
        await backend.start(execution)

        observation = await wait_for_end(backend, execution)

        result = observation.result
        assert result is not None
        assert (result.status, result.reason) == (Status.FAILED, Reason.CELL_ERROR)
        assert result.message == "Cell 2: ZeroDivisionError: division by zero"
        notebook = json.loads(await backend.read_notebook(_key(execution)) or b"")
        kinds = [[out["output_type"] for out in cell["outputs"]] for cell in notebook["cells"]]
        assert kinds == [["stream"], ["error"], []]


def _key(execution: Execution) -> AttemptKey:
    return AttemptKey(execution.id, execution.attempt)
