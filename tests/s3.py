"""A server that speaks the protocol of S3, in a process of its own on this machine."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

START_LIMIT_S = 120.0
#: What the client finds where it looks for credentials; the server takes any.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "anything",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Request:
    """What somebody asked for."""

    #: The id of their key.
    who: str
    method: str
    #: Below the bucket.
    key: str


@dataclass(frozen=True)
class S3:
    """Where it listens; the bucket is called `bucket`."""

    endpoint: str
    process: subprocess.Popen[bytes]
    #: Where it writes down what is asked for.
    log: Path

    @property
    def options(self) -> dict[str, object]:
        return {"endpoint_url": self.endpoint}

    @contextmanager
    def recording(self) -> Iterator[list[Request]]:
        """Give a list that holds, after the block, what was asked for within it."""
        requests: list[Request] = []
        self.log.write_text("")
        _call(f"{self.endpoint}/moto-api/recorder/start-recording", "POST")
        try:
            yield requests
        finally:
            _call(f"{self.endpoint}/moto-api/recorder/stop-recording", "POST")
        for line in self.log.read_text().splitlines():
            entry = json.loads(line)
            who = re.search(r"Credential=(\w+)", entry["headers"].get("Authorization", ""))
            key = urlsplit(entry["url"]).path.removeprefix("/bucket/")
            requests.append(Request(who[1] if who else "", entry["method"], key))


@contextmanager
def serve_s3() -> Iterator[S3]:
    """Start the server (moto's) and make a bucket; in the end it is ended."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with TemporaryDirectory() as folder:
        log = Path(folder) / "requests"
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **CREDENTIALS, "MOTO_RECORDER_FILEPATH": str(log)},
        )
        server = S3(f"http://127.0.0.1:{port}", process, log)
        try:
            _make_bucket(server)
            yield server
        finally:
            process.terminate()
            process.wait()


def _call(url: str, method: str) -> None:
    urlopen(HttpRequest(url, method=method)).close()


def _make_bucket(server: S3) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            _call(f"{server.endpoint}/bucket", "PUT")
        except URLError:
            if time.monotonic() > deadline_s or server.process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return
