"""The execution and the values it is made of; `transitions.py` moves it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_async_exec.core.json_types import JSONObject, JSONValue


#: The backend that is always there: this machine.
LOCAL = "local"


class Status(StrEnum):
    """Where an execution stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing can change the status any more."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class Reason(StrEnum):
    """Why an execution is `failed`."""

    CELL_ERROR = "cell_error"
    KERNEL_DIED = "kernel_died"
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    STALLED = "stalled"
    KERNEL_MISSING = "kernel_missing"
    #: We do not know what happened.
    LOST = "lost"
    INTERNAL = "internal"


class Hold(StrEnum):
    """What a queued execution waits for besides a slot."""

    #: The first execution of its sweep, which shows whether the others make sense.
    CANARY = "canary"
    #: The executions it follows or collects.
    OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellError:
    """What the kernel said when a cell failed."""

    #: 0-based position in the executed notebook, the injected cell counted.
    cell_index: int
    ename: str
    evalue: str
    #: Lines as the kernel sent them, with ANSI colours.
    traceback: tuple[str, ...] = ()


#: Kind of the remark that an attempt was lost after its code may have begun, and was tried again.
TRIED_AGAIN = "tried_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something worth a look in an execution, whatever its status."""

    #: Machine-readable kind, such as `shell_exit_code` or `wrote_through_link`.
    kind: str
    #: One sentence for people.
    message: str
    cell_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A named file an execution produced; the executed notebook is not listed here."""

    #: Path relative to the notebook's folder, `/` between parts.
    name: str
    object_id: str
    size_bytes: int
    #: Guessed from the name.
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an execution may use; `None` is no limit."""

    run_time_s: float | None = None
    silence_s: float | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None


#: Fields of `Limits` by what requests and the configuration call them.
LIMIT_NAMES = {
    "run_time_limit_s": "run_time_s",
    "silence_limit_s": "silence_s",
    "memory_limit_bytes": "memory_bytes",
    "output_limit_bytes": "output_bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """Which executions an execution is handed, as the value of a parameter, and when."""

    #: Ids; none where it is a sweep.
    executions: tuple[str, ...] = ()
    #: All executions of this sweep, also those added to it meanwhile.
    sweep_id: str | None = None
    #: The name of the parameter.
    parameter: str = "executions"
    #: As soon as so many of them succeeded (>= 1), and only these; None: all of them.
    first: int | None = None
    #: So long after the submission, in seconds, those that succeeded till then; None: no limit.
    within_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One immutable run of one snapshot with one set of parameter values."""

    #: 32 hexadecimal digits.
    id: str
    #: Store-wide, counted from 1, never reused.
    number: int
    status: Status
    reason: Reason | None = None
    #: One sentence on how it ended.
    message: str | None = None
    #: Jupyter path of the notebook at submission.
    notebook_path: str
    title: str
    parameters: dict[str, JSONValue] = field(default_factory=dict)
    kernel_name: str
    backend: str = "local"
    #: What it needs there besides a slot, by name; nobody else has it meanwhile.
    resources: dict[str, float] = field(default_factory=dict)
    snapshot_id: str
    sweep_id: str | None = None
    #: The execution this one is a rerun of.
    parent_id: str | None = None
    #: 0 until the first attempt; the fencing token afterwards.
    attempt: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: Code cells finished, of `cells_total` that will be run.
    cells_done: int = 0
    cells_total: int | None = None
    #: 0-based position of the cell now running, in the executed notebook.
    current_cell: int | None = None
    error: CellError | None = None
    metrics: dict[str, JSONValue] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    starred: bool = False
    pinned: bool = False
    cancel_requested: bool = False
    #: Why it may not start although it is queued; None: as soon as it is its turn.
    hold: Hold | None = None
    #: While others hold it up: what it waits for, as a sentence.
    waits_for: str | None = None
    #: Ids of the executions it follows: it starts if all of them succeed.
    after: tuple[str, ...] = ()
    #: What it is handed; once it has been, the value is among the parameters.
    collect: Collect | None = None
    deleted_at: datetime | None = None
    submitted_by: str = ""
    limits: Limits = field(default_factory=Limits)
    #: How the submission came to be: linked files, git, kernel, notes (receipt).
    provenance: JSONObject = field(default_factory=dict)
    #: Object ids, present once final (and only when there was something to keep).
    output_object: str | None = None
    journal_object: str | None = None
    log_object: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    #: Names what it ran in: packages, interpreter, machine; equal for equal ones.
    environment_id: str | None = None
    #: Store-wide revision of the last change; larger is later.
    rev: int = 0

    @property
    def is_final(self) -> bool:
        """Whether nothing can change the status any more."""
        return self.status.is_final

    @property
    def n_tried_again(self) -> int:
        """How often it was lost after its code may have begun, and went back to the queue."""
        return sum(remark.kind == TRIED_AGAIN for remark in self.remarks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Everything that is fixed at acceptance; the store adds number and revision."""

    id: str
    #: Client-made; a second submission with the same one is the first again.
    request_id: str | None = None
    notebook_path: str
    title: str
    parameters: dict[str, JSONValue]
    kernel_name: str
    backend: str
    resources: dict[str, float] = field(default_factory=dict)
    snapshot_id: str
    parent_id: str | None = None
    sweep_id: str | None = None
    tags: tuple[str, ...] = ()
    submitted_by: str = ""
    limits: Limits = field(default_factory=Limits)
    provenance: JSONObject = field(default_factory=dict)
    #: Equal for what would compute the same, see `core.reuse`; None if that cannot be told.
    reuse_key: str | None = None
    after: tuple[str, ...] = ()
    collect: Collect | None = None
    #: Of a rerun: what its parent was handed, see `core.fan_in`.
    handed: JSONObject | None = None
    created_at: datetime

    def __post_init__(self) -> None:
        """Give no key to what runs elsewhere: the key says what it runs in here."""
        if self.backend != LOCAL:
            object.__setattr__(self, "reuse_key", None)


def new_id() -> str:
    """Return a fresh execution id: 128 random bits in hexadecimal."""
    return secrets.token_hex(16)
