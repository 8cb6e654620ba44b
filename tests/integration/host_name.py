"""A server extension: this host has the name that a variable says, as after it was renamed."""

from __future__ import annotations

import os
import socket
from typing import Any

VARIABLE = "TEST_HOST_NAME"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    # Before any extension is configured.
    socket.gethostname = lambda: os.environ[VARIABLE]
    return [{"module": __name__}]


def _load_jupyter_server_extension(_serverapp: Any) -> None:
    """There is nothing else to do."""
