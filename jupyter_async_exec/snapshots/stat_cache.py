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

if TYPE_CHECKING:
    from pathlib import Path

N_ENTRIES = 100_000
#: A file changed this lately may change again within one tick of its clock.
RACY_NS = 2_000_000_000

#: Size, mtime, ctime (ns), device and inode.
_Fingerprint: TypeAlias = tuple[int, int, int, int, int]


class StatCache:
    """File, as `stat` saw it, to object id; safe to use from several threads.

    A mistake here would put old bytes into a snapshot. Hence every change
    that `stat` can see counts, and files changed within the last two seconds
    are not remembered (git calls these "racy").

    Parameters
    ----------
    path
        Where it survives restarts, one JSON array a line; `None` keeps it in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[_Fingerprint, str]] | None = None
        self._is_changed = False

    def find(self, path: str, status: os.stat_result) -> str | None:
        """Return the object id of the file if it is as it was."""
        with self._lock:
            known = self._loaded().get(path)
        return known[1] if known is not None and known[0] == _fingerprint(status) else None

    def record(self, path: str, status: os.stat_result, object_id: str) -> None:
        """Remember what was read while the file was as `status` says."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < RACY_NS:
            return
        with self._lock:
            entries = self._loaded()
            # The latest last, so that the oldest are dropped first.
            entries.pop(path, None)
            entries[path] = (_fingerprint(status), object_id)
            self._is_changed = True

    def save(self) -> None:
        """Write down what is new; a cache that cannot be written is only slower."""
        with self._lock:
            if self._path is None or not self._is_changed:
                return
            newest = list(self._loaded().items())[-N_ENTRIES:]
            self._is_changed = False
        lines = [
            json.dumps([path, *fingerprint, object_id]) + "\n"
            for path, (fingerprint, object_id) in newest
        ]
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(lines)
            temporary.replace(self._path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _loaded(self) -> dict[str, tuple[_Fingerprint, str]]:
        if self._entries is None:
            self._entries = {}
            with suppress(OSError):
                for line in self._path.read_bytes().splitlines() if self._path else []:
                    self._load(line, self._entries)
        return self._entries

    @staticmethod
    def _load(line: bytes, entries: dict[str, tuple[_Fingerprint, str]]) -> None:
        try:
            path, size, mtime, ctime, device, inode, object_id = json.loads(line)
            fingerprint = (int(size), int(mtime), int(ctime), int(device), int(inode))
            if isinstance(path, str) and OBJECT_ID.fullmatch(object_id):
                entries[path] = (fingerprint, object_id)
        except (ValueError, TypeError, RecursionError):
            return  # Torn or foreign; the file will be read again.


def _fingerprint(status: os.stat_result) -> _Fingerprint:
    return (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_dev,
        status.st_ino,
    )
