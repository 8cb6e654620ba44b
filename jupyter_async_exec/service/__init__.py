"""The use cases, without HTTP: one service for REST, the command line and whoever comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.service.ports import (
    KernelCatalog,
    KernelInfo,
    NotebookFiles,
    SubmitRequest,
    SweepPlan,
    SweepRequest,
)
from jupyter_async_exec.service.results import LogPiece, notebook_name

if TYPE_CHECKING:
    from jupyter_async_exec.service.use_cases import ExecutionService

__all__ = [
    "ExecutionService",
    "KernelCatalog",
    "KernelInfo",
    "LogPiece",
    "NotebookFiles",
    "SubmitRequest",
    "SweepPlan",
    "SweepRequest",
    "notebook_name",
]


def __getattr__(name: str) -> object:
    """Import the service when it is first asked for, with all that it needs to capture."""
    if name == "ExecutionService":
        from jupyter_async_exec.service.use_cases import ExecutionService

        return ExecutionService
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
