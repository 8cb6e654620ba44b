"""What server and worker say to each other: JSON, bytes beside it, and errors of ours."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_async_exec import errors
from jupyter_async_exec.backends.base import Harvest
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.execution import Artifact, Execution, Limits, Remark, Status
from jupyter_async_exec.errors import AsyncExecError, UnavailableError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue

#: Bytes beside the fields of a message.
Content: TypeAlias = bytes | memoryview

#: The operation that the agent adds to those of a Dask worker.
OPERATION = "jupyter_async_exec"
#: Changes whenever the two sides would misunderstand each other.
PROTOCOL = 6
#: No message carries more than about so many bytes of files.
PIECE_BYTES = 4 * 1024 * 1024
#: A call that is not a watch is answered within this time, or the connection is taken for broken.
CALL_TIMEOUT_S = 60.0


class UnreachableError(UnavailableError):
    """Nobody was reached: what was asked for was not done, unless it is an `UnansweredError`."""


class UnansweredError(UnreachableError):
    """Nobody answered; whether what was asked for was done, or still will be, is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far an attempt has come where it runs."""

    journal_bytes: int = 0
    log_bytes: int = 0
    has_result: bool = False
    is_alive: bool = False

    @property
    def grown(self) -> dict[str, int]:
        """By name, how much there is of each file that grows (bytes)."""
        return {files.JOURNAL: self.journal_bytes, files.LOG: self.log_bytes}

    @classmethod
    def from_json(cls, fields: Any) -> State:
        """Read what `dataclasses.astuple` gave."""
        journal_bytes, log_bytes, has_result, is_alive = fields
        return cls(
            journal_bytes=int(journal_bytes),
            log_bytes=int(log_bytes),
            has_result=bool(has_result),
            is_alive=bool(is_alive),
        )


def installed_release() -> str:
    """Return which release of ours is installed here; server and worker need the same."""
    return version("jupyter_async_exec")


def encode(fields: JSONObject) -> bytes:
    """Return fields as bytes, which Dask passes on without looking into them."""
    return json.dumps(fields, allow_nan=True, separators=(",", ":")).encode("ascii")


def decode(content: bytes) -> JSONObject:
    """Read what `encode` returned.

    Raises
    ------
    UnavailableError
        It is something else.
    """
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnavailableError(f"The other side says what cannot be read: {error}") from error
    if not isinstance(fields, dict):
        raise UnavailableError("The other side says what cannot be read.")
    return fields


def order_of(execution: Execution, secrets: dict[str, JSONValue]) -> JSONObject:
    """Return what a worker has to know to run the current attempt.

    Where the files lie on the server is not part of it: they are not there.
    """
    return {
        "id": execution.id,
        "number": execution.number,
        "attempt": execution.attempt,
        "notebook_path": execution.notebook_path,
        "parameters": execution.parameters,
        "kernel_name": execution.kernel_name,
        "snapshot_id": execution.snapshot_id,
        "resources": execution.resources,
        "limits": asdict(execution.limits),
        "linked": execution.provenance.get("linked", []),
        "handed": execution.provenance.get("handed"),
        "secrets": secrets,
    }


def execution_of(order: JSONObject) -> Execution:
    """Return the execution of an order, as far as running it needs it."""
    return Execution(
        id=order["id"],
        number=order["number"],
        attempt=order["attempt"],
        status=Status.RUNNING,
        notebook_path=order["notebook_path"],
        title="",
        parameters=order["parameters"],
        kernel_name=order["kernel_name"],
        snapshot_id=order["snapshot_id"],
        resources=order["resources"],
        limits=Limits(**order["limits"]),
        provenance={"linked": order["linked"], "handed": order["handed"]},
        created_at=utc_now(),
    )


def harvest_to_json(harvest: Harvest) -> JSONObject:
    """Return what an attempt left, for the other side."""
    return {
        "output_object": harvest.output_object,
        "journal_object": harvest.journal_object,
        "log_object": harvest.log_object,
        "artifacts": [
            [each.name, each.object_id, each.size_bytes, each.media_type]
            for each in harvest.artifacts
        ],
        "remarks": [[each.kind, each.message, each.cell_index] for each in harvest.remarks],
    }


def harvest_from_json(fields: JSONObject) -> Harvest:
    """Read what an agent says of a harvest; it comes from a machine that is not ours."""
    return Harvest(
        output_object=fields["output_object"],
        journal_object=fields["journal_object"],
        log_object=fields["log_object"],
        artifacts=tuple(
            Artifact(
                name=str(name),
                object_id=str(object_id),
                size_bytes=int(size_bytes),
                media_type=str(media_type),
            )
            for name, object_id, size_bytes, media_type in fields["artifacts"]
        ),
        remarks=tuple(
            Remark(kind=str(kind), message=str(message), cell_index=cell_index)
            for kind, message, cell_index in fields["remarks"]
        ),
    )


def error_to_json(error: Exception) -> JSONObject:
    """Return an error for the other side."""
    if isinstance(error, AsyncExecError):
        return {
            "kind": type(error).__name__,
            "message": error.message,
            "details": error.details,
        }
    return {"kind": "", "message": f"{type(error).__name__}: {error}", "details": {}}


def error_from_json(fields: JSONObject) -> AsyncExecError:
    """Return the same error here; what is none of ours is `UnavailableError`."""
    kind = getattr(errors, str(fields.get("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, AsyncExecError)):
        kind = UnavailableError
    details = fields.get("details")
    return kind(str(fields.get("message")), details if isinstance(details, dict) else None)
