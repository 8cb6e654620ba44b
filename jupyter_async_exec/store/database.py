"""What a store needs of the database it is kept in; `sqlite/` and `postgres/` give it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import exc

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store.tables import MACHINE

if TYPE_CHECKING:
    from jupyter_async_exec.errors import AsyncExecError

#: Reads at the same time; further ones wait.
N_READERS = 4
BUSY = "The store is busy: another program holds its lock. Try again."
#: So long the writer waits for the lock before it looks whether it is to end.
LOCK_POLL_S = 1.0


class Database(ABC):
    """One database, opened and of the newest format; all its methods are for any thread.

    What differs between one kind of database and another is here, in `full_text.py`, and
    in the two `finding.py`.
    """

    #: Has exactly one connection. Its transactions begin with the lock of the store: one at a
    #: time writes, whatever the process and the machine.
    write_engine: sa.Engine
    #: Has `N_READERS` connections. A transaction sees one moment of the store.
    read_engine: sa.Engine

    def belong_to(self, machine: str | None) -> None:
        """Say which of the machines that share the store this is; None: there is no other."""
        for engine in (self.write_engine, self.read_engine):
            setattr(engine.dialect, MACHINE, machine)

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection; twice is fine."""

    # ------------------------------------------------------------ errors

    @abstractmethod
    def explain(self, error: BaseException) -> AsyncExecError:
        """Return the error of ours that says in a sentence what `error` means."""

    @abstractmethod
    def is_busy(self, error: BaseException) -> bool:
        """Whether `error` says that somebody else holds the lock."""

    @abstractmethod
    def is_full(self, error: BaseException) -> bool:
        """Whether `error` says that the disk is full."""

    def make_room(self) -> bool:
        """Free what was kept for a full disk; return whether trying again may help."""
        return False

    def is_lost(self, error: BaseException) -> bool:  # noqa: ARG002  for those who can be
        """Whether `error` says that the connection broke, so that another may do better."""
        return False

    # ------------------------------------------------------------ writing

    @abstractmethod
    def check(self) -> None:
        """Refuse to write, in a transaction that has just begun, into what nobody will find.

        Raises
        ------
        UnavailableError
            The database was removed or replaced.
        """

    def seal(self, connection: sa.Connection) -> int | None:  # noqa: ARG002  for those who need it
        """Leave in a transaction that is about to end by what `was_kept` will know it.

        None if there is nothing to be known.
        """
        return None

    def was_kept(self, seal: int | None, error: exc.DBAPIError) -> bool:  # noqa: ARG002  likewise
        """Whether a transaction was kept although its end was answered with `error`.

        Raises
        ------
        UnavailableError
            That cannot be known; the sentence says so.
        """
        return False

    # ------------------------------------------------------------ watching

    @abstractmethod
    def data_version(self) -> int:
        """Return a number that differs when anybody committed since; cheap."""

    @abstractmethod
    def complaints(self, connection: sa.Connection, *, at_most: int) -> list[str]:
        """Return what the database itself finds wrong with what it keeps."""

    @abstractmethod
    def rebuild_indexes(self, connection: sa.Connection) -> None:
        """Make every index again from the rows."""


def open_database(url: str, *, busy_timeout_s: float) -> Database:
    """Open the database at `url`, make it if need be, bring it to the newest format.

    Parameters
    ----------
    url
        ``sqlite:///`` and a path, or ``postgresql://``.
    busy_timeout_s
        How long to wait for others' locks.

    Raises
    ------
    InvalidRequestError
        The URL names no database that can be used.
    NewerStoreError
        A newer release wrote it; nothing was changed.
    UnavailableError
        It cannot be opened; the sentence says why.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        parsed = None
    match parsed.get_backend_name() if parsed else None:
        case "sqlite":
            from jupyter_async_exec.store.sqlite.database import SQLite

            return SQLite(url, busy_timeout_s=busy_timeout_s)
        case "postgresql":
            from jupyter_async_exec.store.postgres.database import Postgres

            return Postgres(url, busy_timeout_s=busy_timeout_s)
    raise InvalidRequestError("The store's URL must begin with 'sqlite:///' or 'postgresql://'.")
