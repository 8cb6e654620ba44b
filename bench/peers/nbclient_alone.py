"""nbclient without papermill: runs in memory, writes the notebook once at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from bench.peers.child import answer_requests

if TYPE_CHECKING:
    from pathlib import Path


def run(source: Path, target: Path) -> dict[str, Any]:
    """Run and write."""
    notebook = nbformat.read(source, as_version=4)
    try:
        NotebookClient(notebook, kernel_name="python3", timeout=None).execute()
    finally:
        nbformat.write(notebook, target)
    return {}


if __name__ == "__main__":
    answer_requests(run)
