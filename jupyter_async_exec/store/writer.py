"""The one thread that writes: callers wait, several of them share a transaction."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import exc

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store import database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import sqlalchemy as sa

#: More would make each caller wait longer than it saves.
MAX_BATCH = 16

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
    engine
        Has exactly one connection, whose transactions begin immediately.
    path
        The store's file, for sentences.
    make_room
        Called when the disk is full; returns whether trying again may help.
    """

    def __init__(self, engine: sa.Engine, *, path: Path, make_room: Callable[[], bool]) -> None:
        self._engine = engine
        self._path = path
        self._make_room = make_room
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
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

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, is_last = self._gather(job)
            self._commit(batch)
            if is_last:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        try:
            answers = self._transact(batch)
        except exc.DBAPIError as error:
            if len(batch) > 1 and not database.is_busy(error):
                # Whose fault it was shows when each is alone.
                for job in batch:
                    self._commit([job])
            else:
                self._refuse(batch, error)
        except BaseException as error:  # noqa: BLE001  no caller may wait for ever
            for job in batch:
                job.answer.set_exception(error)
        else:
            for job, (result, problem) in zip(batch, answers, strict=True):
                if problem is None:
                    job.answer.set_result(result)
                else:
                    job.answer.set_exception(problem)

    def _refuse(self, batch: list[_Job], error: exc.DBAPIError) -> None:
        if database.is_full(error) and all(job.is_essential for job in batch) and self._make_room():
            self._commit(batch)
            return
        for job in batch:
            job.answer.set_exception(database.explain(error, self._path))

    def _transact(self, batch: list[_Job]) -> list[tuple[Any, Exception | None]]:
        with self._engine.begin() as connection:
            return [self._answer(connection, job) for job in batch]

    def _answer(self, connection: sa.Connection, job: _Job) -> tuple[Any, Exception | None]:
        savepoint = connection.begin_nested()
        try:
            result = job.work(connection)
        except exc.IntegrityError as error:
            savepoint.rollback()
            return None, database.explain(error, self._path)
        except exc.DBAPIError:
            # On a full disk SQLite has rolled everything back already, the
            # savepoint with it.
            raise
        except Exception as error:  # noqa: BLE001  it is its caller's, nobody else's
            savepoint.rollback()
            return None, error
        savepoint.commit()
        return result, None
