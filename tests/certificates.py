"""An authority of our own and a certificate that it signed, made by `openssl`."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def make_certificates(folder: Path) -> Path:
    """Put `ca.pem`, and `cert.pem` with `key.pem` for 127.0.0.1, into a new folder; return it."""
    folder.mkdir()
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=us"]
    _openssl(folder, "req", "-x509", *new, *authority)
    request = ["-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=127.0.0.1"]
    _openssl(folder, "req", *new, *request)
    signed = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", "cert.pem"]
    _openssl(folder, "x509", "-req", "-in", "request.pem", *signed)
    return folder


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
