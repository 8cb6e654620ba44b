"""Journal format 1: what happened in an attempt, one JSON object per line, append-only.

The reader never raises because of what it reads: a torn last line is left for
the next call, a damaged line in the middle is skipped, an unknown type is
handed through. A journal that is there and cannot be opened is an
`OSError`. docs/reference/journal-format.md is the format for others.
"""

from __future__ import annotations

import errno
import os
import re
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import Clock, format_at, utc_now
from jupyter_async_exec.errors import DiskFullError
from jupyter_async_exec.runner.journal_events import EVENT_TYPES, to_event
from jupyter_async_exec.runner.json_text import (
    Encoded,
    encode_json,
    iterate_json,
    json_parts,
    load_json,
)
from jupyter_async_exec.runner.large import (
    Held,
    OpenFile,
    Stored,
    Text,
    check,
    hold_large,
    insert,
    map_large,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from jupyter_async_exec.core.events import Event
    from jupyter_async_exec.core.json_types import JSONObject

FORMAT = 1
#: What waits longer, or is more, is written.
BATCH_S = 0.1
BATCH_BYTES = 64 * 1024
#: For how long a full disk may stay full before the attempt fails.
DISK_PATIENCE_S = 30.0

#: Types whose records have outputs in them, and all whose records show something.
_OUTPUT_TYPES = frozenset({"output", "output_updated"})
_SHOWING_TYPES = _OUTPUT_TYPES | {"widget_updated"}

#: Only these mean that there is no journal. Whoever took any other error for an empty one
#: would run again what has run.
_ABSENT = (FileNotFoundError, NotADirectoryError)
_CHUNK_BYTES = 1024 * 1024
_HEAD_FIELDS = ("seq", "at", "type")
#: How the writer begins a line, up to where its large values are.
_HEAD = re.compile(
    rb'(\{"seq":\d+,"at":"[^"\\]*","type":"([a-z_]+)")(?:,"large":(\[[0-9,\[\]]*\]))?,'
)


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
        self._file = OpenFile(path)
        self._clock = clock
        self._seq = first - 1
        self._last_at: datetime | None = None
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
        now = self._clock()
        # A clock that is set back must not make anything end before it began.
        self._last_at = now if self._last_at is None else max(now, self._last_at)
        head = {"seq": self._seq, "at": format_at(self._last_at), "type": kind}
        return head | {name: value for name, value in fields.items() if name not in head}

    def append(self, record: JSONObject) -> JSONObject:
        """Add a stamped record; it is written at the latest with the next `flush`.

        Returns
        -------
        JSONObject
            The record, with `Stored` in the place of each large output.
        """
        is_small = True
        if record["type"] in _OUTPUT_TYPES:
            record, held = hold_large(record)
            if held:
                return self._append_large(record)
        else:
            is_small = record["type"] != "widget_updated"
        if self._pending_since is None:
            self._pending_since = time.monotonic()
        for piece in (encode_json(record),) if is_small else iterate_json(record):
            self._pending += piece
            if len(self._pending) >= 16 * BATCH_BYTES:
                self.flush()
        self._pending += b"\n"
        if len(self._pending) >= BATCH_BYTES:
            self.flush()
        return record

    def _append_large(self, record: JSONObject) -> JSONObject:
        """Write a record at once, its large values straight from where they are."""
        head = {name: record[name] for name in _HEAD_FIELDS}
        content: list[bytes | memoryview] = []
        places: dict[int, int] = {}
        ranges: list[list[int]] = []
        position = 0
        for part in json_parts({n: v for n, v in record.items() if n not in head}):
            if isinstance(part, Held):
                places[id(part)] = position
                ranges.append([position, part.size_bytes])
            piece = part.content if isinstance(part, Held) else _bytes_of(part)
            content.append(piece)
            position += len(piece)
        start = encode_json(head)[:-1] + b',"large":' + encode_json(ranges)
        # A comma in the place of the brace with which the rest alone would begin.
        content[0] = b"," + bytes(content[0][1:])
        content = [start, *content, b"\n"]
        self.flush()
        origin = os.lseek(self._descriptor, 0, os.SEEK_END) + len(start)
        if not self._write(content):
            # On a full disk it waits in memory; what is in memory needs no place.
            return map_large(record, Text.load)
        return map_large(
            record,
            lambda held: Stored(
                self._file, origin + places[id(held)], held.size_bytes, folds=held.folds
            ),
        )

    def _write(self, content: list[bytes | memoryview]) -> bool:
        """Write all of `content`, or add to what is pending what does not fit."""
        for index, piece in enumerate(content):
            written = 0
            try:
                while not self._pending and written < len(piece):
                    written += os.write(self._descriptor, piece[written : written + _CHUNK_BYTES])
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            if written < len(piece):
                self._pending += b"".join((piece[written:], *content[index + 1 :]))
                self._wait_for_room()
                return False
        return True

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


def iterate_journal(path: Path, *, outputs: bool = True) -> Iterator[JSONObject]:
    """Give the complete records one by one, large outputs in them as `Stored`.

    Never raises because of the content, and never holds more than one record.

    Parameters
    ----------
    path
        A journal; one that does not exist is empty.
    outputs
        `False` gives of records that show something only number, moment and type.
    """
    try:
        file = OpenFile(path)
        lines = path.open("rb")
    except _ABSENT:
        return
    with lines:
        for first, start, end in _extents(lines, 0):
            head = _HEAD.match(first)
            record = None
            if head is not None and not outputs and head[2].decode() in _SHOWING_TYPES:
                record = _parse(head[1] + b"}")
            elif head is not None and head[3] is not None:
                record = _parse_large(file, head, start, end)
            if record is None:
                line = first if len(first) == end - start else file.read(start, end - start)
                record = _parse(line)
            if record is not None:
                yield record


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Return the events from byte `offset` on, without parsing any output.

    What a dispatcher follows; outputs may be large and are none of its business.
    """
    events: list[Event] = []
    try:
        lines = path.open("rb")
    except _ABSENT:
        return events, offset
    with lines:
        for first, start, end in _extents(lines, offset):
            offset = end
            head = _HEAD.match(first)
            if head is not None and head[2].decode() not in EVENT_TYPES:
                continue
            line = first
            if len(first) != end - start:
                lines.seek(start)
                line = lines.read(end - start)
            record = _parse(line)
            event = None if record is None else to_event(record)
            if event is not None:
                events.append(event)
    return events, offset


def _extents(lines: BinaryIO, offset: int) -> Iterator[tuple[bytes, int, int]]:
    """Give each complete line: at most its first megabyte, where it starts and ends."""
    lines.seek(offset)
    while first := lines.readline(_CHUNK_BYTES):
        start, offset = offset, offset + len(first)
        last = first
        while not last.endswith(b"\n"):
            last = lines.readline(_CHUNK_BYTES)
            if not last:
                return
            offset += len(last)
        yield first, start, offset


def _parse_large(file: OpenFile, head: re.Match[bytes], start: int, end: int) -> JSONObject | None:
    """Parse a line around its large values; `None` when they are not where it says."""
    parts: list[bytes] = []
    values: list[Stored] = []
    position, origin = start, start + head.end() - 1
    try:
        for offset, size_bytes in load_json(head[3]):
            at = origin + offset
            if not position <= at < at + size_bytes < end:
                return None
            values.append(Stored(file, at, size_bytes))
            parts.append(file.read(position, at - position))
            position = at + size_bytes
        parts.append(file.read(position, end - position))
        record = insert(parts, values) if all(map(check, values)) else None
        return record if _is_record(record) else None
    except (ValueError, TypeError, OSError, RecursionError):
        return None


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except _ABSENT:
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield line


def _bytes_of(part: bytes | Encoded) -> bytes:
    return part if isinstance(part, bytes) else b"".join(part.pieces())


def _parse(line: bytes) -> JSONObject | None:
    try:
        record = load_json(line)
    except (ValueError, RecursionError):
        return None
    return record if _is_record(record) else None


def _is_record(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)
