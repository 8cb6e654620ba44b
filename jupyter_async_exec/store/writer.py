"""The one thread that writes: callers wait, several of them share a transaction."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import exc

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store.database import BUSY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from jupyter_async_exec.store.database import Database

#: More would make each caller wait longer than it saves.
MAX_BATCH = 16

#: SQLite asks for a lock at least ten times a second; that it is free is noticed in this time.
NOTICE_S = 0.3

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    work: Callable[[sa.Connection], Any]
    #: Whether it may use up the ballast on a full disk.
    is_essential: bool
    answer: Future[Any] = field(default_factory=Future)


class Writer:
    """Runs pieces of work in durable transactions, in the order they came.

    Parameters
    ----------
    database
        Where to.
    patience_s
        When another program has held the lock for so long, whoever waits is refused, and
        whoever comes is refused at once, until it lets go.
    """

    def __init__(self, database: Database, *, patience_s: float) -> None:
        self._database = database
        self._patience_s = patience_s
        self._is_blocked = False
        self._saw_end = False
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unblocked = threading.Condition(self._lock)
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def run(
        self, work: Callable[[sa.Connection], ResultT], *, is_essential: bool = True
    ) -> ResultT:
        """Return what `work` returns, once it is committed and on the disk.

        `work` may run more than once (never committed more than once), in a
        transaction that others share; an error of its own undoes only its own.

        Parameters
        ----------
        work
            Reads and writes through the connection it is given.
        is_essential
            Whether it may use the room kept free for a full disk.

        Raises
        ------
        AsyncExecError
            What `work` raised, or why the database refused.
        """
        job = _Job(work=work, is_essential=is_essential)
        with self._lock:
            if self._is_closed:
                raise UnavailableError("The store is closed.")
            if not self._unblocked.wait_for(self._may_come, NOTICE_S):
                raise UnavailableError(BUSY)
            self._jobs.put(job)
        result: ResultT = job.answer.result()
        return result

    def close(self) -> None:
        """Finish what was asked for and end the thread; twice is fine."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(None)
        self._thread.join()

    def _may_come(self) -> bool:
        return not self._is_blocked

    def _run(self) -> None:
        while not self._saw_end and (job := self._jobs.get()) is not None:
            batch = [job]
            try:
                with self._begun(batch) as connection:
                    # What came while others held the lock shares the transaction.
                    self._gather(batch)
                    answers = _do_all(connection, batch)
            except _SpoiledError:
                self._do_apart(batch)
            except exc.DBAPIError as error:
                self._recover(batch, error)
            except BaseException as error:  # noqa: BLE001  no caller may wait for ever
                for job in batch:
                    job.answer.set_exception(error)
            else:
                for job, answer in zip(batch, answers, strict=True):
                    job.answer.set_result(answer)

    @contextmanager
    def _begun(self, batch: list[_Job]) -> Iterator[sa.Connection]:
        """Open a transaction, however long another program holds the lock."""
        database = self._database
        with (
            database.write_engine.connect() as connection,
            self._take_lock(connection, batch) as transaction,
        ):
            database.check()
            yield connection
            seal = database.seal(connection)
            try:
                transaction.commit()
            except exc.DBAPIError as error:
                if not database.was_kept(seal, error):
                    raise

    def _take_lock(self, connection: sa.Connection, batch: list[_Job]) -> sa.RootTransaction:
        began_s = time.monotonic()
        while True:
            try:
                transaction = connection.begin()
            except exc.DBAPIError as error:
                if not self._database.is_busy(error) or self._is_closed:
                    raise
                if time.monotonic() - began_s >= self._patience_s:
                    self._turn_away(batch, error)
            else:
                with self._lock:
                    self._is_blocked = False
                    self._unblocked.notify_all()
                return transaction

    def _turn_away(self, batch: list[_Job], error: exc.DBAPIError) -> None:
        """Let nobody wait any longer, nor begin to, until we have the lock.

        Callers wait in threads that the whole server shares.
        """
        with self._lock:
            self._is_blocked = True
        self._gather(batch, at_most=None)
        self._refuse(batch, error)
        batch.clear()

    def _gather(self, batch: list[_Job], *, at_most: int | None = MAX_BATCH) -> None:
        while at_most is None or len(batch) < at_most:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._saw_end = True
                return
            batch.append(job)

    def _recover(self, batch: list[_Job], error: exc.DBAPIError) -> None:
        if self._database.is_busy(error):
            self._refuse(batch, error)
        elif len(batch) == 1:
            self._retry_alone(batch[0], error)
        else:
            self._do_apart(batch)

    def _do_apart(self, batch: list[_Job]) -> None:
        """Do again what was undone together: whose fault it was shows when each is alone."""
        for job in batch:
            self._do_alone(job)

    def _do_alone(self, job: _Job, *, is_last: bool = False) -> None:
        waiting = [job]
        try:
            with self._begun(waiting) as connection:
                answers = _do_all(connection, waiting)
        except exc.DBAPIError as error:
            if waiting:
                self._retry_alone(job, error, is_last=is_last)
        except BaseException as error:  # noqa: BLE001  no caller may wait for ever
            if waiting:
                job.answer.set_exception(error)
        else:
            for answer in answers:
                job.answer.set_result(answer)

    def _retry_alone(self, job: _Job, error: exc.DBAPIError, *, is_last: bool = False) -> None:
        database = self._database
        if database.is_full(error) and job.is_essential and database.make_room():
            self._do_alone(job)
        elif database.is_lost(error) and not is_last:
            # Nothing of it was kept, and there may be another connection.
            self._do_alone(job, is_last=True)
        else:
            self._refuse([job], error)

    def _refuse(self, batch: list[_Job], error: exc.DBAPIError) -> None:
        for job in batch:
            job.answer.set_exception(self._database.explain(error))


class _SpoiledError(Exception):
    """Of several in a transaction one failed."""


def _do_all(connection: sa.Connection, batch: list[_Job]) -> list[Any]:
    """Return what each job returns.

    A savepoint for each would keep the others from a failure, at the price of two questions to
    the database every time; failures are rare, and undo the transaction.
    """
    try:
        return [job.work(connection) for job in batch]
    except exc.DBAPIError:
        raise
    except Exception as error:
        if len(batch) == 1:
            raise
        raise _SpoiledError from error
