"""What can happen to an execution, one frozen class each, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_async_exec.core.environment import Environment
    from jupyter_async_exec.core.execution import Artifact, CellError, Reason, Remark, Status
    from jupyter_async_exec.core.json_types import JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptClaimed:
    """The dispatcher gave a queued execution a slot."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReturned:
    """An attempt died before its first cell, or is to be tried again; the execution waits."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted:
    """The runner has a kernel and is about to run the first cell."""

    at: datetime
    cells_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted:
    """A code cell was sent to the kernel."""

    at: datetime
    cell_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinished:
    """A code cell came back, with or without an error."""

    at: datetime
    cell_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecorded:
    """The notebook recorded a named number."""

    at: datetime
    name: str
    #: A number, or the name of one that is none: ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.
    value: JSONValue
    step: int | None = None
    #: Step and value of those that came shortly before, oldest first.
    earlier: tuple[tuple[int | None, JSONValue], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFound:
    """What the notebook runs in is known: packages, interpreter, machine."""

    at: datetime
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarked:
    """Something worth a look was seen."""

    at: datetime
    remark: Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Somebody asked for the end; the status follows when it has come."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFinished:
    """The end: a final status and everything that is kept."""

    at: datetime
    status: Status
    reason: Reason | None = None
    message: str | None = None
    error: CellError | None = None
    output_object: str | None = None
    journal_object: str | None = None
    log_object: str | None = None
    artifacts: tuple[Artifact, ...] = ()


Event: TypeAlias = (
    AttemptClaimed
    | AttemptReturned
    | ExecutionStarted
    | CellStarted
    | CellFinished
    | MetricRecorded
    | EnvironmentFound
    | Remarked
    | CancelRequested
    | ExecutionFinished
)
