"""Who reads: any number at a time, none of whom waits for the one who writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import exc

from jupyter_async_exec.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from jupyter_async_exec.store.database import Database

ResultT = TypeVar("ResultT")


class Reader:
    """Runs pieces of work that only read, each in a transaction that sees one moment.

    Parameters
    ----------
    database
        Where from.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_closed = False

    def run(self, work: Callable[[sa.Connection], ResultT]) -> ResultT:
        """Return what `work` returns; it is done once more if the connection broke.

        Raises
        ------
        AsyncExecError
            What `work` raised, or why the database refused.
        """
        self._check_open()
        try:
            return self._run_once(work)
        except exc.DBAPIError as error:
            if not self._database.is_lost(error):
                raise self._database.explain(error) from error
        except exc.TimeoutError as error:
            raise self._database.explain(error) from error
        try:
            return self._run_once(work)
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise self._database.explain(error) from error

    def data_version(self) -> int:
        """Return a number that differs when anybody committed since; cheap.

        Raises
        ------
        UnavailableError
            The store is closed.
        """
        self._check_open()
        return self._database.data_version()

    def close(self) -> None:
        """Refuse to read from now on; twice is fine."""
        self._is_closed = True

    def _run_once(self, work: Callable[[sa.Connection], ResultT]) -> ResultT:
        with self._database.read_engine.connect() as connection:
            return work(connection)

    def _check_open(self) -> None:
        if self._is_closed:
            raise UnavailableError("The store is closed.")
