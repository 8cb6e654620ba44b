"""What the history of an execution has to look like once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.store import ExecutionStore


def check_one_end(store: ExecutionStore, number: int) -> None:
    """It has one end, the last thing that happened."""
    statuses = [entry.status for entry in store.history(number)]
    ends = [status for status in statuses if status.is_final]
    assert len(set(ends)) == 1, f"#{number}: {statuses}"
    assert statuses[-len(ends) :] == ends, f"#{number}: {statuses}"
