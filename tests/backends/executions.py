"""Claimed executions of small notebooks, for tests of backends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.snapshots.capture import capture
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.testing.factories import make_execution
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.local import LocalObjectStore


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
