"""The store: all that is recorded about executions, shared safely by threads and processes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.environment import Environment
from jupyter_async_exec.core.events import (
    AttemptClaimed,
    AttemptReturned,
    CancelRequested,
    EnvironmentFound,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    MetricRecorded,
)
from jupyter_async_exec.core.execution import Artifact, Execution, Remark, Status, Submission
from jupyter_async_exec.core.transitions import apply
from jupyter_async_exec.errors import ConflictError, NotFoundError, UnavailableError
from jupyter_async_exec.store import (
    codec,
    fan_in_rows,
    metric_points,
    queries,
    records,
    sweep_rows,
    turns,
)
from jupyter_async_exec.store.collect_store import CollectStore
from jupyter_async_exec.store.database import open_database
from jupyter_async_exec.store.fan_in_store import FanInStore
from jupyter_async_exec.store.health import StoreHealth
from jupyter_async_exec.store.machine_store import MachineStore
from jupyter_async_exec.store.pages import Counts, ExecutionPage, ExecutionQuery
from jupyter_async_exec.store.preset_store import PresetStore
from jupyter_async_exec.store.sweep_rows import CANCELLED_EARLY
from jupyter_async_exec.store.sweep_store import SweepStore
from jupyter_async_exec.store.tables import environments, executions, listed_columns, settings
from jupyter_async_exec.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.core.metric_series import MetricSeries
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.store.records import HistoryEntry

ResultT = TypeVar("ResultT")

#: Rows per short read when all are walked through.
WALK_BATCH = 500

_BY_REQUEST = sa.select(executions.c.number).where(
    executions.c.request_id == sa.bindparam("request_id")
)

_COUNTS = sa.select(
    *(
        sa.select(sa.func.count())
        .select_from(executions)
        .where(executions.c.status == status.value, executions.c.deleted_at.is_(None))
        .scalar_subquery()
        .label(status.value)
        for status in (Status.QUEUED, Status.RUNNING)
    )
)
_QUEUED = (
    sa.select(sa.func.count())
    .select_from(executions)
    .where(executions.c.status == Status.QUEUED.value, executions.c.deleted_at.is_(None))
)
_runs = sa.and_(executions.c.status == Status.RUNNING.value, executions.c.deleted_at.is_(None))
_RUNNING = sa.select(executions).where(_runs).order_by(executions.c.number)
_UNWANTED = sa.select(executions.c.id, executions.c.attempt).where(
    _runs, executions.c.cancel_requested == 1
)
_N_RUNNING = (
    sa.select(executions.c.backend, sa.func.count().label("n"))
    .where(_runs)
    .group_by(executions.c.backend)
)
_CHANGES = (
    sa.select(*listed_columns)
    .where(executions.c.rev > sa.bindparam("after"))
    .order_by(executions.c.rev)
    .limit(sa.bindparam("at_most"))
)
_SETTING = sa.select(settings.c.value).where(settings.c.name == sa.bindparam("name"))

# As SQLite and PostgreSQL both say it; SQLAlchemy has a word of its own for each.
_KEEP_ENVIRONMENT = sa.text(
    "INSERT INTO environments (id, content) VALUES (:id, :content) ON CONFLICT (id) DO NOTHING"
)

#: Events that make a line of history; the others are progress.
_NOTED: dict[type[Event], str] = {
    AttemptClaimed: "attempt_claimed",
    AttemptReturned: "attempt_returned",
    ExecutionStarted: "execution_started",
    CancelRequested: "cancel_requested",
    ExecutionFinished: "execution_finished",
}


class ExecutionStore:
    """Executions in a file of SQLite's, or on a server of PostgreSQL's.

    Every method may be called from any thread, and several processes may have
    the same store open. A change is on the disk when its method returns.

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
        self._clock = clock
        self._is_closed = False
        self._database = open_database(url, busy_timeout_s=busy_timeout_s)
        self._database.belong_to(machine)
        #: Whether others than this machine may use it.
        self.is_shared = machine is not None
        self._writer = Writer(self._database, patience_s=busy_timeout_s)
        #: The part about sweeps.
        self.sweeps = SweepStore(self._writer, self._read, clock=clock)
        #: The part about presets.
        self.presets = PresetStore(self._writer, self._read, clock=clock)
        #: The part about what may go.
        self.collect = CollectStore(self._writer, self._read, clock=clock)
        #: The part about executions that wait for others.
        self.fan_in = FanInStore(self._writer, self._read, clock=clock)
        #: The part about the machines that share it.
        self.machines = MachineStore(self._writer, self._read, clock=clock)

    def close(self) -> None:
        """Finish writing and let the file go; twice is fine."""
        self._writer.close()
        self._is_closed = True
        self._database.close()

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
            return records.read_history(connection, execution.id)

        return self._read(work)

    def claim(
        self, *, backend: str, has_room: Callable[[Resources], bool] = lambda _: True
    ) -> Execution | None:
        """Give the execution whose turn it is on `backend` a new attempt and return it.

        The oldest first, where single executions and each sweep take turns.
        One whose end was asked for, or that waits for another, is never
        claimed, and no two callers ever get the same attempt. One for which
        `has_room` says no is passed, though not by others that need the same.
        """

        def work(connection: sa.Connection) -> Execution | None:
            number = turns.take_next(connection, backend, has_room)
            if number is None:
                return None
            execution = records.read(connection, number, include_deleted=True)
            event = AttemptClaimed(at=self._clock(), attempt=execution.attempt + 1)
            return _apply_all(connection, execution, (event,))

        return self._writer.run(work)

    def count_waiting(self, *, backend: str) -> int:
        """Return how many could start on `backend` if there were room, at most 10,000."""
        return self._read(lambda connection: turns.count_waiting(connection, backend))

    def record(self, execution_id: str, attempt: int, events: Sequence[Event]) -> Execution:
        """Apply `events` of that attempt, all or none, and return the execution as it is now.

        A report of another attempt than the present one changes nothing, and
        neither does any report after the end (`core.transitions.apply`).

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> Execution:
            execution = records.read(connection, execution_id, include_deleted=True)
            if execution.attempt != attempt:
                return execution
            return _apply_all(connection, execution, events)

        return self._writer.run(work)

    def add_late(
        self,
        execution_id: str,
        attempt: int,
        *,
        artifacts: Sequence[Artifact],
        remarks: Sequence[Remark],
    ) -> None:
        """Add what that attempt wrote after its end was recorded.

        An artifact of the same name gives way. Nothing happens unless the
        execution is final and this was its last attempt.
        """

        def work(connection: sa.Connection) -> None:
            try:
                old = records.read(connection, execution_id, include_deleted=True)
            except NotFoundError:
                return
            if not old.is_final or old.attempt != attempt:
                return
            merged = {each.name: each for each in (*old.artifacts, *artifacts)}
            new = replace(
                old,
                artifacts=tuple(merged[name] for name in sorted(merged)),
                remarks=tuple(dict.fromkeys((*old.remarks, *remarks))),
            )
            if new != old:
                records.save(connection, old, new)

        self._writer.run(work)

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
            return _apply_all(connection, execution, (CancelRequested(at=self._clock()),))

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
            new = records.save(connection, old, replace(old, deleted_at=self._clock()))
            records.note_history(connection, new, "trashed", new.deleted_at or self._clock())
            fan_in_rows.sources_changed(connection, [new], self._clock())
            if new.sweep_id is not None:
                sweep_rows.place(connection, new.sweep_id)
            return new

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
            new = records.save(connection, old, replace(old, deleted_at=None))
            records.note_history(connection, new, "untrashed", self._clock())
            fan_in_rows.sources_changed(connection, [new], self._clock())
            if new.sweep_id is not None:
                sweep_rows.place(connection, new.sweep_id)
            return new

        return self._writer.run(work)

    # ------------------------------------------------------------ many executions

    def find(self, query: ExecutionQuery) -> ExecutionPage:
        """Return one page; as quick at a million executions as at a hundred.

        Raises
        ------
        InvalidRequestError
            The cursor or the limit is none.
        """
        return self._read(lambda connection: queries.find(connection, query))

    def get_all(self, refs: Sequence[str | int], *, skip_missing: bool = False) -> list[Execution]:
        """Return executions by number or id, in that order, without artifacts and provenance.

        Raises
        ------
        NotFoundError
            One of them is not there, unless `skip_missing`.
        """
        return self._read(lambda each: records.read_all(each, refs, skip_missing=skip_missing))

    def metrics(
        self,
        ref: str | int,
        *,
        names: Sequence[str] | None = None,
        after: Mapping[str, int] | None = None,
    ) -> tuple[Execution, list[MetricSeries], dict[str, int]]:
        """Return an execution, points of its metrics, and how many points each metric has.

        Parameters
        ----------
        ref
            Number or id.
        names
            Which metrics; `None` for all.
        after
            By name how many points, the oldest, are known already.

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> tuple[Execution, list[MetricSeries], dict[str, int]]:
            execution = records.read(connection, ref)
            series, counts = metric_points.read(
                connection, execution.number, names=names, after=after or {}
            )
            return execution, series, counts

        return self._read(work)

    def environments(self, ids: Iterable[str]) -> dict[str, Environment]:
        """Return what executions ran in, by id; unknown ids are left out."""
        wanted = sorted(set(ids))
        statement = sa.select(environments).where(environments.c.id.in_(wanted))

        def work(connection: sa.Connection) -> dict[str, Environment]:
            return {row.id: Environment(row.content) for row in connection.execute(statement)}

        return self._read(work) if wanted else {}

    def running(self, *, backend: str | None = None) -> list[Execution]:
        """Return what runs now (on `backend`), oldest first."""

        def work(connection: sa.Connection) -> list[Execution]:
            found = codec.load_all(connection.execute(_RUNNING))
            return [
                records.whole(connection, each)
                for each in found
                if backend is None or each.backend == backend
            ]

        return self._read(work)

    def find_unwanted(self) -> list[tuple[str, int]]:
        """Return id and attempt of what runs and was asked to end."""

        def work(connection: sa.Connection) -> list[tuple[str, int]]:
            return [(row.id, row.attempt) for row in connection.execute(_UNWANTED)]

        return self._read(work)

    def count_running(self) -> dict[str, int]:
        """Return how many run, by backend."""

        def work(connection: sa.Connection) -> dict[str, int]:
            return {row.backend: row.n for row in connection.execute(_N_RUNNING)}

        return self._read(work)

    def counts(self) -> Counts:
        """Return how many executions wait and run; counts the rows that do."""

        def work(connection: sa.Connection) -> Counts:
            row = connection.execute(_COUNTS).one()
            return Counts(queued=row.queued, running=row.running)

        return self._read(work)

    def queued_count(self) -> int:
        """Return how many executions wait for a slot."""
        return self._read(lambda connection: connection.execute(_QUEUED).scalar_one())

    def changes_since(self, rev: int, *, limit: int = 500) -> list[Execution]:
        """Return what changed after revision `rev`, oldest change first, the trash included.

        Without artifacts and provenance, as lists have them.

        Parameters
        ----------
        rev
            Revision up to which everything is known.
        limit
            At most so many; the last one's `rev` is where to go on.
        """

        def work(connection: sa.Connection) -> list[Execution]:
            found = connection.execute(_CHANGES, {"after": rev, "at_most": limit})
            return codec.load_all(found)

        return self._read(work)

    def last_rev(self) -> int:
        """Return the revision of the latest change, 0 in an empty store."""
        return self._read(records.read_rev)

    def data_version(self) -> int:
        """Return a number that differs when anybody, other processes too, committed since.

        Costs microseconds; the number means nothing to other `ExecutionStore` objects.
        """
        self._check_open()
        return self._database.data_version()

    def iterate(self) -> Iterator[Execution]:
        """Yield every execution, the trash included, by number; holds no lock meanwhile."""
        last = 0
        while batch := self._after(last):
            yield from batch
            last = batch[-1].number

    def referenced_objects(self) -> Iterator[str]:
        """Yield the id of every object and snapshot any execution refers to, some repeatedly."""
        for execution in self.iterate():
            yield execution.snapshot_id
            kept = (execution.output_object, execution.journal_object, execution.log_object)
            yield from (object_id for object_id in kept if object_id is not None)
            yield from (artifact.object_id for artifact in execution.artifacts)
            if execution.collect is not None:
                yield from self.fan_in.handed_objects(execution)

    @property
    def health(self) -> StoreHealth:
        """Checks of the whole store, and repairs; each may take as long as reading it."""
        return StoreHealth(self._database, read=self._read, write=self._writer.run)

    # ------------------------------------------------------------ settings

    def get_setting(self, name: str) -> JSONValue | None:
        """Return that store-wide choice, None when nobody made it."""
        text = self._read(lambda connection: connection.execute(_SETTING, {"name": name}).scalar())
        value: JSONValue | None = None if text is None else json.loads(text)
        return value

    def find_settings(self, prefix: str) -> dict[str, JSONValue]:
        """Return the store-wide choices whose names begin with `prefix`, by name."""
        statement = sa.select(settings.c.name, settings.c.value).where(
            settings.c.name.startswith(prefix, autoescape=True)
        )
        rows = self._read(lambda connection: connection.execute(statement).all())
        return {name: json.loads(value) for name, value in rows}

    def set_setting(self, name: str, value: JSONValue) -> None:
        """Make a store-wide choice that every process on the store sees."""
        text = codec.dump_json(value)

        def work(connection: sa.Connection) -> None:
            changed = connection.execute(
                sa.update(settings).where(settings.c.name == name).values(value=text)
            )
            if changed.rowcount == 0:
                connection.execute(sa.insert(settings).values(name=name, value=text))

        self._writer.run(work)

    # ------------------------------------------------------------ inside

    def _after(self, number: int) -> list[Execution]:
        statement = (
            sa.select(executions)
            .where(executions.c.number > number)
            .order_by(executions.c.number)
            .limit(WALK_BATCH)
        )
        return self._read(lambda each: codec.load_all(each.execute(statement)))

    def _read(self, work: Callable[[sa.Connection], ResultT]) -> ResultT:
        self._check_open()
        try:
            return self._read_once(work)
        except exc.DBAPIError as error:
            if not self._database.is_lost(error):
                raise self._database.explain(error) from error
        except exc.TimeoutError as error:
            raise self._database.explain(error) from error
        try:
            return self._read_once(work)
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise self._database.explain(error) from error

    def _read_once(self, work: Callable[[sa.Connection], ResultT]) -> ResultT:
        with self._database.read_engine.connect() as connection:
            return work(connection)

    def _check_open(self) -> None:
        if self._is_closed:
            raise UnavailableError("The store is closed.")


def _apply_all(
    connection: sa.Connection, execution: Execution, events: Sequence[Event]
) -> Execution:
    """Apply `events`, write the outcome once, and note each change of status."""
    noted: list[tuple[Execution, Event]] = []
    beside: list[Event] = []
    new = execution
    for event in _completed(execution, events):
        moved = apply(new, event)
        if moved is not new and type(event) in _NOTED:
            noted.append((moved, event))
        if moved is not new:
            beside.append(event)
        new = moved
    _record_beside(connection, execution.number, beside)
    if new == execution:
        return execution
    saved = records.save(connection, execution, new)
    for moved, event in noted:
        line = replace(moved, rev=saved.rev)
        records.note_history(connection, line, _NOTED[type(event)], event.at)
    if saved.is_final and not execution.is_final:
        if saved.sweep_id is not None:
            saved = sweep_rows.member_ended(connection, saved)
        assert saved.finished_at is not None
        fan_in_rows.sources_changed(connection, [saved], saved.finished_at)
    return saved


def _record_beside(connection: sa.Connection, number: int, events: Sequence[Event]) -> None:
    """Write what events bring that is not in the execution's own row."""
    recorded: list[MetricRecorded] = []
    for event in events:
        match event:
            case ExecutionStarted():
                # A journal begins here, perhaps not for the first time: `apply` starts over too.
                recorded.clear()
                metric_points.delete(connection, number)
            case MetricRecorded():
                recorded.append(event)
            case EnvironmentFound(environment=environment):
                row = {"id": environment.id, "content": environment.content}
                connection.execute(_KEEP_ENVIRONMENT, row)
    metric_points.append(connection, number, recorded)


def _completed(execution: Execution, events: Sequence[Event]) -> Iterator[Event]:
    """Yield `events`, and the end of what was to be cancelled and does not run.

    Otherwise it would wait for ever: `claim` passes it over.
    """
    for event in events:
        yield event
        execution = apply(execution, event)
        if execution.status is Status.QUEUED and execution.cancel_requested:
            end = ExecutionFinished(at=event.at, status=Status.CANCELLED, message=CANCELLED_EARLY)
            yield end
            execution = apply(execution, end)
