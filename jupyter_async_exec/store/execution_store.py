"""The store: all that is recorded about executions, shared safely by threads and processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.events import CancelRequested
from jupyter_async_exec.errors import ConflictError
from jupyter_async_exec.store import codec, event_rows, fan_in_rows, history, records, sweep_rows
from jupyter_async_exec.store.attempt_store import AttemptStore
from jupyter_async_exec.store.collect_store import CollectStore
from jupyter_async_exec.store.database import open_database
from jupyter_async_exec.store.fan_in_store import FanInStore
from jupyter_async_exec.store.health import StoreHealth
from jupyter_async_exec.store.list_store import ListStore
from jupyter_async_exec.store.machine_store import MachineStore
from jupyter_async_exec.store.preset_store import PresetStore
from jupyter_async_exec.store.reader import Reader
from jupyter_async_exec.store.settings_store import SettingsStore
from jupyter_async_exec.store.sweep_store import SweepStore
from jupyter_async_exec.store.tables import executions
from jupyter_async_exec.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.execution import Execution, Submission
    from jupyter_async_exec.store.history import HistoryEntry

_BY_REQUEST = sa.select(executions.c.number).where(
    executions.c.request_id == sa.bindparam("request_id")
)


class ExecutionStore(AttemptStore, ListStore):
    """Executions in a file of SQLite's, or on a server of PostgreSQL's.

    Every method may be called from any thread, and several processes may have
    the same store open. A change is on the disk when its method returns. What
    is about one execution stands here; what a dispatcher asks, and lists, in the
    two classes it extends; everything else in parts of their own.

    Parameters
    ----------
    url
        ``sqlite:///`` and the file's path; folder (0700) and file (0600) are
        made when missing, an older store is upgraded after a backup. Or
        ``postgresql://user@host/database``; its tables are made when missing.
    machine
        What this machine is called among those that share the store; None: it is the only
        one. Backends of others have its name behind theirs, as `core.machines` says.
    clock
        Gives the present moment.
    busy_timeout_s
        How long to wait for another process's lock.

    Raises
    ------
    NewerStoreError
        A newer release wrote it; nothing was changed.
    UnavailableError
        It cannot be opened; the sentence says why.
    """

    def __init__(
        self,
        url: str,
        *,
        machine: str | None = None,
        clock: Clock = utc_now,
        busy_timeout_s: float = 5.0,
    ) -> None:
        self._database = open_database(url, busy_timeout_s=busy_timeout_s)
        self._database.belong_to(machine)
        #: Whether others than this machine may use it.
        self.is_shared = machine is not None
        writer = Writer(self._database, patience_s=busy_timeout_s)
        reader = self._reader = Reader(self._database)
        super().__init__(writer, reader, clock=clock)
        #: The part about sweeps.
        self.sweeps = SweepStore(writer, reader, clock=clock)
        #: The part about presets.
        self.presets = PresetStore(writer, reader, clock=clock)
        #: The part about what may go.
        self.collect = CollectStore(writer, reader, clock=clock)
        #: The part about executions that wait for others.
        self.fan_in = FanInStore(writer, reader, clock=clock)
        #: The part about the machines that share it.
        self.machines = MachineStore(writer, reader, clock=clock)
        #: The part about store-wide choices.
        self.settings = SettingsStore(writer, reader, clock=clock)
        #: Checks of the whole store, and repairs; each may take as long as reading it.
        self.health = StoreHealth(self._database, reader=reader, writer=writer)

    def belong_to(self, machine: str) -> None:
        """Say which of the machines that share it this is."""
        self._database.belong_to(machine)

    def close(self) -> None:
        """Finish writing and let the file go; twice is fine."""
        self._writer.close()
        self._reader.close()
        self._database.close()

    def data_version(self) -> int:
        """Return a number that differs when anybody, other processes too, committed since.

        Costs microseconds; the number means nothing to other `ExecutionStore` objects.
        """
        return self._reader.data_version()

    # ------------------------------------------------------------ one execution

    def accept(self, submission: Submission) -> tuple[Execution, bool]:
        """Record `submission` durably and give it its number.

        Parameters
        ----------
        submission
            With an id of its own. One whose `request_id` is known already is
            the earlier execution again.

        Returns
        -------
        tuple of Execution and bool
            The queued (or earlier) execution, and whether it is new.

        Raises
        ------
        DiskFullError
            There is no room; nothing was accepted.
        """

        def work(connection: sa.Connection) -> tuple[Execution, bool]:
            if submission.request_id is not None:
                asked = {"request_id": codec.clean(submission.request_id)}
                earlier = connection.execute(_BY_REQUEST, asked).scalar()
                if earlier is not None:
                    return records.read(connection, earlier, include_deleted=True), False
            return fan_in_rows.insert(connection, submission, self._clock()), True

        return self._writer.run(work, is_essential=False)

    def get(self, ref: str | int, *, include_deleted: bool = False) -> Execution:
        """Return the execution with that number or id.

        Parameters
        ----------
        ref
            ``42``, ``"42"``, ``"#42"`` or the 32 digits of an id.
        include_deleted
            Whether one in the trash is found too.

        Raises
        ------
        NotFoundError
            There is none.
        """
        return self._read(lambda each: records.read(each, ref, include_deleted=include_deleted))

    def find_request(self, request_id: str) -> Execution | None:
        """Return the execution that was accepted under this id of a request."""

        def work(connection: sa.Connection) -> Execution | None:
            asked = {"request_id": codec.clean(request_id)}
            number = connection.execute(_BY_REQUEST, asked).scalar()
            return (
                None if number is None else records.read(connection, number, include_deleted=True)
            )

        return self._read(work)

    def history(self, ref: str | int) -> list[HistoryEntry]:
        """Return every change of its status, oldest first.

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> list[HistoryEntry]:
            execution = records.read(connection, ref, include_deleted=True)
            return history.read(connection, execution.id)

        return self._read(work)

    def forget_key(self, execution_id: str) -> None:
        """Never again offer the result of that execution as that of an equal one."""
        statement = (
            sa.update(executions)
            .where(executions.c.id == execution_id, executions.c.reuse_key.is_not(None))
            .values(reuse_key=None)
        )
        self._writer.run(lambda connection: connection.execute(statement))

    def request_cancel(self, ref: str | int) -> Execution:
        """Ask for its end; one that still waits is cancelled at once.

        Asking again, or after the end, changes nothing.

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> Execution:
            execution = records.read(connection, ref)
            if execution.cancel_requested:
                return execution
            return event_rows.apply_all(connection, execution, (CancelRequested(at=self._clock()),))

        return self._writer.run(work)

    def edit(
        self,
        ref: str | int,
        *,
        title: str | None = None,
        note: str | None = None,
        tags: Sequence[str] | None = None,
        starred: bool | None = None,
        pinned: bool | None = None,
    ) -> Execution:
        """Change what people may change; None leaves as it is.

        Raises
        ------
        NotFoundError
            There is no such execution outside the trash.
        """

        def work(connection: sa.Connection) -> Execution:
            old = records.read(connection, ref)
            new = replace(
                old,
                title=old.title if title is None else title,
                note=old.note if note is None else note,
                tags=old.tags if tags is None else tuple(dict.fromkeys(tags)),
                starred=old.starred if starred is None else starred,
                pinned=old.pinned if pinned is None else pinned,
            )
            return old if new == old else records.save(connection, old, new)

        return self._writer.run(work)

    def trash(self, ref: str | int) -> Execution:
        """Move it to the trash; once there, again changes nothing.

        Raises
        ------
        ConflictError
            It is not over yet.
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> Execution:
            old = records.read(connection, ref, include_deleted=True)
            if old.deleted_at is not None:
                return old
            if not old.is_final:
                raise ConflictError(f"#{old.number} is {old.status.value}. Cancel it first.")
            now = self._clock()
            return _moved(connection, records.trash(connection, old, now), now)

        return self._writer.run(work)

    def untrash(self, ref: str | int) -> Execution:
        """Take it back out of the trash; one that is not there stays as it is.

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> Execution:
            old = records.read(connection, ref, include_deleted=True)
            if old.deleted_at is None:
                return old
            now = self._clock()
            return _moved(connection, records.untrash(connection, old, now), now)

        return self._writer.run(work)

    def referenced_objects(self) -> Iterator[str]:
        """Yield the id of every object and snapshot any execution refers to, some repeatedly."""
        for execution in self.iterate():
            yield execution.snapshot_id
            kept = (execution.output_object, execution.journal_object, execution.log_object)
            yield from (object_id for object_id in kept if object_id is not None)
            yield from (artifact.object_id for artifact in execution.artifacts)
            if execution.collect is not None:
                yield from self.fan_in.handed_objects(execution)


def _moved(connection: sa.Connection, moved: Execution, at: datetime) -> Execution:
    """Draw the consequences of a move to the trash, or out of it."""
    fan_in_rows.sources_changed(connection, [moved], at)
    if moved.sweep_id is not None:
        sweep_rows.place(connection, moved.sweep_id)
    return moved
