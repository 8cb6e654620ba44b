"""A file of SQLite's as this project opens it, and its errors as sentences."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    DiskFullError,
    InvalidRequestError,
    UnavailableError,
)
from jupyter_async_exec.store.database import BUSY

if TYPE_CHECKING:
    from collections.abc import Iterable

LOGGER = logging.getLogger(__name__)

#: The write-ahead log is cut back to this after a burst.
MAX_LOG_BYTES = 64 * 1024 * 1024
CACHE_KIB = 16 * 1024

#: Several machines may see these, and SQLite's write-ahead log needs the shared
#: memory of one. Source: sqlite.org/wal.html, "All processes using a database
#: must be on the same host computer".
NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.sshfs",
        "gfs2", "gpfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "panfs",
        "pvfs2", "smb3", "smbfs", "vboxsf",
    }
)  # fmt: skip

#: With less room than this on its disk, an unclear error of SQLite's is for want of room.
NO_ROOM_BYTES = 256 * 1024

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: What SQLite also says when a file beside its own cannot be made or grown.
_FOR_WANT_OF_ROOM = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})


def path_of(url: str) -> Path:
    """Return the file that `url` (``sqlite:///…``) names.

    Raises
    ------
    InvalidRequestError
        It names no file of SQLite's.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite":
        raise InvalidRequestError("The store's URL must begin with 'sqlite:///'.")
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidRequestError("The store needs a file: 'sqlite:///' and then its path.")
    return Path(parsed.database).expanduser().absolute()


def prepare_file(path: Path) -> None:
    """Make the folder (0700) and the file (0600) of a new store.

    Raises
    ------
    UnavailableError
        The folder or the file cannot be made or read.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise explain_os_error(error, path) from error
    if not is_file:
        raise UnavailableError(f"The store {path} cannot be opened: it is not a file.")


def file_system_of(path: Path, *, mounts: str | None = None) -> str:
    """Return the type of the file system `path` is on, empty when that is not known.

    Parameters
    ----------
    path
        Absolute; need not exist.
    mounts
        Text of ``/proc/self/mounts``; read when not given.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    resolved = path.resolve()
    best, found = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004  device, mount point, type
            continue
        point = Path(fields[1].replace("\\040", " ").replace("\\011", "\t"))
        # The last of several mounts on one point is the one that is seen.
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), fields[2]
    return found


def journal_mode(file_system: str) -> str:
    """Return the journal mode that is safe on that type of file system."""
    return "DELETE" if file_system in NETWORK_FILE_SYSTEMS else "WAL"


def make_engine(
    path: Path,
    *,
    mode: str,
    busy_timeout_s: float,
    n_connections: int = 1,
    writes: bool = True,
    foreign_keys: bool = True,
) -> sa.Engine:
    """Return an engine on that file.

    A transaction of one that writes begins with ``BEGIN IMMEDIATE``: with the
    deferred default, two writers end in "database is locked" at once.
    """
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
        poolclass=sa.pool.QueuePool,
        pool_size=n_connections,
        max_overflow=0,
        pool_timeout=busy_timeout_s + 5.0,
    )
    pragmas = [
        f"PRAGMA foreign_keys={int(foreign_keys)}",
        f"PRAGMA cache_size=-{CACHE_KIB}",
        "PRAGMA temp_store=MEMORY",
    ]
    if writes:
        pragmas += [
            f"PRAGMA journal_mode={mode}",
            "PRAGMA synchronous=FULL",
            f"PRAGMA journal_size_limit={MAX_LOG_BYTES}",
        ]
    else:
        pragmas.append("PRAGMA query_only=1")
    _listen(engine, pragmas, begin="BEGIN IMMEDIATE" if writes else "BEGIN")
    return engine


def _listen(engine: sa.Engine, pragmas: Iterable[str], *, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver begins no transaction of its own; we do, below.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)


def explain(error: BaseException, path: Path) -> AsyncExecError:
    """Return the error of ours that says in a sentence what `error` means."""
    code = code_of(error)
    if code == sqlite3.SQLITE_FULL or (code in _FOR_WANT_OF_ROOM and _has_no_room(path.parent)):
        return DiskFullError(f"The disk that holds {path.parent} is full. Nothing was changed.")
    if code in BUSY_CODES:
        return UnavailableError(BUSY)
    if code in _DAMAGED:
        return UnavailableError(
            f"The store {path} is damaged and was left as it is. Restore it from a backup."
        )
    if code in _FORBIDDEN:
        return UnavailableError(
            f"The store {path} cannot be written. Check the folder's permissions."
        )
    if code == sqlite3.SQLITE_IOERR:
        return UnavailableError(
            f"The disk that holds {path.parent} failed. Check it, then try again."
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConflictError("That is recorded already.")
    if isinstance(error, exc.TimeoutError):
        return UnavailableError("The store is busy: all its readers are in use. Try again.")
    LOGGER.error("Unexpected answer of the database.", exc_info=error)
    return UnavailableError(f"The store {path} cannot answer: {_said(error)}.")


def explain_os_error(error: OSError, path: Path) -> AsyncExecError:
    """Return the error of ours that says why a file beside the store cannot be used."""
    if error.errno in _NO_ROOM:
        return DiskFullError(f"The disk that holds {path.parent} is full. Nothing was changed.")
    why = error.strerror or str(error)
    return UnavailableError(f"The store {path} cannot be opened: {why}.")


def _has_no_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < NO_ROOM_BYTES
    except OSError:
        return False


def code_of(error: BaseException) -> int | None:
    """Return what kind of error of SQLite's it is, None if it is none."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    # The low byte is the kind; the rest says where it happened.
    return None if code is None else int(code) & 0xFF


def _said(error: BaseException) -> str:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(cause).rstrip(".")
