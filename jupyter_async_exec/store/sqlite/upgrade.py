"""Bring a store's file to the format this release writes, or leave it exactly as it is."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store.migrate import (
    MIGRATIONS,
    check_format,
    known_formats,
    run_migrations,
)
from jupyter_async_exec.store.sqlite.file import make_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGGER = logging.getLogger(__name__)


def migrate(path: Path, *, mode: str, busy_timeout_s: float, migrations: Path = MIGRATIONS) -> None:
    """Upgrade the store at `path` to the newest known format.

    One process at a time, in one transaction, after a backup
    (``NAME.before-FORMAT``) when there is something to lose: a process that
    dies on the way leaves the old store.

    Parameters
    ----------
    path
        The file, possibly empty.
    mode
        Journal mode.
    busy_timeout_s
        How long to wait for others' locks.
    migrations
        Folder with Alembic's ``env.py`` and ``versions/``.

    Raises
    ------
    NewerStoreError
        A newer release wrote it; it is untouched.
    UnavailableError
        It is something else's database; it is untouched.
    """
    known = known_formats(migrations)
    if _format_of(path, known) == known[-1]:
        return
    with _alone(path):
        found = _format_of(path, known)
        if found == known[-1]:
            return
        if found is not None:
            _back_up(path, before=known[-1])
        _upgrade(path, mode=mode, busy_timeout_s=busy_timeout_s, migrations=migrations)
        if found is not None:
            LOGGER.info("The store %s was upgraded from format %s to %s.", path, found, known[-1])


def _format_of(path: Path, known: list[str]) -> str | None:
    """Return the format of the file, None for an empty one."""
    # Read-only, so that what we may not touch is not even checkpointed.
    uri = f"{path.as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10.0)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise UnavailableError(f"{path} is the database of another program; it was left alone.")
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return check_format(row and row[0], known, name=f"The store {path}")


def _upgrade(path: Path, *, mode: str, busy_timeout_s: float, migrations: Path) -> None:
    engine = make_engine(
        # Rebuilding a table (batch mode) must not cascade into others.
        path,
        mode=mode,
        busy_timeout_s=busy_timeout_s,
        foreign_keys=False,
    )
    try:
        with engine.begin() as connection:
            run_migrations(connection, migrations)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise UnavailableError(
                    f"The store {path} cannot be upgraded: a row of {broken[0]!r} refers to "
                    "nothing. Nothing was changed."
                )
    finally:
        engine.dispose()


def _back_up(path: Path, *, before: str) -> None:
    backup = path.with_name(f"{path.name}.before-{before}")
    partial = backup.with_name(f"{backup.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(
            sqlite3.connect(path, isolation_level=None, timeout=10.0)
        ) as source:
            source.execute("VACUUM INTO ?", (str(partial),))
        _sync(partial)
        partial.replace(backup)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Wait until the file is on the disk: SQLite itself does not wait for a copy."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from upgrading at the same time."""
    descriptor = os.open(path.with_name(f"{path.name}-upgrade-lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            import fcntl
        except ImportError:
            # Windows: the transaction alone decides who upgrades.
            yield
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
    finally:
        os.close(descriptor)
