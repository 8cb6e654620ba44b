"""What the page would hear: our events from the server's own websocket."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Protocol, Self

import websocket

from jupyter_async_exec.events import SCHEMA_ID

FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Place(Protocol):
    """A server, whoever started it."""

    @property
    def url(self) -> str:
        """Its address, with a slash at the end."""

    @property
    def token(self) -> str:
        """What it asks for."""


class EventStream:
    """Listens in a thread, while the block runs.

    Parameters
    ----------
    server
        Whose events.
    """

    def __init__(self, server: Place) -> None:
        self._socket = websocket.create_connection(
            f"{server.url.replace('http', 'ws', 1)}api/events/subscribe",
            header={"Authorization": f"token {server.token}"},
            timeout=None,
            http_no_proxy=["127.0.0.1"],
        )
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        #: Number → seconds since the epoch at which the first such status was heard of.
        self._heard: dict[tuple[int, str], float] = {}
        #: Number → final status, and when it was heard.
        self.ended: dict[int, tuple[str, float]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown()  # type: ignore[no-untyped-call]
        self._thread.join(5)

    def _listen(self) -> None:
        while True:
            try:
                received = self._socket.recv()
            except (websocket.WebSocketException, OSError):
                return
            at = time.time()
            event: dict[str, Any] = json.loads(received) if received else {}
            if event.get("schema_id", event.get("__schema__")) != SCHEMA_ID:
                continue
            with self._news:
                number, status = event["number"], event["status"]
                self._heard.setdefault((number, status), at)
                if status in FINAL:
                    self.ended.setdefault(number, (status, at))
                self._news.notify_all()

    def wait_for_end(self, *numbers: int, limit_s: float) -> None:
        """Wait until these have a final status.

        Raises
        ------
        TimeoutError
            One had none in time.
        """
        with self._news:
            if not self._news.wait_for(lambda: self.ended.keys() >= set(numbers), limit_s):
                missing = sorted(set(numbers) - self.ended.keys())
                raise TimeoutError(f"Executions {missing} did not end within {limit_s:.0f} s.")
