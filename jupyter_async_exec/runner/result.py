"""How an attempt ended: written last by the runner, read by the dispatcher, or concluded."""

from __future__ import annotations

import json
import platform
import signal
import socket
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime  # noqa: TC003  dataclass fields are read at run time
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_async_exec.core.clock import format_at, parse_at, utc_now
from jupyter_async_exec.core.execution import CellError, Reason, Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.end_requests import find_request, name_of_signal
from jupyter_async_exec.runner.journal import iterate_journal
from jupyter_async_exec.runner.json_text import encode_json, load_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.runner.endings import Ending

LARGEST_RESULT_BYTES = 4 * 1024 * 1024
LARGEST_EVIDENCE_BYTES = 64 * 1024
#: So that a result never comes near its limit: a character is up to 6 bytes of JSON.
_LONGEST_TEXT = 100_000
_LONGEST_TRACEBACK = 200
_LARGEST_TRACEBACK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of one attempt."""

    attempt: int
    status: Status
    reason: Reason | None = None
    #: One sentence for people.
    message: str | None = None
    error: CellError | None = None
    #: `None` when no cell was ever sent to a kernel: the execution may be tried again.
    started_at: datetime | None = None
    finished_at: datetime
    cells_total: int | None = None
    #: `host`, `platform`, `python`.
    machine: dict[str, str] = field(default_factory=dict)


def describe_machine() -> dict[str, str]:
    """Return where this runs."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def write_result(directory: Path, result: Result) -> None:
    """Write `result` whole and durably; after it nothing in the attempt's outputs changes."""
    fields: JSONObject = asdict(result)
    fields["format"] = 1
    if result.message is not None:
        fields["message"] = result.message[:_LONGEST_TEXT]
    for name in ("started_at", "finished_at"):
        fields[name] = None if fields[name] is None else format_at(fields[name])
    if result.error is not None:
        fields["error"] = error_to_json(result.error)
    content = encode_json(fields)
    if len(content) > LARGEST_RESULT_BYTES:
        # Only what executed code wrote into the journal is so long. How it ended counts.
        content = encode_json({**fields, "error": None, "machine": {}})
    files.write_whole(directory / files.RESULT, content)


def read_result(directory: Path) -> Result | None:
    """Return the result, or `None` when there is none or what is there is not one.

    The file lies where executed code may write; it is size-limited, checked
    field by field and never raises because of what it holds.

    Raises
    ------
    OSError
        It is there and cannot be read now.
    """
    content = files.read_bounded(directory / files.RESULT, limit_bytes=LARGEST_RESULT_BYTES)
    if content is None:
        return None
    try:
        return _from_json(load_json(content))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def error_to_json(error: CellError) -> JSONObject:
    """Return an error for journal and result, cut to a sane size."""
    return {
        "cell_index": error.cell_index,
        "ename": error.ename[:_LONGEST_TEXT],
        "evalue": error.evalue[:_LONGEST_TEXT],
        "traceback": _shorten(error.traceback),
    }


def _shorten(traceback: tuple[str, ...]) -> list[str]:
    """Return the last lines: they say what went wrong."""
    kept: list[str] = []
    left_bytes = _LARGEST_TRACEBACK_BYTES
    for line in reversed(traceback[-_LONGEST_TRACEBACK:]):
        short = line[: _LONGEST_TEXT // 10]
        left_bytes -= len(encode_json(short))
        if left_bytes < 0:
            break
        kept.append(short)
    return kept[::-1]


def error_from_json(fields: Any) -> CellError | None:
    """Read what `error_to_json` wrote.

    Raises
    ------
    TypeError, ValueError
        `fields` is something else.
    """
    if fields is None:
        return None
    return CellError(
        cell_index=_typed(fields["cell_index"], int),
        ename=_typed(fields["ename"], str),
        evalue=_typed(fields["evalue"], str),
        traceback=tuple(_typed(line, str) for line in fields["traceback"]),
    )


def conclude_lost(directory: Path) -> Result:
    """Return the truth about an attempt whose lock is free and which left no result.

    `started_at` is `None` when the journal proves that no cell was sent to the
    kernel. An end that the journal holds but the result file does not is that
    end. When somebody had cancelled it, it is `cancelled`. Everything else is
    `failed`: `out_of_memory` when the system's counter of such kills grew and the
    signal fits, else `lost`.
    """
    return conclude(
        iterate_journal(directory / files.JOURNAL, outputs=False),
        evidence=read_evidence(directory),
        attempt=_attempt(directory),
        asked=find_request(directory),
    )


def read_evidence(directory: Path) -> JSONObject:
    """Return what the supervisor noted; empty when it noted nothing."""
    content = files.read_bounded(directory / files.SUPERVISOR, limit_bytes=LARGEST_EVIDENCE_BYTES)
    try:
        fields = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def conclude(
    records: Iterable[JSONObject],
    *,
    evidence: JSONObject,
    attempt: int,
    asked: Ending | None = None,
) -> Result:
    """Return the end that journal and evidence prove; see `conclude_lost`."""
    finished: Result | None = None
    started_at: datetime | None = None
    cells_total: int | None = None
    running: int | None = None
    last_at: datetime | None = None
    machine: dict[str, str] = {}
    for record in records:
        try:
            at = parse_at(record["at"])
            last_at = at if last_at is None else max(at, last_at)
            match record["type"]:
                case "execution_started":
                    cells_total = _typed(record["cells_total"], int)
                    machine = {str(k): str(v) for k, v in record.get("machine", {}).items()}
                case "cell_started":
                    started_at = started_at or at
                    running = _typed(record["cell_index"], int)
                case "cell_finished":
                    running = None
                case "execution_finished":
                    finished = _finished(record, attempt=attempt)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    if finished is not None:
        # An end may be older than the rule that it says when the attempt began.
        return replace(finished, started_at=finished.started_at or started_at)
    reason, message = _explain(evidence, running=running, started=started_at is not None)
    return Result(
        attempt=attempt,
        status=Status.FAILED if asked is None else asked.status,
        reason=reason if asked is None or asked.reason is not None else None,
        message=message if asked is None else f"{asked.message} {message}",
        started_at=started_at,
        finished_at=last_at or utc_now(),
        cells_total=cells_total,
        machine=machine,
    )


def _explain(evidence: JSONObject, *, running: int | None, started: bool) -> tuple[Reason, str]:
    ended = evidence.get("engine_ended")
    how = "The runner disappeared"
    reason = Reason.LOST
    if isinstance(ended, dict):
        number = ended.get("signal")
        if isinstance(number, int):
            how = f"The runner was killed by {name_of_signal(number)}"
        elif isinstance(ended.get("exit_code"), int):
            how = f"The runner ended unexpectedly with exit code {ended['exit_code']}"
        if number == signal.SIGTERM.value:
            how = "The runner was terminated"
        if ended.get("out_of_memory") is True and number == getattr(signal, "SIGKILL", 9):
            how = "The system killed the runner because memory ran out"
            reason = Reason.OUT_OF_MEMORY
    if evidence.get("owner_ended") is True:
        how, reason = "The worker below which it ran has ended", Reason.LOST
    if running is not None:
        return reason, f"{how} while cell {running + 1} was running."
    return reason, f"{how} {'between cells' if started else 'before the first cell'}."


def _finished(record: JSONObject, *, attempt: int) -> Result:
    started_at = record.get("started_at")
    return Result(
        attempt=attempt,
        status=_final(record["status"]),
        reason=None if record.get("reason") is None else Reason(record["reason"]),
        message=record.get("message"),
        error=error_from_json(record.get("error")),
        started_at=None if started_at is None else parse_at(started_at),
        finished_at=parse_at(record["at"]),
        cells_total=record.get("cells_total"),
        machine={str(k): str(v) for k, v in (record.get("machine") or {}).items()},
    )


def _from_json(fields: Any) -> Result:
    if fields["format"] != 1:
        raise ValueError("unknown format")
    message = fields["message"]
    cells_total = fields["cells_total"]
    return Result(
        attempt=_typed(fields["attempt"], int),
        status=_final(fields["status"]),
        reason=None if fields["reason"] is None else Reason(fields["reason"]),
        message=None if message is None else _typed(message, str),
        error=error_from_json(fields["error"]),
        started_at=None if fields["started_at"] is None else parse_at(fields["started_at"]),
        finished_at=parse_at(fields["finished_at"]),
        cells_total=None if cells_total is None else _typed(cells_total, int),
        machine={_typed(k, str): _typed(v, str) for k, v in fields["machine"].items()},
    )


def _final(value: Any) -> Status:
    status = Status(value)
    if not status.is_final:
        raise ValueError(f"{status} is not final")
    return status


_T = TypeVar("_T")


def _typed(value: Any, kind: type[_T]) -> _T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _attempt(directory: Path) -> int:
    from jupyter_async_exec.errors import AsyncExecError
    from jupyter_async_exec.runner.task import read_task

    try:
        return read_task(directory).attempt
    except AsyncExecError:
        return 0
