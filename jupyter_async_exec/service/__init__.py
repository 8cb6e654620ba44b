"""The use cases, without HTTP: one service for REST, the command line and whoever comes next."""

from __future__ import annotations

from jupyter_async_exec.service.ports import (
    KernelCatalog,
    KernelInfo,
    NotebookFiles,
    SubmitRequest,
)
from jupyter_async_exec.service.results import LogPiece, notebook_name
from jupyter_async_exec.service.use_cases import ExecutionService

__all__ = [
    "ExecutionService",
    "KernelCatalog",
    "KernelInfo",
    "LogPiece",
    "NotebookFiles",
    "SubmitRequest",
    "notebook_name",
]
