"""A server extension: this host is called what ``TEST_HOST_NAME`` says, as if renamed."""

from __future__ import annotations

import os
import socket
from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    # Before any extension is configured.
    socket.gethostname = lambda: os.environ["TEST_HOST_NAME"]
    return [{"module": __name__}]


def _load_jupyter_server_extension(_serverapp: Any) -> None:
    """There is nothing else to do."""
