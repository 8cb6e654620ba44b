"""A server of PostgreSQL's of our own: made in a folder, started on a socket, ended or killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where Debian puts programs that are not in PATH, by version.
DEBIAN = Path("/usr/lib/postgresql")
HOW = "install PostgreSQL (on Debian: apt install postgresql) to run them"
START_LIMIT_S = 60.0
#: What makes tests quick and loses data when the machine dies, never when a process does.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def find_programs() -> Path | None:
    """Return the folder with the newest `initdb` and `postgres`, None if there is none."""
    found = sorted(
        (folder for folder in DEBIAN.glob("*/bin") if (folder / "initdb").exists()),
        key=lambda folder: float(folder.parent.name),
    )
    if found:
        return found[-1]
    there = shutil.which("initdb")
    folder = Path(there).resolve().parent if there else None
    return folder if folder and (folder / "postgres").exists() else None


def require_programs() -> Path:
    """Return that folder, or leave the test out; in continuous integration that is a failure."""
    folder = find_programs()
    if folder is not None:
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"PostgreSQL is not there: {HOW}.", pytrace=False)
    pytest.skip(f"PostgreSQL is not there: {HOW}")


class Cluster:
    """A server with its folder, which `remove` removes.

    Parameters
    ----------
    settings
        Of `postgresql.conf`; those that make tests quick if left out.
    """

    def __init__(self, **settings: str) -> None:
        self._programs = require_programs()
        self._settings = settings or QUICK
        # Not among pytest's folders: PostgreSQL refuses to be root, and others may not enter them.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._user = _user()
        self._group = None if self._user is None else _group(self._user)
        if self._user is not None:
            shutil.chown(self.folder, self._user, self._group)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions",
        )  # fmt: skip

    def let_in_over_tls(self, certificate: Path, key: Path, *, port: int) -> None:
        """Listen on 127.0.0.1, from the next start on, to who comes over TLS with a password."""
        data = self.folder / "data"
        for source, name in ((certificate, "cert.pem"), (key, "key.pem")):
            shutil.copy(source, data / name)
            (data / name).chmod(0o600)
            if self._user is not None:
                shutil.chown(data / name, self._user, self._group)
        rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (data / "pg_hba.conf").write_text(rules)
        files = {"ssl_cert_file": "cert.pem", "ssl_key_file": "key.pem"}
        network = {"listen_addresses": "127.0.0.1", "port": str(port)}
        self._settings = {**self._settings, **network, "ssl": "on", **files}

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    @property
    def pid(self) -> int:
        """Process id of its postmaster."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "32MB",
            "max_connections": "100",
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=self._group,
            )
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self.answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline_s, "PostgreSQL does not answer"
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether somebody can connect."""
        ready = [str(self._programs / "pg_isready"), "-q", *self._where()]
        return subprocess.run(ready, check=False, timeout=START_LIMIT_S).returncode == 0

    def stop(self, number: int = signal.SIGINT) -> None:
        """Send it that signal and wait until it is gone; by default it hangs up and ends."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_LIMIT_S)
            self._process = None

    def crash(self) -> None:
        """Kill it and everything it has started, as a power cut does."""
        assert self._process is not None
        self.stop(signal.SIGQUIT)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Return what the statement answers, as text."""
        program = str(self._programs / "psql")
        command = [program, "-XAtq", "-v", "ON_ERROR_STOP=1", *self._where()]
        command += ["-U", "postgres", "-d", database, "-c", statement]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1_800)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def create(self, database: str, *, template: str | None = None) -> str:
        """Make a database, as a copy of another if named; return its address."""
        copied = f" TEMPLATE {template}" if template else ""
        self.sql(f"CREATE DATABASE {database}{copied}")
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _where(self) -> Sequence[str]:
        """Return how its programs find it; the name of its socket holds the number of the port."""
        return ("-h", str(self.folder), "-p", self._settings.get("port", "5432"))

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = (str(self._programs / program), *arguments)
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=300,
            cwd=self.folder,
            user=self._user,
            group=self._group,
        )


def _user() -> str | None:
    """Return who is to run it if we are root, which PostgreSQL refuses."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return "nobody"


def _group(user: str) -> str:
    import grp

    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
