"""Asks a server for its status every 10 ms, in a process of its own: nothing holds it up."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from bench.servers import Server

INTERVAL_S = 0.01
ROOT = Path(__file__).parent.parent


class Pinger:
    """Asks while the block runs.

    Parameters
    ----------
    server
        Whom to ask.
    """

    def __init__(self, server: Server) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.pinger", f"{server.url}api/status"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )
        self._tell(server.token)
        #: The slowest answer, once the block is over.
        self.longest_ms = 0.0

    def _tell(self, token: str) -> None:
        # Not on the command line, where every process could read it.
        assert self._process.stdin is not None
        self._process.stdin.write(token + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            answer, _errors = self._process.communicate(timeout=60)
            self.longest_ms = float(answer or 0)
        finally:
            self._process.kill()
            self._process.wait()


def main() -> None:
    """Ask until standard input ends; print the slowest answer in ms."""
    token = sys.stdin.readline().strip()
    longest_s = 0.0
    with httpx.Client(
        headers={"Authorization": f"token {token}"}, timeout=120, trust_env=False
    ) as client:
        client.get(sys.argv[1])
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], INTERVAL_S)[0]:
            began = time.perf_counter()
            client.get(sys.argv[1]).raise_for_status()
            longest_s = max(longest_s, time.perf_counter() - began)
    print(longest_s * 1000)


if __name__ == "__main__":
    main()
