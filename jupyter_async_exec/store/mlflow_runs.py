"""Which runs in MLflow's own database belong to an execution; read only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from jupyter_async_exec.defaults import MLFLOW_ID_TAG
from jupyter_async_exec.runner.mlflow_store import DATABASE

if TYPE_CHECKING:
    from pathlib import Path

#: More runs of one execution are not listed.
MAX_RUNS = 100
_RUNS = (
    "SELECT runs.run_uuid FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
    "WHERE tags.key = ? AND tags.value = ? ORDER BY runs.start_time LIMIT ?"
)


def find_runs(directory: Path, execution_id: str) -> list[str]:
    """Return the ids of the MLflow runs of an execution in our store, oldest first."""
    path = directory / DATABASE
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            rows = database.execute(_RUNS, (MLFLOW_ID_TAG, execution_id, MAX_RUNS)).fetchall()
    except sqlite3.Error:
        return []  # It is MLflow's; a newer one may have other tables.
    return [str(row[0]) for row in rows]
