"""Pages as a browser has them open: listening to events, fetching the list when there is news."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_async_exec.events import SCHEMA_ID
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.server import Server

#: As the page in the browser: news is fetched twice a second, everything twice a minute.
NEWS_INTERVAL_S = 0.5
POLL_INTERVAL_S = 30.0
LIST = "async-exec/executions?limit=25"
FINAL = frozenset({"succeeded", "failed", "cancelled"})
#: After the last submission everything has to end, and be heard of, within this time.
END_LIMIT_S = 600.0


@dataclass(slots=True)
class Page:
    """One page.

    Parameters
    ----------
    server
        Whose.
    http
        Shared by all pages.
    """

    server: Server
    http: AsyncHTTPClient
    ended: dict[int, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    n_events: int = 0
    n_requests: int = 0
    rev: int | None = None
    boot_id: str | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Hear events until cancelled; that the connection ends is a problem."""
        address = self.server.url.replace("http", "ws", 1)
        socket = await websocket_connect(
            HTTPRequest(f"{address}api/events/subscribe", headers=self._headers())
        )
        while (message := await socket.read_message()) is not None:
            event = json.loads(message)
            if event.get("schema_id") == SCHEMA_ID:
                self._hear(event)
        self.problems.append(
            f"events ended after {self.n_events}: {socket.close_code} {socket.close_reason}"
        )

    def _hear(self, event: dict[str, Any]) -> None:
        if (
            self.rev is not None
            and self.boot_id == event["boot_id"]
            and (event["rev"] != self.rev + 1)
        ):
            self.problems.append(f"event {event['rev']} came after {self.rev}")
        self.rev, self.boot_id = event["rev"], event["boot_id"]
        self.n_events += 1
        if event["status"] in FINAL:
            self.ended[event["number"]] = event["status"]
        self._news.set()

    async def fetch(self) -> None:
        """Fetch the list when there is news, and now and then, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._news.wait(), POLL_INTERVAL_S)
            except TimeoutError:
                await self._get("async-exec/status")
            self._news.clear()
            await self._get(LIST)
            await asyncio.sleep(NEWS_INTERVAL_S)

    async def _get(self, path: str) -> None:
        self.n_requests += 1
        try:
            await self.http.fetch(
                f"{self.server.url}{path}", headers=self._headers(), request_timeout=60
            )
        except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
            self.problems.append(f"{path}: {error!r}")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.server.token}"}


async def watch_pages(
    server: Server, *, n_pages: int, n_executions: int, n_bursts: int, lasts_s: float
) -> dict[str, Any]:
    """Open pages, submit in bursts over that time, and tell what the pages met.

    Parameters
    ----------
    server
        That runs.
    n_pages, n_executions, n_bursts
        So many of each.
    lasts_s
        For how long, in seconds.
    """
    AsyncHTTPClient.configure(None, max_clients=2 * n_pages)
    http = AsyncHTTPClient(force_instance=True)
    pages = [Page(server, http) for _ in range(n_pages)]
    tasks = [asyncio.create_task(work) for page in pages for work in (page.listen(), page.fetch())]
    weights: list[dict[str, float]] = []
    began = time.monotonic()
    numbers: list[int] = []
    for burst in range(n_bursts):
        n_now = n_executions * (burst + 1) // n_bursts - len(numbers)
        numbers += await asyncio.gather(
            *(asyncio.to_thread(_submit, server, len(numbers) + i) for i in range(n_now))
        )
        while time.monotonic() - began < lasts_s * (burst + 1) / n_bursts:
            await asyncio.sleep(1)
        weights.append(weigh(server.pid))
    deadline = time.monotonic() + END_LIMIT_S
    while time.monotonic() < deadline and any(len(page.ended) < len(numbers) for page in pages):
        await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    problems = [problem for page in pages for problem in page.problems]
    problems += [
        f"page {index} heard of {len(page.ended)} of {len(numbers)} ends"
        for index, page in enumerate(pages)
        if len(page.ended) < len(numbers)
    ]
    failed = [n for n, status in pages[0].ended.items() if status != "succeeded"]
    http.close()
    return {
        "n_pages": n_pages,
        "n_executions": len(numbers),
        "lasted_s": round(time.monotonic() - began),
        "n_events": sum(page.n_events for page in pages),
        "n_requests": sum(page.n_requests for page in pages),
        "n_failed": len(failed),
        "n_problems": len(problems),
        "problems": problems[:20],
        "weights": weights,
        "is_good": not problems and not failed,
    }


def _submit(server: Server, index: int) -> int:
    cells = [f"import time\nfor i in range(20): print(i, flush=True); time.sleep(0.02)\n# {index}"]
    body = {"path": "watched.ipynb", "notebook": make_notebook(*cells, "1", "2")}
    return int(server.call("POST", "executions", body)["number"])


def weigh(pid: int) -> dict[str, float]:
    """Return what a process holds: private memory in MB, threads, open files."""
    process = Path(f"/proc/{pid}")
    private = sum(
        int(line.split()[1])
        for line in (process / "smaps_rollup").read_text().splitlines()
        if line.startswith("Private")
    )
    return {
        "private_mb": round(private / 1024, 1),
        "n_threads": len(list((process / "task").iterdir())),
        "n_files": len(list((process / "fd").iterdir())),
    }
