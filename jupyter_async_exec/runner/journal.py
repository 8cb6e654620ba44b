"""Journal format 1: what happened in an attempt, one JSON object per line, append-only.

The reader never raises because of what it reads: a torn last line is left for
the next call, a damaged line in the middle is skipped, an unknown type is
handed through. docs/reference/journal-format.md is the format for others.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.clock import Clock, format_at, parse_at, utc_now
from jupyter_async_exec.core.events import (
    CellFinished,
    CellStarted,
    Event,
    ExecutionStarted,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import Remark
from jupyter_async_exec.errors import DiskFullError
from jupyter_async_exec.runner.json_text import iterate_json, load_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

FORMAT = 1
#: What waits longer, or is more, is written.
BATCH_S = 0.1
BATCH_BYTES = 64 * 1024
#: For how long a full disk may stay full before the attempt fails.
DISK_PATIENCE_S = 30.0

#: Types that `to_event` may turn into events; `read_events` looks at no other.
_EVENT_TYPES = frozenset({"execution_started", "cell_started", "cell_finished", "metric", "remark"})
_CHUNK_BYTES = 1024 * 1024
#: A line up to its type, as the writer lays it out.
_TYPE_WITHIN_BYTES = 160


class JournalWriter:
    """Appends records in batches; never leaves half a line unless it is killed.

    Parameters
    ----------
    path
        Made when absent.
    first
        Number of the first record to write.
    clock
        Gives `at`.
    """

    def __init__(self, path: Path, *, first: int = 1, clock: Clock = utc_now) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._clock = clock
        self._seq = first - 1
        self._pending = bytearray()
        if size := os.fstat(self._descriptor).st_size:
            os.lseek(self._descriptor, size - 1, os.SEEK_SET)
            if os.read(self._descriptor, 1) != b"\n":
                self._pending += b"\n"  # what a killed writer left of a line stays a line
        self._pending_since: float | None = None
        self._full_since: float | None = None

    def stamp(self, kind: str, fields: JSONObject) -> JSONObject:
        """Return the next record: `fields` with its number, moment and type in front."""
        self._seq += 1
        head = {"seq": self._seq, "at": format_at(self._clock()), "type": kind}
        return head | {name: value for name, value in fields.items() if name not in head}

    def append(self, record: JSONObject) -> None:
        """Add a stamped record; it is written at the latest with the next `flush`."""
        if self._pending_since is None:
            self._pending_since = time.monotonic()
        for piece in iterate_json(record):
            self._pending += piece
            if len(self._pending) >= 16 * BATCH_BYTES:
                self.flush()
        self._pending += b"\n"
        if len(self._pending) >= BATCH_BYTES:
            self.flush()

    @property
    def is_due(self) -> bool:
        """Whether something has waited for a batch's time."""
        since = self._pending_since
        return since is not None and time.monotonic() - since >= BATCH_S

    def flush(self, *, durable: bool = False) -> None:
        """Hand everything to the system; `durable` also to the disk.

        On a full disk what is left waits for the next call.

        Raises
        ------
        DiskFullError
            The disk has been full for `DISK_PATIENCE_S`.
        """
        try:
            while self._pending:
                written = os.write(self._descriptor, memoryview(self._pending)[:_CHUNK_BYTES])
                del self._pending[:written]
            if durable:
                os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._wait_for_room()
            return
        self._pending_since = None
        self._full_since = None

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            self.flush()
        finally:
            os.close(self._descriptor)

    def _wait_for_room(self) -> None:
        now = time.monotonic()
        self._pending_since = now
        if self._full_since is None:
            self._full_since = now
        elif now - self._full_since > DISK_PATIENCE_S:
            raise DiskFullError(
                f"The disk has been full for {DISK_PATIENCE_S:.0f} s; nothing can be written."
            )


def read_journal(
    path: Path, offset: int = 0, *, limit_bytes: int | None = None
) -> tuple[list[JSONObject], int]:
    """Return the complete records from byte `offset` on, and the offset to go on from.

    Never raises because of the content. A last line without its end is not
    returned and not passed; a line that is no JSON object with a `type` is
    skipped.

    Parameters
    ----------
    path
        A journal; one that does not exist is empty.
    offset
        As an earlier call returned it.
    limit_bytes
        Stop after about so many bytes; at least one line is read, however long.
    """
    records: list[JSONObject] = []
    position = offset
    for line in _lines(path, offset):
        position += len(line)
        record = _parse(line)
        if record is not None:
            records.append(record)
        if limit_bytes is not None and position - offset >= limit_bytes:
            break
    return records, position


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Return the events from byte `offset` on, without parsing any output.

    What a dispatcher follows; outputs may be large and are none of its business.
    """
    events: list[Event] = []
    position = offset
    try:
        file = path.open("rb")
    except OSError:
        return events, offset
    with file:
        file.seek(offset)
        while line := file.readline(_CHUNK_BYTES):
            size = len(line)
            is_output = b'"type":"output' in line[:_TYPE_WITHIN_BYTES]
            while not line.endswith(b"\n"):
                piece = file.readline(_CHUNK_BYTES)
                if not piece:
                    return events, position
                size += len(piece)
                line = piece if is_output else line + piece
            position += size
            record = None if is_output else _parse(line)
            event = None if record is None else to_event(record)
            if event is not None:
                events.append(event)
    return events, position


def to_event(record: JSONObject) -> Event | None:
    """Return what a record means to the execution; `None` for all that changes only outputs."""
    kind = record.get("type")
    if kind not in _EVENT_TYPES:
        return None
    try:
        return _to_event(str(kind), record)
    except (KeyError, TypeError, ValueError):
        return None


def _to_event(kind: str, record: JSONObject) -> Event | None:
    at = parse_at(record["at"])
    match kind:
        case "execution_started":
            return ExecutionStarted(at=at, cells_total=_whole(record["cells_total"]))
        case "cell_started":
            return CellStarted(at=at, cell_index=_whole(record["cell_index"]))
        case "cell_finished" if record["status"] in ("ok", "error"):
            return CellFinished(at=at, cell_index=_whole(record["cell_index"]))
        case "metric":
            step = record.get("step")
            return MetricRecorded(
                at=at,
                name=str(record["name"]),
                value=record["value"],
                step=None if step is None else _whole(step),
            )
        case "remark":
            index = record.get("cell_index")
            remark = Remark(
                kind=str(record["kind"]),
                message=str(record["message"]),
                cell_index=None if index is None else _whole(index),
            )
            return Remarked(at=at, remark=remark)
    return None


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield line


def _parse(line: bytes) -> JSONObject | None:
    try:
        record = load_json(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        return None
    return record
