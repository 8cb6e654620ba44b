"""Connections to a server of PostgreSQL's, as this project opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from jupyter_async_exec.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_LIMIT_S = 5
#: Whoever keeps the lock of the store and says nothing for so long loses it.
IDLE_LIMIT_S = 60
#: First key of our lock: all programs on a database share these, and none shall take it for its
#: own. "jae" and a number, as PostgreSQL wants 32 bits.
STORE_LOCK = 0x6A616501

#: Asked of libpq unless the URL says otherwise: a peer that vanished is noticed in half a
#: minute, where the system's own defaults are hours.
_NETWORK = {
    "connect_timeout": CONNECT_LIMIT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "client_encoding": "utf8",
    "application_name": "jupyter_async_exec",
}
#: The same for the server's end of the connection, which holds our locks.
_SETTINGS = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = '25s'",
    f"SET idle_in_transaction_session_timeout = '{IDLE_LIMIT_S}s'",
    # Compiling takes longer than any of our queries, and so does starting helpers.
    "SET jit = off",
    "SET max_parallel_workers_per_gather = 0",
)
#: What is committed is on the disk, unless the administrator wants even more.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
#: A plan for any page would be one for a page of unknown length.
_READS = (
    "SET default_transaction_isolation = 'repeatable read'",
    "SET default_transaction_read_only = on",
    "SET plan_cache_mode = force_custom_plan",
)
#: In one question, which spares a round trip in each transaction.
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({STORE_LOCK}, hashtext(current_schema()))"


def read_url(url: str) -> sa.URL:
    """Return the address, for the one driver that is used.

    Raises
    ------
    InvalidRequestError
        It wants another driver, or names no database.
    """
    parsed = sa.make_url(url)
    if parsed.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise InvalidRequestError("The store's URL must begin with 'postgresql://'.")
    if not parsed.database and "service" not in parsed.query:
        raise InvalidRequestError(
            "The store's URL must name a database: 'postgresql://user@host/database'."
        )
    return parsed.set(drivername="postgresql+psycopg")


def name_of(url: sa.URL) -> str:
    """Return what sentences call the database; never its password."""
    host = url.host or url.query.get("host") or url.query.get("service") or "this machine"
    return f"The database {url.database or ''} on {host}".replace("  ", " ")


def make_engine(
    url: sa.URL,
    *,
    writes: bool,
    n_connections: int,
    lock_timeout_s: float,
    pool_timeout_s: float,
) -> sa.Engine:
    """Return an engine on that database.

    Parameters
    ----------
    url
        As `read_url` gives it.
    writes
        Whether its transactions may write, and therefore begin with the lock of the
        store; those of others see one moment of it.
    n_connections
        At most.
    lock_timeout_s
        How long to wait for a lock; 0: for ever.
    pool_timeout_s
        How long to wait for a connection.

    Raises
    ------
    UnavailableError
        The driver is not installed.
    """
    arguments = {name: value for name, value in _NETWORK.items() if name not in url.query}
    try:
        engine = sa.create_engine(
            url,
            connect_args=arguments,
            poolclass=sa.pool.QueuePool,
            pool_size=n_connections,
            max_overflow=0,
            pool_timeout=pool_timeout_s,
        )
    except ImportError as error:
        raise UnavailableError(
            "A store on PostgreSQL needs psycopg: pip install 'jupyter_async_exec[postgres]'."
        ) from error
    settings = [*_SETTINGS, f"SET lock_timeout = {round(lock_timeout_s * 1000)}"]
    settings += [_DURABLE] if writes else _READS
    _listen(engine, settings, writes=writes)
    return engine


def _listen(engine: sa.Engine, settings: Sequence[str], *, writes: bool) -> None:
    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.autocommit = True
        connection.execute("; ".join(settings)).close()
        # Where it writes, transactions are begun by us, below.
        connection.autocommit = writes

    if not writes:
        return

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        try:
            connection.exec_driver_sql(_BEGIN).close()
        except BaseException:
            # Otherwise the connection would stay in the transaction that failed.
            if not connection.invalidated:
                connection.connection.rollback()
            raise
