"""Where executions are recorded; the only room that knows SQL."""

from jupyter_async_exec.store.execution_store import ExecutionStore
from jupyter_async_exec.store.queries import Counts, ExecutionPage, ExecutionQuery
from jupyter_async_exec.store.records import HistoryEntry

__all__ = ["Counts", "ExecutionPage", "ExecutionQuery", "ExecutionStore", "HistoryEntry"]
