"""Remembers which object an unchanged file is, so that it is not read again."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from jupyter_async_exec.objects.base import OBJECT_ID
from jupyter_async_exec.snapshots.found import Fingerprint, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Four projects of the largest size; about 10 MB of memory.
N_ENTRIES = 20_000
#: The file is written anew when it has so many lines; until then it only grows.
N_LINES = 2 * N_ENTRIES
#: A larger file is none of ours.
FILE_BYTES = 64_000_000
#: A file changed this lately may change again within one tick of its clock.
RACY_NS = 2_000_000_000

_Entry: TypeAlias = tuple[Fingerprint, str]


class StatCache:
    """File, as `stat` saw it, to object id; safe to use from several threads.

    A mistake here would put old bytes into a snapshot. Hence every change
    that `stat` can see counts, and files changed within the last two seconds
    are not remembered (git calls these "racy"). The oldest entries are
    forgotten first.

    Parameters
    ----------
    path
        Where it survives restarts, one JSON array a line; `None` keeps it in
        memory. What cannot be read there is no entry, and several processes
        may add to the same file.

    Notes
    -----
    Source of the rule: git's `Documentation/technical/racy-git.adoc`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] | None = None
        #: Not in the file yet.
        self._unsaved: dict[str, _Entry] = {}
        self._n_lines = 0

    def find(self, path: str, status: os.stat_result) -> str | None:
        """Return the object id of the file if it is as it was."""
        return self.find_all([(path, status)])[0]

    def find_all(self, files: Iterable[tuple[str, os.stat_result]]) -> list[str | None]:
        """Return the same for each of many files, given by path and status."""
        with self._lock:
            entries = self._loaded()
            known = [(entries.get(path), status) for path, status in files]
        return [
            entry[1] if entry is not None and entry[0] == fingerprint(status) else None
            for entry, status in known
        ]

    def record(self, path: str, status: os.stat_result, object_id: str) -> None:
        """Remember what was read while the file was as `status` says."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < RACY_NS:
            return
        with self._lock:
            entry = (fingerprint(status), object_id)
            _remember(self._loaded(), path, entry)
            _remember(self._unsaved, path, entry)

    def save(self) -> None:
        """Write down what is new; a cache that cannot be written is only slower."""
        with self._lock:
            unsaved, self._unsaved = self._unsaved, {}
            if self._path is None or not unsaved:
                return
            self._n_lines += len(unsaved)
            with suppress(OSError):
                if self._n_lines <= N_LINES:
                    _append(self._path, unsaved)
                else:
                    _replace(self._path, self._loaded())
                    self._n_lines = len(self._loaded())

    def _loaded(self) -> dict[str, _Entry]:
        if self._entries is None:
            self._entries = {}
            if self._path is not None:
                for line in _read_lines(self._path):
                    self._n_lines += 1
                    _load(line, self._entries)
        return self._entries


def _remember(entries: dict[str, _Entry], path: str, entry: _Entry) -> None:
    # The latest last, so that the oldest are dropped first.
    entries.pop(path, None)
    entries[path] = entry
    if len(entries) > N_ENTRIES:
        del entries[next(iter(entries))]


def _read_lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError:
        return []
    return data.splitlines() if len(data) <= FILE_BYTES else []


def _load(line: bytes, entries: dict[str, _Entry]) -> None:
    try:
        path, size, mtime, ctime, device, inode, object_id = json.loads(line)
        fingerprint = (int(size), int(mtime), int(ctime), int(device), int(inode))
        if isinstance(path, str) and OBJECT_ID.fullmatch(object_id):
            _remember(entries, path, (fingerprint, object_id))
    except (ValueError, TypeError, RecursionError):
        return  # Torn or foreign; the file will be read again.


def _lines(entries: dict[str, _Entry]) -> bytes:
    return "".join(
        json.dumps([path, *fingerprint, object_id]) + "\n"
        for path, (fingerprint, object_id) in entries.items()
    ).encode("ascii")


def _append(path: Path, entries: dict[str, _Entry]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A line break first ends a line that somebody did not finish.
        os.write(descriptor, b"\n" + _lines(entries))
    finally:
        os.close(descriptor)


def _replace(path: Path, entries: dict[str, _Entry]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_lines(entries))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
