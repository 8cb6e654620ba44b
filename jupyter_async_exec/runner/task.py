"""What a runner is told: the one file that is there before it starts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Limits
from jupyter_async_exec.core.json_types import JSONValue  # noqa: TC001  read at run time
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from pathlib import Path

#: More than any set of parameters; a larger file is not ours.
LARGEST_TASK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt at one execution, as the dispatcher hands it to a runner."""

    format: int = 1
    execution_id: str
    number: int
    attempt: int
    #: Absolute working directory of the kernel.
    folder: str
    kernel_name: str
    language: str
    #: Secrets only as what stands in their place.
    parameters: dict[str, JSONValue] = field(default_factory=dict)
    #: The file that holds the secrets among them.
    secrets_path: str | None = None
    limits: Limits = field(default_factory=Limits)
    #: Extra variables for the kernel.
    environment: dict[str, str] = field(default_factory=dict)
    nice: int = 5
    #: Id and start of the process with which the attempt ends; None: it outlives whoever began it.
    owner: tuple[int, float] | None = None

    @property
    def cookie(self) -> str:
        """What marks every process of this attempt, in its environment."""
        return f"{self.execution_id}-{self.attempt}"

    @property
    def variables(self) -> dict[str, str]:
        """What the kernel's environment says of this execution."""
        return self.environment | {
            "JUPYTER_ASYNC_EXEC_ID": self.execution_id,
            "JUPYTER_ASYNC_EXEC_NUMBER": str(self.number),
            "JUPYTER_ASYNC_EXEC_DIR": self.folder,
        }


def write_task(directory: Path, task: Task, *, durable: bool = True) -> None:
    """Write `task` into the attempt's directory."""
    text = json.dumps(asdict(task), ensure_ascii=True, allow_nan=True)
    files.write_whole(directory / files.TASK, text.encode(), durable=durable)


def read_task(directory: Path) -> Task:
    """Read what `write_task` wrote.

    Raises
    ------
    InvalidRequestError
        There is no such file, or it is not a task this release understands.
    """
    content = files.read_bounded(directory / files.TASK, limit_bytes=LARGEST_TASK_BYTES)
    if content is None:
        raise InvalidRequestError(f"{files.TASK} cannot be read; the attempt cannot be run.")
    try:
        fields = json.loads(content)
        if fields.get("format") != 1:
            raise InvalidRequestError(
                f"{files.TASK} has format {fields.get('format')!r}; this release reads format 1."
            )
        limits = Limits(**(fields.get("limits") or {}))
        owner = fields.get("owner")
        owner = None if owner is None else (int(owner[0]), float(owner[1]))
        return Task(**{**fields, "limits": limits, "owner": owner})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise InvalidRequestError(f"{files.TASK} is damaged: {error}") from error
