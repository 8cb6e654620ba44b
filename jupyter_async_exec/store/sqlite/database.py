"""A store in one file of SQLite's."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import TYPE_CHECKING

from sqlalchemy import exc
from typing_extensions import override

from jupyter_async_exec.errors import DiskFullError, UnavailableError
from jupyter_async_exec.store.database import LOCK_POLL_S, N_READERS, Database
from jupyter_async_exec.store.sqlite.ballast import Ballast
from jupyter_async_exec.store.sqlite.file import (
    BUSY_CODES,
    code_of,
    explain,
    explain_os_error,
    file_system_of,
    journal_mode,
    make_engine,
    path_of,
    prepare_file,
)
from jupyter_async_exec.store.sqlite.upgrade import migrate

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

    from jupyter_async_exec.errors import AsyncExecError


class SQLite(Database):
    """A store in one file.

    Parameters
    ----------
    url
        ``sqlite:///`` and the file's path; folder (0700) and file (0600) are
        made when missing, an older store is upgraded after a backup.
    busy_timeout_s
        How long to wait for another process's lock.

    Raises
    ------
    NewerStoreError
        A newer release wrote it; nothing was changed.
    UnavailableError
        It cannot be opened; the sentence says why.
    """

    def __init__(self, url: str, *, busy_timeout_s: float) -> None:
        self._path = path_of(url)
        prepare_file(self._path)
        mode = journal_mode(file_system_of(self._path))
        self.ballast = Ballast(self._path.with_name(f"{self._path.name}-ballast"))
        try:
            self._migrate(mode, busy_timeout_s)
        except DiskFullError:
            # SQLite needs some room even to read; without it nobody could make any.
            if not self.ballast.drop():
                raise
            self._migrate(mode, busy_timeout_s)
        self.write_engine = make_engine(
            self._path,
            mode=mode,
            # The writer itself asks again; without a write-ahead log a commit waits for readers.
            busy_timeout_s=min(busy_timeout_s, LOCK_POLL_S) if mode == "WAL" else busy_timeout_s,
        )
        self.read_engine = make_engine(
            self._path,
            mode=mode,
            busy_timeout_s=busy_timeout_s,
            n_connections=N_READERS,
            writes=False,
        )
        self.ballast.lay()
        self._identity = _identity(self._path)
        self._watch_lock = threading.Lock()
        self._watch = sqlite3.connect(
            self._path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )

    def _migrate(self, mode: str, busy_timeout_s: float) -> None:
        try:
            migrate(self._path, mode=mode, busy_timeout_s=busy_timeout_s)
        except (exc.DBAPIError, exc.TimeoutError, sqlite3.Error) as error:
            raise self.explain(error) from error
        except OSError as error:
            raise explain_os_error(error, self._path) from error

    @override
    def close(self) -> None:
        with self._watch_lock:
            self._watch.close()
        self.read_engine.dispose()
        self.write_engine.dispose()

    @override
    def explain(self, error: BaseException) -> AsyncExecError:
        return explain(error, self._path)

    @override
    def is_busy(self, error: BaseException) -> bool:
        return code_of(error) in BUSY_CODES

    @override
    def is_full(self, error: BaseException) -> bool:
        return code_of(error) == sqlite3.SQLITE_FULL

    @override
    def make_room(self) -> bool:
        return self.ballast.drop()

    @override
    def check(self) -> None:
        if _identity(self._path) != self._identity:
            raise UnavailableError(
                f"The store {self._path} was removed or replaced while it was in use. "
                "Nothing was changed; restart the server."
            )

    @override
    def data_version(self) -> int:
        with self._watch_lock:
            try:
                return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as error:
                raise self.explain(error) from error

    @override
    def complaints(self, connection: sa.Connection, *, at_most: int) -> list[str]:
        rows = connection.exec_driver_sql(f"PRAGMA integrity_check({at_most})")
        found = [str(row[0]) for row in rows if row[0] != "ok"]
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check")
        found += [
            f"a row of {row[0]} refers to nothing in {row[2]}" for row in orphans.fetchmany(at_most)
        ]
        return found

    @override
    def rebuild_indexes(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("REINDEX").close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  once for each transaction
    except OSError:
        return None
    return status.st_dev, status.st_ino
