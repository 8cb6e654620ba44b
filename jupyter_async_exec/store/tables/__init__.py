"""The tables as queries see them; `migrations/` makes them, a test compares the two."""

from __future__ import annotations

from jupyter_async_exec.store.tables.beside import (
    execution_links,
    execution_numbers,
    execution_tags,
    execution_uses,
    handed,
    history,
    metric_points,
)
from jupyter_async_exec.store.tables.columns import MACHINE, NUMBER, TEXT, metadata
from jupyter_async_exec.store.tables.executions import (
    CLAIMABLE,
    REUSABLE,
    WAITING,
    executions,
    listed_columns,
)
from jupyter_async_exec.store.tables.sweeps import CHOOSING, sweep_reuses, sweeps
from jupyter_async_exec.store.tables.whole import environments, presets, queue, revision, settings

__all__ = [
    "CHOOSING",
    "CLAIMABLE",
    "MACHINE",
    "NUMBER",
    "REUSABLE",
    "TEXT",
    "WAITING",
    "environments",
    "execution_links",
    "execution_numbers",
    "execution_tags",
    "execution_uses",
    "executions",
    "handed",
    "history",
    "listed_columns",
    "metadata",
    "metric_points",
    "presets",
    "queue",
    "revision",
    "settings",
    "sweep_reuses",
    "sweeps",
]
