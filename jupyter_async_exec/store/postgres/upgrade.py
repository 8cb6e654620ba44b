"""Bring a database to the format this release writes, or leave it exactly as it is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store.migrate import (
    MIGRATIONS,
    check_format,
    known_formats,
    run_migrations,
)
from jupyter_async_exec.store.postgres.connect import make_engine, name_of

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

#: Oldest release of PostgreSQL that is supported by its makers, November 2026.
OLDEST_VERSION = 140_000

_TABLES = sa.text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
_FORMAT = sa.text("SELECT version_num FROM alembic_version")
_ENCODING = sa.text("SHOW server_encoding")
_VERSION = sa.text("SELECT current_setting('server_version_num')::int")


def migrate(url: sa.URL, *, busy_timeout_s: float, migrations: Path = MIGRATIONS) -> None:
    """Make the tables, or upgrade them to the newest known format.

    One process at a time, in one transaction: a process that dies on the way
    leaves what was there. A backup is the business of whoever runs the server.

    Parameters
    ----------
    url
        The database, which has to exist.
    busy_timeout_s
        How long to wait for a connection.
    migrations
        Folder with Alembic's ``env.py`` and ``versions/``.

    Raises
    ------
    NewerStoreError
        A newer release wrote it; it is untouched.
    UnavailableError
        It cannot hold a store, or holds something else's; it is untouched.
    """
    name = name_of(url)
    known = known_formats(migrations)
    engine = make_engine(
        url, writes=True, n_connections=1, lock_timeout_s=0, pool_timeout_s=busy_timeout_s
    )
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _check_server(connection, name)
            if _format_of(connection, known, name) == known[-1]:
                return
        # This begins with the lock of the store, for which it waits however long.
        with engine.begin() as connection:
            found = _format_of(connection, known, name)
            if found == known[-1]:
                return
            run_migrations(connection, migrations)
        if found is not None:
            LOGGER.info("%s was upgraded from format %s to %s.", name, found, known[-1])
    finally:
        engine.dispose()


def _check_server(connection: sa.Connection, name: str) -> None:
    encoding = connection.execute(_ENCODING).scalar_one()
    if encoding != "UTF8":
        raise UnavailableError(
            f"{name} writes {encoding} and cannot hold every character. "
            "Create it with ENCODING 'UTF8'."
        )
    if connection.execute(_VERSION).scalar_one() < OLDEST_VERSION:
        raise UnavailableError(f"{name} is too old: PostgreSQL 14 or newer is needed.")


def _format_of(connection: sa.Connection, known: list[str], name: str) -> str | None:
    tables = set(connection.execute(_TABLES).scalars())
    if not tables:
        return None
    if "alembic_version" not in tables or "executions" not in tables:
        raise UnavailableError(
            f"{name} holds tables of another program; it was left alone. "
            "Give executions a database of their own."
        )
    return check_format(connection.execute(_FORMAT).scalar(), known, name=name)
