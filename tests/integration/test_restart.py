"""A real server that is stopped or killed in the middle: nothing accepted is lost."""

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

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow


class Server:
    """A Jupyter server process of our own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_for(self._answers, limit_s=60)

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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.close()


def processes_in(folder: Path) -> list[int]:
    """Return the processes that stand in `folder` or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found


def sealed_wait(folder: Path, marker: str) -> str:
    """Return a cell that announces itself and waits until a file appears."""
    return (
        "import pathlib, time\n"
        f"pathlib.Path({str(folder)!r}, '{marker}.begun').touch()\n"
        f"while not pathlib.Path({str(folder)!r}, '{marker}.go').exists(): time.sleep(0.05)\n"
        "print('went on')"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="spares are Linux's")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_spare_runners_end_with_their_server_and_the_next_has_its_own(
    server: Server, tmp_path: Path, how: int
) -> None:
    first = server.submit("print('one')")
    wait_for(lambda: server.status(first) == "succeeded")
    spares = tmp_path / "data" / "async_exec" / "spares"
    wait_for(lambda: any(spares.glob("*/supervisor.json")))
    waiting = processes_in(spares)
    assert waiting

    server.end(how)

    wait_for(lambda: not processes_in(spares))
    server.start()
    wait_for(lambda: not any(spares.glob("*/supervisor.json")))
    second = server.submit("print('two')")
    wait_for(lambda: server.status(second) == "succeeded")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_running_execution_survives_the_end_of_the_server(
    server: Server, tmp_path: Path, how: int
) -> None:
    number = server.submit(sealed_wait(tmp_path, "first"))
    waiting = server.submit("print('waited')")
    wait_for((tmp_path / "first.begun").exists)

    server.end(how)
    (tmp_path / "first.go").touch()
    server.start()

    wait_for(lambda: server.status(number) == "succeeded")
    wait_for(lambda: server.status(waiting) == "succeeded")
    assert "went on" in server.call("GET", f"executions/{number}/log")["text"]


def test_sigterm_ends_the_server_at_once_while_executions_run(
    server: Server, tmp_path: Path
) -> None:
    server.submit(sealed_wait(tmp_path, "long"))
    wait_for((tmp_path / "long.begun").exists)

    began = time.monotonic()
    server.end(signal.SIGTERM)

    assert time.monotonic() - began < 10
    (tmp_path / "long.go").touch()


def test_an_execution_that_ended_while_no_server_ran_is_told_truthfully(
    server: Server, tmp_path: Path
) -> None:
    number = server.submit(sealed_wait(tmp_path, "failing"), "1 / 0")
    wait_for((tmp_path / "failing.begun").exists)
    server.end(signal.SIGKILL)
    (tmp_path / "failing.go").touch()
    attempt = next((tmp_path / "data" / "async_exec" / "attempts").iterdir())
    wait_for((attempt / "result.json").exists)

    server.start()
    wait_for(lambda: server.status(number) == "failed")

    execution = server.call("GET", f"executions/{number}")
    assert execution["reason"] == "cell_error"
    assert execution["error"]["ename"] == "ZeroDivisionError"


def test_a_runner_that_is_killed_leaves_no_ghost_and_keeps_its_output(
    server: Server, tmp_path: Path
) -> None:
    number = server.submit("print('kept', flush=True)", sealed_wait(tmp_path, "killed"))
    wait_for((tmp_path / "killed.begun").exists)
    attempt = next((tmp_path / "data" / "async_exec" / "attempts").iterdir())
    supervisor = json.loads((attempt / "supervisor.json").read_text())["pid"]

    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: server.status(number) == "failed")

    execution = server.call("GET", f"executions/{number}")
    assert execution["reason"] == "lost"
    notebook = server.call("GET", f"executions/{number}/notebook")
    assert notebook["cells"][0]["outputs"][0]["text"] == "kept\n"
    assert not attempt.exists()
