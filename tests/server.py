"""A real Jupyter server of our own: started, asked, ended or killed."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable


class Server:
    """A Jupyter server process of our own.

    Parameters
    ----------
    folder
        Everything it reads and writes is below.
    options
        Further arguments of its command line.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        root = self._folder / "root"
        root.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "JUPYTER_DATA_DIR": str(self._folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._folder / "runtime"),
            "JUPYTER_CONFIG_DIR": str(self._folder / "config"),
        }
        command = [
            sys.executable,
            "-m",
            "jupyter_server",
            f"--ServerApp.port={self._port}",
            f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={self._token}",
            "--ServerApp.jpserver_extensions={'jupyter_async_exec': True}",
            "--no-browser",
            "--allow-root",
            *self._options,
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_for(self._answers, limit_s=60)

    @property
    def data_dir(self) -> Path:
        """Where its executions are kept."""
        return self._folder / "data" / "async_exec"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def end(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(30)
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/async-exec/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"token {self._token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def status(self, number: int) -> str:
        return str(self.call("GET", f"executions/{number}")["status"])

    def submit(self, *sources: str) -> int:
        body = {"path": "a.ipynb", "notebook": make_notebook(*sources)}
        return int(self.call("POST", "executions", body)["number"])

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return bool(self.call("GET", "status")["version"])
        return False


def wait_for(check: Callable[[], bool], *, limit_s: float = 40.0) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def processes_in(folder: Path) -> list[int]:
    """Return the processes that stand in `folder` or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found
