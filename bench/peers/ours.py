"""We, as the page uses us: submitted through REST, the end heard from the server's events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from bench.event_stream import EventStream
from bench.peers.base import LIMIT_S, Outcome, Peer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.servers import Server


class Ours(Peer):
    """Submits to one server.

    Parameters
    ----------
    server
        A server with us.
    name
        As tables call it.
    options
        Of everything that is submitted.
    """

    def __init__(
        self,
        server: Server,
        name: str = "jupyter_async_exec",
        *,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.options = dict(options or {})
        self.server = server
        self.family = server.family
        self.events = EventStream(server)
        self.events.__enter__()

    def place(self, notebook: Path) -> str:
        """Copy a notebook below the server's root; return its Jupyter path."""
        # A folder of its own, so that nothing lies beside it that would be captured too.
        folder = self.server.root / notebook.stem
        folder.mkdir(exist_ok=True)
        (folder / notebook.name).write_bytes(notebook.read_bytes())
        return f"{notebook.stem}/{notebook.name}"

    def submit(self, path: str, **fields: Any) -> int:
        """Submit what is at this Jupyter path; return its number."""
        body = {"path": path, "options": self.options, **fields}
        answer = self.server.http.post("async-exec/executions", json=body)
        if answer.is_error:
            raise RuntimeError(f"We refused: {answer.text}")
        return int(answer.json()["number"])

    @override
    def execute(self, notebook: Path) -> Outcome:
        path = self.place(notebook)
        asked_at = time.time()
        number = self.submit(path)
        answered_at = time.time()
        self.events.wait_for_end(number, limit_s=LIMIT_S)
        status, known_at = self.events.ended[number]
        if status != "succeeded":
            answer = self.server.http.get(f"async-exec/executions/{number}")
            raise RuntimeError(f"Our execution of {path} {status}: {answer.json()['message']}")
        return Outcome(asked_at=asked_at, answered_at=answered_at, known_at=known_at, number=number)

    @override
    def fetch(self, outcome: Outcome) -> None:
        answer = self.server.http.get(f"async-exec/executions/{outcome.number}/notebook")
        outcome.take_notebook(answer.raise_for_status().content)

    def set_slots(self, slots: int) -> None:
        """Let so many run at once."""
        self.server.http.patch("async-exec/status", json={"slots": slots}).raise_for_status()

    @override
    def close(self) -> None:
        self.events.__exit__()
