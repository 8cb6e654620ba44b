"""papermill as its users call it: one process per notebook."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from typing_extensions import override

from bench.context import COOKIE
from bench.peers.base import LIMIT_S, Outcome, Peer
from bench.processes import Family
from bench.servers import cookie

if TYPE_CHECKING:
    from pathlib import Path

    from bench.context import Context


class PapermillCli(Peer):
    """``papermill IN OUT``.

    Parameters
    ----------
    engine
        Another engine than papermill's own.
    """

    def __init__(self, context: Context, *, engine: str | None = None) -> None:
        self.name = "papermill CLI" if engine is None else f"papermill CLI, engine {engine}"
        self._options = [] if engine is None else ["--engine", engine]
        self._home = context.new_folder("papermill-cli")
        self._output = self._home / "output.ipynb"
        self.family = Family(cookie(self._home))
        self._environment = context.environment(self._home) | {COOKIE: cookie(self._home)}

    @override
    def execute(self, notebook: Path) -> Outcome:
        self._output.unlink(missing_ok=True)
        command = [sys.executable, "-m", "papermill", str(notebook), str(self._output)]
        asked_at = time.time()
        done = subprocess.run(
            [*command, "--no-progress-bar", *self._options],
            cwd=self._home,
            env=self._environment,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        outcome = Outcome(asked_at=asked_at, known_at=time.time())
        if done.returncode:
            outcome.status = "failed"
        return outcome

    @override
    def fetch(self, outcome: Outcome) -> None:
        if self._output.exists():
            outcome.take_notebook(self._output.read_bytes())

    @override
    def close(self) -> None:
        self.family.end()
