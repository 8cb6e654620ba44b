"""Whether the notebook we keep is the one that its journal tells."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.journal import read_journal
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.task import Task
from jupyter_async_exec.store import ExecutionStore

if TYPE_CHECKING:
    from bench.peers.base import Outcome
    from bench.servers import Server
    from jupyter_async_exec.core.json_types import JSONObject


def equals_rebuild(server: Server, outcome: Outcome) -> bool:
    """Return whether the outputs of one of our executions are those that its journal gives."""
    store = ExecutionStore(f"sqlite:///{server.data_dir / STORE_FILE}")
    try:
        execution = store.get(outcome.number)
    finally:
        store.close()
    if execution.journal_object is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl"
        LocalObjectStore(server.data_dir / "objects").copy_to(execution.journal_object, journal)
        records, _ = read_journal(journal)
    path = f"async-exec/executions/{outcome.number}/notebook"
    source = server.http.get(path, params={"version": "source"}).raise_for_status().json()
    task = Task(
        execution_id=execution.id,
        number=execution.number,
        attempt=execution.attempt,
        folder="",
        kernel_name=execution.kernel_name,
        language="python",
    )
    rebuilt = rebuild_notebook(source, task, records)
    return _outputs(rebuilt) == _outputs(outcome.notebook)


def _outputs(notebook: JSONObject) -> list[JSONObject]:
    return [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
