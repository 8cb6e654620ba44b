"""Where executions are recorded; the only room that knows SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.store.pages import Counts, ExecutionPage, ExecutionQuery

if TYPE_CHECKING:
    from jupyter_async_exec.store.execution_store import ExecutionStore
    from jupyter_async_exec.store.history import HistoryEntry

__all__ = ["Counts", "ExecutionPage", "ExecutionQuery", "ExecutionStore", "HistoryEntry"]


def __getattr__(name: str) -> object:
    """Import what knows SQL when it is first asked for: 15 MB that an idle server never needs."""
    if name == "ExecutionStore":
        from jupyter_async_exec.store.execution_store import ExecutionStore

        return ExecutionStore
    if name == "HistoryEntry":
        from jupyter_async_exec.store.history import HistoryEntry

        return HistoryEntry
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
