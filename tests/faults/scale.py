"""How much one server bears: a long queue with restarts, and many pages at once.

::

    python -m tests.faults.scale drain --executions 10000
    python -m tests.faults.scale clients --clients 50 --minutes 10

Long, and therefore no tests; each prints what it found as JSON and exits with 1 when
something was lost, ran twice, failed, or was not heard of.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.conftest import make_notebook
from tests.faults.pages import watch_pages
from tests.server import NO_ANSWER, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PING_INTERVAL_S = 0.1
N_SUBMITTERS = 8
N_SLOTS = 2


class Pinger:
    """Asks for the server's status ten times a second, and weighs the server once.

    Parameters
    ----------
    server
        May be down meanwhile; what is not answered at all is no latency.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.latencies_ms: list[float] = []
        #: Memory above what each server had at its first answer, in MB.
        self.growth_mb = 0.0
        self.n_unanswered = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        weighed: tuple[int, float] = (0, 0.0)
        while not self._over.wait(PING_INTERVAL_S):
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
            try:
                began = time.perf_counter()
                connection.request(
                    "GET", "/api/status", headers={"Authorization": f"token {self._server.token}"}
                )
                connection.getresponse().read()
                self.latencies_ms.append((time.perf_counter() - began) * 1e3)
                pid = self._server.pid
                now_mb = memory_mb(pid)
            except (*NO_ANSWER, AssertionError, OSError, IndexError):
                self.n_unanswered += 1
                connection.close()
                connection = None
                continue
            if weighed[0] != pid:
                weighed = (pid, now_mb)
            self.growth_mb = max(self.growth_mb, now_mb - weighed[1])

    def summary(self) -> dict[str, Any]:
        """Return the figures."""
        ordered = sorted(self.latencies_ms)
        return {
            "n_asked": len(ordered),
            "p50_ms": round(ordered[len(ordered) // 2], 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
            "max_ms": round(ordered[-1], 1),
            "n_unanswered": self.n_unanswered,
            "growth_mb": round(self.growth_mb, 1),
        }


def memory_mb(pid: int) -> float:
    """Return the memory of a process that is not shared with others."""
    text = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(text[1]) - int(text[2])) * os.sysconf("SC_PAGE_SIZE") / 1e6


def drain(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Queue so many small executions, stop and kill the server on the way, see all end."""
    server = Server(folder, f"--AsyncExecApp.slots={N_SLOTS}")
    server.start()
    starts = folder / "starts"
    starts.mkdir()
    cell = (
        f"import os\nwith open({str(starts)!r} + '/' + os.environ['JUPYTER_ASYNC_EXEC_NUMBER'],"
        " 'a') as mark: mark.write('x')"
    )
    body = {"path": "small.ipynb", "notebook": make_notebook(cell)}
    numbers: list[int] = []
    try:
        # The first makes the house; what it weighs then is where growth begins.
        numbers.append(server.call("POST", "executions", body)["number"])
        _wait(lambda: _counts(server) == (0, 0), limit_s=120)
        with Pinger(server) as while_submitting:
            began = time.monotonic()
            with ThreadPoolExecutor(N_SUBMITTERS) as pool:
                asked = pool.map(
                    lambda _: server.call("POST", "executions", body)["number"],
                    range(options.executions - 1),
                )
                numbers += asked
            submitted_s = time.monotonic() - began
        restarts = []
        with Pinger(server) as while_draining:
            for part, how in ((3, signal.SIGTERM), (1.5, signal.SIGKILL)):
                _wait(lambda part=part: _n_in(starts) >= len(numbers) / part)  # type: ignore[misc]
                restarts.append(_restart(server, how, starts))
            _wait(lambda: _counts(server) == (0, 0))
        drained_s = time.monotonic() - began
        marks = {path.name: path.read_text() for path in starts.iterdir()}
        not_succeeded = server.call("GET", "executions?status=failed,cancelled&limit=100")[
            "executions"
        ]
        return {
            "n_accepted": len(numbers),
            "n_lost": len(numbers) - len(marks),
            "n_twice": sum(mark != "x" for mark in marks.values()),
            "n_not_succeeded": len(not_succeeded),
            "submitted_per_s": round(len(numbers) / submitted_s, 1),
            "drained_per_s": round(len(numbers) / drained_s, 1),
            "took_s": round(drained_s),
            "restarts": restarts,
            "while_submitting": while_submitting.summary(),
            "while_draining": while_draining.summary(),
            "is_good": len(numbers) == len(marks) == len(set(numbers))
            and set(marks.values()) == {"x"}
            and not not_succeeded,
        }
    finally:
        server.close()


def _restart(server: Server, how: signal.Signals, starts: Path) -> dict[str, Any]:
    began = time.monotonic()
    server.end(how)
    gone = time.monotonic()
    server.start()
    back = time.monotonic()
    n_before = _n_in(starts)
    _wait(lambda: _n_in(starts) > n_before)
    return {
        "signal": how.name,
        "gone_after_s": round(gone - began, 2),
        "answers_after_s": round(back - gone, 2),
        "next_start_after_s": round(time.monotonic() - back, 2),
    }


def _n_in(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def _counts(server: Server) -> tuple[int, int] | None:
    """Return what waits and runs; None when a busy machine gives no answer in time."""
    try:
        status = server.call("GET", "status")
    except NO_ANSWER:
        return None
    return status["queued"], status["running"]


def _wait(check: Callable[[], bool], *, limit_s: float = 3 * 3600) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("It takes too long.")
        time.sleep(0.25)


def clients(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let many pages watch while executions run in bursts."""
    server = Server(folder, f"--AsyncExecApp.slots={N_SLOTS}")
    server.start()
    try:
        with Pinger(server) as pinger:
            found = asyncio.run(
                watch_pages(
                    server,
                    n_pages=options.clients,
                    n_executions=options.executions,
                    n_bursts=options.bursts,
                    lasts_s=options.minutes * 60,
                )
            )
        said = [line for line in server.log.splitlines() if line.startswith(("[E", "[W"))]
        is_good = found.pop("is_good") and not any(line.startswith("[E") for line in said)
        return {**found, "server_log": said[:20], "status": pinger.summary(), "is_good": is_good}
    finally:
        server.close()


def main(arguments: list[str]) -> int:
    """Run one of them; return 1 when it is not good."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.scale")
    verbs = parser.add_subparsers(required=True)
    draining = verbs.add_parser("drain", help="a long queue, with two restarts")
    draining.add_argument("--executions", type=int, default=10_000)
    draining.set_defaults(run=drain)
    watching = verbs.add_parser("clients", help="many pages at once")
    watching.add_argument("--clients", type=int, default=50)
    watching.add_argument("--minutes", type=float, default=10)
    watching.add_argument("--executions", type=int, default=100)
    watching.add_argument("--bursts", type=int, default=10, help="so many times, equally spaced")
    watching.set_defaults(run=clients)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as folder:
        found: Mapping[str, Any] = options.run(options, Path(folder))
    sys.stdout.write(f"{json.dumps(found, indent=2)}\n")
    return 0 if found["is_good"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
