"""Where a store may lie, and what SQLite's complaints mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    DiskFullError,
    UnavailableError,
)
from jupyter_async_exec.store.sqlite.file import explain, file_system_of, journal_mode

MOUNTS = r"""
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/ada/local\040disk xfs rw 0 0
tmpfs /home/ada/local\040disk tmpfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "file_system"),
    [
        ("/var/store.sqlite", "ext4"),
        ("/home/ada/store.sqlite", "nfs4"),
        ("/homestead/store.sqlite", "ext4"),
        ("/home/ada/local disk/store.sqlite", "tmpfs"),
    ],
)
def test_the_innermost_last_mount_counts(path: str, file_system: str) -> None:
    assert file_system_of(Path(path), mounts=MOUNTS) == file_system


def test_an_unknown_file_system_has_no_name() -> None:
    assert file_system_of(Path("/x"), mounts="") == ""


@pytest.mark.parametrize(
    ("file_system", "mode"), [("ext4", "WAL"), ("", "WAL"), ("nfs4", "DELETE"), ("cifs", "DELETE")]
)
def test_no_write_ahead_log_on_a_network_file_system(file_system: str, mode: str) -> None:
    assert journal_mode(file_system) == mode


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_BUSY, UnavailableError, "another program"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, UnavailableError, "another program"),
        (sqlite3.SQLITE_FULL, DiskFullError, "is full"),
        (sqlite3.SQLITE_CORRUPT_INDEX, UnavailableError, "is damaged"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, UnavailableError, "cannot be written"),
        (sqlite3.SQLITE_IOERR_WRITE, UnavailableError, "disk that holds /data failed"),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, ConflictError, "already"),
    ],
)
def test_every_complaint_becomes_a_sentence(
    code: int, kind: type[AsyncExecError], words: str
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code

    explained = explain(error, Path("/data/store.sqlite"))

    assert type(explained) is kind
    assert words in explained.message
    assert explained.message.endswith(".")
