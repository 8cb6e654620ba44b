"""A server that speaks the protocol of S3, in a process of its own on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

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
class S3:
    """Where it listens; the bucket is called `bucket`."""

    endpoint: str
    process: subprocess.Popen[bytes]

    @property
    def options(self) -> dict[str, object]:
        return {"endpoint_url": self.endpoint}


@contextmanager
def serve_s3() -> Iterator[S3]:
    """Start the server (moto's) and make a bucket; in the end it is ended."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **CREDENTIALS},
    )
    server = S3(f"http://127.0.0.1:{port}", process)
    try:
        _make_bucket(server)
        yield server
    finally:
        process.terminate()
        process.wait()


def _make_bucket(server: S3) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            urlopen(Request(f"{server.endpoint}/bucket", method="PUT")).close()
        except URLError:
            if time.monotonic() > deadline_s or server.process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return
