"""Claimed executions of small notebooks, for tests of backends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.snapshots.capture import capture
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.testing.backend_contract import BackendContract
from jupyter_async_exec.testing.factories import make_execution
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.local import LocalObjectStore

#: A cell that says so and then goes on until it is ended.
ENDLESS = "print('begun', flush=True)\nimport time\ntime.sleep(600)"


def claimed(objects: LocalObjectStore, *sources: str, folder: Path | None = None) -> Execution:
    captured = capture(
        normalise(make_notebook(*sources)),
        notebook_path="a.ipynb",
        folder=folder,
        server_root=folder,
        kernel_name="python3",
        language="python",
        objects=objects,
    )
    execution = make_execution(
        snapshot_id=captured.snapshot_id,
        kernel_name="python3",
        notebook_path="a.ipynb",
        parameters={},
        provenance={},
    )
    return replace(execution, status=Status.RUNNING, attempt=1)


class ClaimedContract(BackendContract):
    """The contract with real notebooks: the fixture `objects` keeps them."""

    @pytest.fixture
    def quick(self, objects: LocalObjectStore) -> Execution:
        return claimed(objects, "print('done')")

    @pytest.fixture
    def endless(self, objects: LocalObjectStore) -> Execution:
        return claimed(objects, ENDLESS)
