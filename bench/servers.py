"""A real Jupyter server on 127.0.0.1: with us, with jupyter-scheduler, or with neither."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from bench import notebooks
from bench.context import COOKIE, Stall
from bench.processes import Family
from bench.stall_watch import EmptyLoop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.context import Context

OURS = "jupyter_async_exec"
SCHEDULER = "jupyter_scheduler"
#: We yield to others by default; beside a floor that does not, that would be measured.
SAME_NICENESS = ("--AsyncExecApp.nice=0",)
PROBE = "bench.loop_probe"
_START_S = 60


class Server:
    """One running server.

    Parameters
    ----------
    process
        It.
    url
        Its address, with a slash at the end.
    token
        What it asks for.
    home
        Folder of its data, configuration and log.
    root
        Folder it serves.
    data_dir
        Folder where we keep executions.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        url: str,
        token: str,
        home: Path,
        root: Path,
        data_dir: Path,
    ) -> None:
        self._process = process
        self.url = url
        self.token = token
        self.home = home
        self.root = root
        #: Where we keep executions.
        self.data_dir = data_dir
        self.family = Family(cookie(home))
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"token {token}"},
            timeout=300,
            trust_env=False,
            event_hooks={"request": [self._note_request]},
        )
        #: Seconds from its start to its first answer.
        self.start_s = 0.0
        self._is_asked = False
        self._longest_ms = self._own_ms = 0.0
        self._empty = EmptyLoop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_until_up(self, began: float) -> None:
        """Wait for the first answer.

        Raises
        ------
        RuntimeError
            It did not come; its log tells why.
        """
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self.http.get("api/status").status_code == httpx.codes.OK:
                    self.start_s = time.perf_counter() - began
                    return
            except httpx.TransportError:
                time.sleep(0.01)
        log = (self.home / "server.log").read_text(errors="replace")
        raise RuntimeError(f"The server did not start:\n{log[-3000:]}")

    def open_notebook(self) -> None:
        """Have it read a notebook, as it has for whoever clicks in one: that compiles schemas."""
        path = self.root / "opened.ipynb"
        path.write_text(json.dumps(notebooks.make(["1"])))
        self.http.get("api/contents/opened.ipynb").raise_for_status()
        path.unlink()

    def _note_request(self, request: httpx.Request) -> None:
        self._is_asked |= "/bench/" not in request.url.path

    def take_stall_ms(self) -> float:
        """Return the longest halt of its event loop since the last call; 0 at the first."""
        taken = self.http.get("bench/stall").raise_for_status().json()
        self._longest_ms = max(self._longest_ms, taken["longest_ms"])
        self._own_ms = max(self._own_ms, taken["own_ms"])
        return float(taken["longest_ms"])

    def take_stall(self) -> Stall | None:
        """Return what its loop felt since the last call; `None` when nobody asked it anything."""
        self.take_stall_ms()
        stall = Stall(self._longest_ms, self._own_ms, self._empty.take_ms())
        was_asked, self._is_asked = self._is_asked, False
        self._longest_ms = self._own_ms = 0.0
        return stall if was_asked else None

    def memory_bytes(self) -> dict[str, int]:
        """Return `pss_bytes` and `uss_bytes` of the server itself, after collecting garbage."""
        self.take_stall_ms()
        found: dict[str, int] = self.http.get("bench/memory").raise_for_status().json()
        # Collecting garbage halts the loop; that is our doing.
        self.http.get("bench/stall")
        return found

    def stop(self) -> None:
        """End it, and everything it started, at once: all it has written goes with its folder."""
        self.http.close()
        self._empty.close()
        self._process.kill()
        self._process.wait()
        self.family.end()


@contextmanager
def serve(
    context: Context,
    extension: str | None,
    *,
    root: Path | None = None,
    options: Sequence[str] = (),
    data_dir: Path | None = None,
) -> Iterator[Server]:
    """Run a server with one of the extensions, or with none.

    Parameters
    ----------
    extension
        `OURS`, `SCHEDULER`, or `None`.
    root
        Folder to serve; by default a new one.
    options
        More of its command line.
    data_dir
        Where we keep executions; by default a new folder.
    """
    home = context.new_folder(extension or "plain")
    environment = context.environment(home)
    root = root or context.new_folder("root")
    data_dir = data_dir or home / "data" / "async_exec"
    token = secrets.token_hex(16)
    port = free_port()
    enabled = {OURS: extension == OURS, SCHEDULER: extension == SCHEDULER, PROBE: True}
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}"),
        f"--ServerApp.jpserver_extensions={enabled}",
        *options,
    ]
    environment |= {
        COOKIE: cookie(home),
        "JUPYTER_ASYNC_EXEC_DATA_DIR": str(data_dir),
    }
    began = time.perf_counter()
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for us; we end it then.
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}/"
    server = Server(process, url=url, token=token, home=home, root=root, data_dir=data_dir)
    try:
        server.wait_until_up(began)
        server.open_notebook()
        server.take_stall()
        if extension:
            suffix = ", nice=0" if set(SAME_NICENESS) <= set(options) else ""
            context.watched[server.take_stall] = f"{extension}{suffix}"
        yield server
        context.note_stalls()
    finally:
        context.watched.pop(server.take_stall, None)
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def cookie(home: Path) -> str:
    """Return what marks the processes that work in this folder, unique among all runs."""
    return f"{home.parent.name}-{home.name}"


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
