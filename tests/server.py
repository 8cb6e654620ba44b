"""A real Jupyter server of our own: started, asked, ended or killed."""

from __future__ import annotations

import contextlib
import http.client
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
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a request ends in when nobody is there, or dies meanwhile.
NO_ANSWER = (urllib.error.URLError, ConnectionError, TimeoutError, http.client.HTTPException)
#: What may be installed beside us and would only make the start slower.
OTHERS = ("jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "notebook", "notebook_shim")
#: On a machine with much else to do a server takes its time.
START_LIMIT_S = 300.0
ROOT = Path(__file__).parent.parent


class Server:
    """A Jupyter server process of our own.

    Parameters
    ----------
    folder
        Everything it reads and writes is below.
    options
        Further arguments of its command line.
    base_url
        The path below which it answers, with slashes around.
    data_dir
        Where executions are kept; by default below `folder`.
    extensions
        Modules of this project that are loaded into it besides.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        base_url: str = "/",
        data_dir: Path | None = None,
        extensions: tuple[str, ...] = (),
    ) -> None:
        self._folder = folder
        self._base_url = base_url
        self._options = options
        self._extensions = extensions
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        #: Where its executions are kept.
        self.data_dir = data_dir or folder / "data" / "async_exec"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, waits: bool = True, **variables: str) -> None:
        """Start it, with these environment variables besides; wait for its first answer."""
        root = self._folder / "root"
        root.mkdir(parents=True, exist_ok=True)
        enabled = dict.fromkeys(OTHERS, False)
        enabled |= dict.fromkeys(("jupyter_async_exec", *self._extensions), True)
        command = [
            sys.executable,
            "-m",
            "jupyter_server",
            f"--ServerApp.port={self.port}",
            f"--ServerApp.base_url={self._base_url}",
            f"--ServerApp.root_dir={root}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.jpserver_extensions={enabled}",
            "--no-browser",
            "--allow-root",
            *self._options,
        ]
        environment = {**self.environment, **variables}
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        if waits:
            wait_for(self.answers, limit_s=START_LIMIT_S, what="answered")

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which programs work in its folders, and find this project."""
        paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "JUPYTER_DATA_DIR": str(self._folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._folder / "runtime"),
            "JUPYTER_CONFIG_DIR": str(self._folder / "config"),
            "JUPYTER_ASYNC_EXEC_DATA_DIR": str(self.data_dir),
        }

    @property
    def url(self) -> str:
        """Its address, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}{self._base_url}"

    @property
    def log(self) -> str:
        """All it has said."""
        return (self._folder / "server.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def end(self, number: int) -> None:
        """Send it that signal and wait until it is gone."""
        assert self._process is not None
        self._process.send_signal(number)
        self.wait_gone()

    def wait_gone(self, limit_s: float = 60.0) -> None:
        """Wait until it has ended by itself."""
        assert self._process is not None
        self._process.wait(limit_s)
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}async-exec/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"token {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def status(self, number: int) -> str:
        return str(self.call("GET", f"executions/{number}")["status"])

    def submit(self, *sources: str) -> int:
        body = {"path": "a.ipynb", "notebook": make_notebook(*sources)}
        return int(self.call("POST", "executions", body)["number"])

    def run_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``jupyter async-exec`` on the same store, in the served folder."""
        start = "import sys; from jupyter_async_exec.cli import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", start, *words],
            cwd=self._folder / "root",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone."""
        return self._process is None or self._process.poll() is not None

    def answers(self) -> bool:
        """Whether it tells its status, or why it cannot."""
        try:
            return bool(self.call("GET", "status")["version"])
        except urllib.error.HTTPError as error:
            # It is there, and says why executions are not.
            with error:
                return error.code == HTTPStatus.SERVICE_UNAVAILABLE
        except NO_ANSWER:
            return False


def wait_for(check: Callable[[], bool], *, limit_s: float = 40.0, what: str = "happened") -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, f"it has not {what} within {limit_s:.0f} s"
        time.sleep(0.05)


def printed(notebook: dict[str, Any]) -> str:
    """Return what the cells of a notebook wrote to standard output."""
    return "".join(
        output.get("text", "")
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if output.get("name") == "stdout"
    )


def processes_in(folder: Path) -> list[int]:
    """Return the processes that stand in `folder` or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found
