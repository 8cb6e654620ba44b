"""`jupyter async-exec …`: one module per verb, over the same service as the server's."""

from __future__ import annotations

from jupyter_async_exec.cli.command import main

__all__ = ["main"]
