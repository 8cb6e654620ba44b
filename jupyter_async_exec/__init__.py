"""Jupyter's hooks: where the front end lies and which application serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.app import AsyncExecApp

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Return `__version__` when it is first asked for; reading it costs a directory search."""
    if name == "__version__":
        from importlib.metadata import version

        return version("jupyter_async_exec")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Return where the built front end lies and the name JupyterLab knows it by."""
    return [{"src": "labextension", "dest": "jupyter_async_exec"}]


def _jupyter_server_extension_points() -> list[dict[str, str | type[AsyncExecApp]]]:
    """Return the application that Jupyter Server loads.

    Imported here and not above, because `jupyter labextension list`, the CLI
    and the runner import this package and need no server.
    """
    from jupyter_async_exec.app import AsyncExecApp

    return [{"module": "jupyter_async_exec", "app": AsyncExecApp}]
