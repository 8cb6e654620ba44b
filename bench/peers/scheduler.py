"""jupyter-scheduler, through its REST interface."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from bench.peers.base import LIMIT_S, Outcome, Peer

if TYPE_CHECKING:
    from bench.servers import Server

POLL_S = 0.02
#: The words with which a job of it is over.
_OVER = frozenset({"COMPLETED", "FAILED", "STOPPED"})


class Scheduler(Peer):
    """Creates jobs and asks for their state every 20 ms.

    Parameters
    ----------
    server
        A server with the extension.
    """

    name = "jupyter-scheduler"

    def __init__(self, server: Server) -> None:
        self._server = server
        self.family = server.family

    def place(self, notebook: Path) -> str:
        """Copy a notebook below the server's root; return its Jupyter path."""
        (self._server.root / notebook.name).write_bytes(notebook.read_bytes())
        return notebook.name

    def submit(self, path: str, *, package_input_folder: bool = False) -> str:
        """Create a job of the notebook at this Jupyter path; return its id."""
        answer = self._server.http.post(
            "scheduler/jobs",
            json={
                "name": path,
                "input_uri": path,
                "runtime_environment_name": Path(sys.prefix).name,
                "package_input_folder": package_input_folder,
            },
        )
        if answer.is_error:
            raise RuntimeError(f"jupyter-scheduler refused: {answer.text}")
        return str(answer.json()["job_id"])

    def find_status(self, job_id: str) -> str | None:
        """Return how a job ended; `None` when it did not yet."""
        job: dict[str, Any] = self._server.http.get(f"scheduler/jobs/{job_id}").json()
        # New jobs read STOPPED until their process is up.
        if job["status"] == "STOPPED" and not job.get("end_time"):
            return None
        return str(job["status"]) if job["status"] in _OVER else None

    @override
    def execute(self, notebook: Path) -> Outcome:
        path = self.place(notebook)
        asked_at = time.time()
        job_id = self.submit(path)
        answered_at = time.time()
        while (status := self.find_status(job_id)) is None:
            if time.time() - asked_at > LIMIT_S:
                raise TimeoutError("The job did not end.")
            time.sleep(POLL_S)
        return Outcome(
            asked_at=asked_at,
            answered_at=answered_at,
            known_at=time.time(),
            status="succeeded" if status == "COMPLETED" else status,
        )
