"""A real Gateway in a process of its own, with its clusters on this machine, for tests."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Self

from tests.backends.dask.clusters import START_LIMIT_S

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "for tests"
#: None of them outlives a test run that is killed.
_TIE = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
_CONFIG = """
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.UnsafeLocalBackend.clusters_directory = {folder!r}
c.UnsafeLocalBackend.sigint_timeout = 0
c.SimpleAuthenticator.password = {password!r}
c.Proxy.address = c.Proxy.tcp_address = "127.0.0.1:{port}"
c.ClusterConfig.scheduler_cmd = [*{command!r}, "distributed.cli.dask_scheduler", "--no-dashboard"]
c.ClusterConfig.worker_cmd = [*{command!r}, "distributed.cli.dask_worker", "--no-nanny"]
"""


class Gateway:
    """A Gateway; `directory` holds what its clusters need."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        config = self._directory / "gateway.py"
        config.write_text(
            _CONFIG.format(
                folder=str(self._directory / "clusters"),
                password=PASSWORD,
                port=port,
                command=[*_TIE, sys.executable, "-m"],
            )
        )
        with (self._directory / "gateway.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*_TIE, sys.executable, "-m", "dask_gateway_server", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self._answers():
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        # Asked to end, it ends its clusters first; those that are tied to it end with it.
        self._process.send_signal(signal.SIGKILL if _TIE else signal.SIGTERM)
        self._process.wait(START_LIMIT_S)

    def log(self) -> str:
        return (self._directory / "gateway.log").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/api/version", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def log_in(password: str) -> dict[str, str]:
    """Return what tells Dask how to log in."""
    return {
        "DASK_GATEWAY__AUTH__KWARGS__USERNAME": "ada",
        "DASK_GATEWAY__AUTH__KWARGS__PASSWORD": password,
    }
