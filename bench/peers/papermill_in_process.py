"""papermill called from a process that has it imported already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import papermill

from bench.peers.child import answer_requests

if TYPE_CHECKING:
    from pathlib import Path


def run(source: Path, target: Path) -> dict[str, Any]:
    """Run and write, as papermill does by default."""
    papermill.execute_notebook(source, target, progress_bar=False)
    return {}


if __name__ == "__main__":
    answer_requests(run)
