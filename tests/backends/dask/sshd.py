"""A private SSH server on this machine, with keys of its own, for tests."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from tests.backends.dask.clusters import START_LIMIT_S

#: Debian keeps it where only root looks.
SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
#: Without this folder it does not start for root; the package's service makes it.
_SEPARATION = Path("/run/sshd")
_CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/mine.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv PYTHONPATH="{path}"
"""


def why_not() -> str:
    """Return why there can be none here; empty when there can."""
    if SSHD is None or shutil.which("ssh-keygen") is None:
        return "needs sshd"
    return "" if os.geteuid() or _SEPARATION.is_dir() else f"sshd needs {_SEPARATION}"


class Sshd:
    """An SSH server that lets us in; `folder` holds its keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def connect_options(self) -> dict[str, Any]:
        """What `asyncssh.connect` is called with."""
        return {
            "username": getpass.getuser(),
            "port": self._port,
            "client_keys": [str(self._folder / "mine")],
            "known_hosts": str(self._folder / "known"),
        }

    def __enter__(self) -> Self:
        assert SSHD is not None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        for name in ("host", "mine"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / name)]
            subprocess.run(make, check=True)
        public = (self._folder / "host.pub").read_text()
        (self._folder / "known").write_text(f"[127.0.0.1]:{self._port} {public}")
        config = self._folder / "sshd_config"
        path = os.environ.get("PYTHONPATH", "")
        config.write_text(_CONFIG.format(folder=self._folder, port=self._port, path=path))
        with (self._folder / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log
            )
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self._answers():
            assert time.monotonic() < deadline_s, (self._folder / "sshd.log").read_text()
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(START_LIMIT_S)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
