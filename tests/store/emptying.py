"""A store on PostgreSQL made as if it were new: a hundred times as quick as a new one."""

from __future__ import annotations

import psycopg

from jupyter_async_exec.store import tables

_OTHERS = {*tables.metadata.tables, "execution_search", "writers"} - {"executions", "revision"}
_STATEMENTS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "DELETE FROM executions",
    *(f"DELETE FROM {name}" for name in sorted(_OTHERS)),
    "UPDATE revision SET rev = 0, last_number = 0",
    "ALTER SEQUENCE history_entry_seq RESTART",
)


def empty(url: str) -> str:
    """Remove everything from the store at `url`, which nobody may use any more; return `url`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(";".join(_STATEMENTS).encode())
    return url
