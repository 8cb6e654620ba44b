"""What notebooks and scripts may import, and Jupyter's hooks: front end and application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_async_exec.app import AsyncExecApp
    from jupyter_async_exec.client import run
    from jupyter_async_exec.recording import log_metric

__all__ = ["__version__", "log_metric", "run"]


def __getattr__(name: str) -> Any:
    """Return what is public when it is first asked for; most who import us need none of it."""
    match name:
        case "__version__":
            from importlib.metadata import version

            return version("jupyter_async_exec")
        case "log_metric":
            from jupyter_async_exec.recording import log_metric

            return log_metric
        case "run":
            from jupyter_async_exec.client import run

            return run
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
