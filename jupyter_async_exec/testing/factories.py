"""Plausible executions and submissions for tests; say only what matters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyter_async_exec.core.execution import Execution, Status, Submission, new_id
from jupyter_async_exec.core.sweeps import Sweep

#: When nothing else was said.
SOME_MOMENT = datetime(2026, 11, 21, 9, 20, 15, tzinfo=UTC)
SOME_SNAPSHOT = "5e" * 32


def make_submission(**changes: Any) -> Submission:
    """Return a submission of ``projects/train.ipynb`` with an id of its own.

    Parameters
    ----------
    **changes
        Fields to be different.
    """
    fields: dict[str, Any] = {
        "id": new_id(),
        "notebook_path": "projects/train.ipynb",
        "title": "train",
        "parameters": {"learning_rate": 0.01, "epochs": 3},
        "kernel_name": "python3",
        "backend": "local",
        "snapshot_id": SOME_SNAPSHOT,
        "submitted_by": "ada",
        "created_at": SOME_MOMENT,
    }
    return Submission(**{**fields, **changes})


def make_execution(**changes: Any) -> Execution:
    """Return a queued execution #1 of ``projects/train.ipynb`` with an id of its own.

    Parameters
    ----------
    **changes
        Fields to be different.
    """
    fields: dict[str, Any] = {
        "id": new_id(),
        "number": 1,
        "status": Status.QUEUED,
        "notebook_path": "projects/train.ipynb",
        "title": "train",
        "parameters": {"learning_rate": 0.01, "epochs": 3},
        "kernel_name": "python3",
        "snapshot_id": SOME_SNAPSHOT,
        "submitted_by": "ada",
        "created_at": SOME_MOMENT,
        "rev": 1,
    }
    return Execution(**{**fields, **changes})


def make_sweep(**changes: Any) -> Sweep:
    """Return a sweep over ``projects/train.ipynb`` with an id of its own.

    Parameters
    ----------
    **changes
        Fields to be different.
    """
    fields: dict[str, Any] = {
        "id": new_id(),
        "notebook_path": "projects/train.ipynb",
        "title": "sweep of 3: x",
        "snapshot_id": SOME_SNAPSHOT,
        "definition": {"values": {"x": [0, 1, 2]}, "mode": "grid"},
        "submitted_by": "ada",
        "created_at": SOME_MOMENT,
    }
    return Sweep(**{**fields, **changes})
