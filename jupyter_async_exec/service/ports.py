"""What the use cases need from outside, and what people ask of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_async_exec.core.execution import Collect
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.core.reuse import ReusePolicy
    from jupyter_async_exec.core.sweeps import SweepDefinition


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """An installed kernel, as people see it."""

    name: str
    display_name: str
    language: str
    #: Its kernel.json.
    spec: JSONObject = field(default_factory=dict)


class KernelCatalog(Protocol):
    """Which kernels are installed; may read files, therefore called in a thread."""

    def find(self) -> Mapping[str, KernelInfo]:
        """Return the installed kernels by name."""

    def default_name(self) -> str:
        """Return the kernel for notebooks that name none."""


class NotebookFiles(Protocol):
    """The user's files, as Jupyter paths; the server's contents or plain folders."""

    async def read(self, path: str) -> JSONObject:
        """Return the saved notebook at `path`; `NotFoundError` when there is none."""

    async def create(self, folder: str, name: str, notebook: JSONObject) -> str:
        """Write a new notebook, never over an old one; return its path."""

    def local_folder(self, path: str) -> Path | None:
        """Return the local folder of the notebook at `path`, if it is on local disk."""

    def local_root(self) -> Path | None:
        """Return the local folder of the root of all paths, if it is on local disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """What a person asks to run."""

    #: Jupyter path of the notebook.
    path: str
    #: The notebook as it is in memory; `None` reads the saved one.
    notebook: JSONObject | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    kernel_name: str | None = None
    title: str | None = None
    backend: str = "local"
    #: What it needs there besides a slot, by name.
    resources: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    #: Limits chosen for this execution, by field of `Limits`; the others are as configured.
    limits: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    submitted_by: str = ""
    #: Whether the result of an earlier execution will do; None: as it is usual.
    reuse: ReusePolicy | None = None
    #: Executions, by number or id, that have to succeed before it starts.
    after: tuple[str, ...] = ()
    #: What it is handed of others, these by number or id.
    collect: Collect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """Many executions of one notebook that a person asks for at once."""

    #: What holds for all of them; its parameters are the same everywhere.
    base: SubmitRequest
    #: What varies.
    definition: SweepDefinition
    #: Whether the first runs alone, and the others only if it succeeds; None: from 4 on.
    canary: bool | None = None
    #: Nothing more is started after so many failures (>= 1); None is no limit.
    stop_after: int | None = None
    #: What is run with its results; its `collect` says which parameter takes them, and when.
    then: SubmitRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What a sweep would be; nothing was accepted."""

    #: Executions that would run.
    count: int
    #: Earlier results that would do.
    n_reused: int
    #: Files that it is about; 0 if it is about none.
    n_files: int
    #: Those of them for which something would run.
    n_new_files: int
    #: How long all of it takes, from earlier executions; None when there are none.
    duration_s: float | None
    #: Both in a sentence.
    message: str
    #: The parameters of the first ones, in their order.
    trials: tuple[dict[str, JSONValue], ...]
