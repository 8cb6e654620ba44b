"""Statements about sweeps, inside a transaction that somebody else opened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.events import CancelRequested
from jupyter_async_exec.core.execution import Execution, Hold, Status
from jupyter_async_exec.core.search import goal_of, without_objective
from jupyter_async_exec.core.sweeps import Best, Sweep, SweepCounts, parameters_key
from jupyter_async_exec.core.transitions import apply
from jupyter_async_exec.errors import ConflictError, NotFoundError
from jupyter_async_exec.store import codec, fan_in_rows, numbers, records, turns
from jupyter_async_exec.store.tables import (
    execution_numbers,
    executions,
    listed_columns,
    sweep_reuses,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jupyter_async_exec.core.execution import Submission
    from jupyter_async_exec.core.goal import Goal

CANCELLED_EARLY = "Cancelled before it started."

_added = executions.alias("added")
_live = (executions.c.sweep_id == sa.bindparam("sweep_id"), executions.c.deleted_at.is_(None))
_SELECT = sa.select(sweeps).where(sweeps.c.id == sa.bindparam("sweep_id"))
_UPDATE = sa.update(sweeps).where(sweeps.c.id == sa.bindparam("sweep_id"))
_TO_COME = sa.select(sweeps.c.to_come).where(sweeps.c.id == sa.bindparam("sweep_id"))
_COUNT = (
    sa.select(executions.c.status, sa.func.count().label("n"))
    .where(*_live, sa.text("replaced = 0"))
    .group_by(executions.c.status)
)
_FIRST = sa.select(sa.func.min(executions.c.number)).where(*_live)
_LAST = (
    sa.select(executions.c.number, executions.c.created_at)
    .where(*_live)
    .order_by(executions.c.number.desc())
    .limit(1)
)
#: What went to the trash with the sweep, which is at the same moment.
_IN_TRASH = sa.select(executions).where(
    executions.c.deleted_at
    == sa.select(sweeps.c.deleted_at)
    .where(sweeps.c.id == sa.bindparam("sweep_id"))
    .scalar_subquery(),
    executions.c.sweep_id == sa.bindparam("sweep_id"),
)
_COUNT_REUSED = (
    sa.select(sa.func.count())
    .select_from(sweep_reuses)
    .where(sweep_reuses.c.sweep_id == sa.bindparam("sweep_id"))
)
_MEMBERS = sa.select(*listed_columns).where(*_live).order_by(executions.c.number)
_TAKEN_OVER = (
    sa.select(*listed_columns)
    .join(sweep_reuses, sweep_reuses.c.number == executions.c.number)
    .where(sweep_reuses.c.sweep_id == sa.bindparam("sweep_id"), executions.c.deleted_at.is_(None))
    .order_by(executions.c.number)
)
_VALUE_OF = (
    sa.select(execution_numbers.c.number, execution_numbers.c.value)
    .select_from(executions)
    .join(
        execution_numbers,
        (execution_numbers.c.number == executions.c.number)
        & (execution_numbers.c.name == sa.bindparam("metric"))
        & (execution_numbers.c.kind == "metric"),
    )
    .where(
        executions.c.deleted_at.is_(None),
        executions.c.status.in_((Status.RUNNING.value, Status.SUCCEEDED.value)),
    )
)
_THEIR_VALUES = sa.union_all(
    _VALUE_OF.where(executions.c.sweep_id == sa.bindparam("sweep_id")),
    _VALUE_OF.join(sweep_reuses, sweep_reuses.c.number == executions.c.number).where(
        sweep_reuses.c.sweep_id == sa.bindparam("sweep_id")
    ),
).subquery()
_BEST = sa.select(_THEIR_VALUES).limit(1)
_BEST_LARGEST = _BEST.order_by(_THEIR_VALUES.c.value.desc(), _THEIR_VALUES.c.number)
_BEST_SMALLEST = _BEST.order_by(_THEIR_VALUES.c.value, _THEIR_VALUES.c.number)
_REPLACED = sa.select(executions.c.replaced).where(executions.c.id == sa.bindparam("its_id"))
_COUNT_ALL_FAILED = (
    sa.select(sa.func.count())
    .select_from(executions)
    .where(*_live, sa.text("replaced = 0"), executions.c.status == Status.FAILED.value)
)
#: Failures that came after the latest of its executions were added.
_COUNT_FAILED = _COUNT_ALL_FAILED.where(
    executions.c.finished_at
    >= sa.select(sa.func.max(_added.c.created_at))
    .where(_added.c.sweep_id == sa.bindparam("sweep_id"))
    .scalar_subquery(),
)
_HELD = (
    sa.select(executions.c.backend, sa.func.min(executions.c.turn).label("turn"))
    .where(*_live, executions.c.status == Status.QUEUED.value, executions.c.hold.is_not(None))
    .group_by(executions.c.backend)
)


def insert(connection: sa.Connection, sweep: Sweep) -> None:
    """Add a sweep; its executions are added by themselves."""
    connection.execute(
        sa.insert(sweeps).values(
            id=sweep.id,
            request_id=sweep.request_id and codec.clean(sweep.request_id),
            rev=records.next_rev(connection),
            notebook_path=codec.clean(sweep.notebook_path),
            title=codec.clean(sweep.title),
            snapshot_id=sweep.snapshot_id,
            definition=codec.dump_json(sweep.definition),
            canary_id=sweep.canary_id,
            stop_after=sweep.stop_after,
            message=sweep.message,
            provenance=codec.dump_json(sweep.provenance),
            submitted_by=codec.clean(sweep.submitted_by),
            created_at=format_at(sweep.created_at),
            finished_at=None if sweep.finished_at is None else format_at(sweep.finished_at),
            to_come=sweep.counts.to_come,
        )
    )


def read(connection: sa.Connection, ref: str | int) -> Sweep:
    """Return the sweep with that id, or the one that the execution of that number belongs to.

    Raises
    ------
    NotFoundError
        There is none.
    """
    text = str(ref).removeprefix("#")
    row = connection.execute(_SELECT, {"sweep_id": codec.clean(text)}).mappings().first()
    if row is None:
        execution = _execution(connection, ref)
        if execution is None or execution.sweep_id is None:
            what = f"#{text} belongs to no sweep" if execution else f"There is no sweep {text[:40]}"
            raise NotFoundError(f"{what}.")
        row = connection.execute(_SELECT, {"sweep_id": execution.sweep_id}).mappings().first()
        if row is None:
            raise NotFoundError(f"The sweep of #{execution.number} is not recorded.")
    return load(connection, row)


def _execution(connection: sa.Connection, ref: str | int) -> Execution | None:
    try:
        return records.read(connection, ref)
    except NotFoundError:
        return None


def load(connection: sa.Connection, row: sa.RowMapping) -> Sweep:
    """Return the sweep whose columns are `row`, counted."""
    its = {"sweep_id": row["id"]}
    counted: dict[str, Any] = {each.status: each.n for each in connection.execute(_COUNT, its)}
    last = connection.execute(_LAST, its).first()
    finished_at = row["finished_at"]
    return Sweep(
        id=row["id"],
        request_id=row["request_id"],
        notebook_path=row["notebook_path"],
        title=row["title"],
        snapshot_id=row["snapshot_id"],
        definition=json.loads(row["definition"]),
        canary_id=row["canary_id"],
        stop_after=row["stop_after"],
        message=row["message"],
        provenance=json.loads(row["provenance"]),
        submitted_by=row["submitted_by"],
        created_at=parse_at(row["created_at"]),
        finished_at=None if finished_at is None else parse_at(finished_at),
        counts=SweepCounts(**counted, to_come=row["to_come"]),
        first_number=row["first_number"],
        last_number=None if last is None else last.number,
        last_added_at=None if last is None else parse_at(last.created_at),
        n_reused=connection.execute(_COUNT_REUSED, its).scalar_one(),
        rev=row["rev"],
    )


def read_all(connection: sa.Connection, ids: Sequence[str]) -> list[Sweep]:
    """Return the sweeps with those ids, in that order; those that are none are left out."""
    found = []
    for each in ids:
        row = connection.execute(_SELECT, {"sweep_id": codec.clean(each)}).mappings().first()
        if row is not None:
            found.append(load(connection, row))
    return found


def place(connection: sa.Connection, sweep_id: str) -> None:
    """Note where it stands in lists: with the first of its executions outside the trash."""
    first = connection.execute(_FIRST, {"sweep_id": sweep_id}).scalar()
    connection.execute(_UPDATE.values(first_number=first), {"sweep_id": sweep_id})


def trash(connection: sa.Connection, sweep_id: str, at: datetime) -> None:
    """Move all of its executions to the trash; they are over."""
    moved = []
    for each in members(connection, sweep_id):
        old = records.read(connection, each.id)
        new = records.save(connection, old, replace(old, deleted_at=at))
        records.note_history(connection, new, "trashed", at)
        moved.append(new)
    if not moved:
        return  # Who asks again must not make those strangers that went together.
    fan_in_rows.sources_changed(connection, moved, at)
    place(connection, sweep_id)
    change(connection, sweep_id, deleted_at=format_at(at))


def untrash(connection: sa.Connection, sweep_id: str, at: datetime) -> None:
    """Take out of the trash what went there together, and last."""
    there = codec.load_all(connection.execute(_IN_TRASH, {"sweep_id": sweep_id}))
    moved = []
    for old in there:
        new = records.save(connection, old, replace(old, deleted_at=None))
        records.note_history(connection, new, "untrashed", at)
        moved.append(new)
    fan_in_rows.sources_changed(connection, moved, at)
    place(connection, sweep_id)
    change(connection, sweep_id, deleted_at=None)


def members(connection: sa.Connection, sweep_id: str) -> list[Execution]:
    """Return its executions outside the trash, oldest first, as lists show them."""
    return codec.load_all(connection.execute(_MEMBERS, {"sweep_id": sweep_id}))


def take_over(connection: sa.Connection, sweep_id: str, numbers: Sequence[int]) -> None:
    """Note earlier results that count as those of a sweep."""
    if numbers:
        connection.execute(
            sa.insert(sweep_reuses), [{"sweep_id": sweep_id, "number": each} for each in numbers]
        )


def taken_over(connection: sa.Connection, sweep_id: str) -> list[Execution]:
    """Return the earlier results of a sweep that are not in the trash, oldest first."""
    return codec.load_all(connection.execute(_TAKEN_OVER, {"sweep_id": sweep_id}))


def best(connection: sa.Connection, sweep_id: str, metric: str, *, is_largest: bool) -> Best | None:
    """Return the execution of a sweep with the best last value of a metric."""
    asked = {"sweep_id": sweep_id, "metric": numbers.folded(metric)}
    statement = _BEST_LARGEST if is_largest else _BEST_SMALLEST
    row = connection.execute(statement, asked).first()
    return None if row is None else Best(number=row.number, metric=metric, value=row.value)


def new_ones(
    connection: sa.Connection, sweep_id: str, submissions: Sequence[Submission]
) -> list[Submission]:
    """Return those with parameters that neither the sweep nor a result of its own has."""
    there = members(connection, sweep_id) + taken_over(connection, sweep_id)
    known = {parameters_key(each.parameters) for each in there}
    return [each for each in submissions if parameters_key(each.parameters) not in known]


def add(
    connection: sa.Connection, submissions: Sequence[Submission], *, sweep: Sweep, is_new: bool
) -> list[Execution]:
    """Queue `submissions`, which share the sweep's provenance; a canary holds the others up."""
    backend = submissions[0].backend
    after = None
    if not is_new:
        after = connection.execute(
            sa.select(sa.func.max(executions.c.turn)).where(executions.c.sweep_id == sweep.id)
        ).scalar()
    its_turns = turns.next_of_sweep(connection, backend, len(submissions), after=after)
    waits = sweep.canary_id is not None and (is_new or _is_underway(connection, sweep.canary_id))
    holds = [Hold.CANARY if waits and each.id != sweep.canary_id else None for each in submissions]
    added = records.insert_all(connection, submissions, its_turns, holds)
    place(connection, sweep.id)
    return added


def _is_underway(connection: sa.Connection, execution_id: str) -> bool:
    statement = sa.select(executions.c.status).where(executions.c.id == execution_id)
    status = connection.execute(statement).scalar()
    return status in {Status.QUEUED.value, Status.RUNNING.value}


def replace_all(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Note that others have taken the place of those executions in their sweep.

    Raises
    ------
    ConflictError
        Somebody else did so before.
    """
    for each in ids:
        if connection.execute(_REPLACED, {"its_id": each}).scalar():
            raise ConflictError("What failed in this sweep is being run again already.")
    statement = sa.update(executions).where(executions.c.id == sa.bindparam("its_id"))
    connection.execute(statement.values(replaced=1), [{"its_id": each} for each in ids])


def change(connection: sa.Connection, sweep_id: str, **values: object) -> None:
    """Set columns of a sweep under the next revision."""
    rev = records.next_rev(connection)
    connection.execute(_UPDATE.values(rev=rev, **values), {"sweep_id": sweep_id})


def member_ended(connection: sa.Connection, ended: Execution) -> Execution:
    """Draw the consequences of the end of one of its executions, in the same transaction.

    Returns the execution, which may have got a remark.
    """
    assert ended.sweep_id is not None
    row = connection.execute(_SELECT, {"sweep_id": ended.sweep_id}).mappings().first()
    if row is None:
        return ended
    ended = _remarked(connection, ended, goal_of(json.loads(row["definition"])))
    assert ended.sweep_id is not None
    its = {"sweep_id": ended.sweep_id}
    assert ended.finished_at is not None
    if ended.id == row["canary_id"]:
        if ended.status is Status.SUCCEEDED:
            _release(connection, ended.sweep_id)
        else:
            what = "failed" if ended.status is Status.FAILED else "was cancelled"
            _stop(connection, ended, f"the first execution of the sweep, #{ended.number}, {what}.")
    elif ended.status is Status.FAILED and row["stop_after"] is not None:
        # A search adds executions all the time.
        is_search = "objective" in json.loads(row["definition"])
        count = _COUNT_ALL_FAILED if is_search else _COUNT_FAILED
        n_failed = connection.execute(count, its).scalar_one()
        if n_failed >= row["stop_after"]:
            executions_ = "execution" if n_failed == 1 else "executions"
            _stop(connection, ended, f"{n_failed} {executions_} of the sweep failed.")
    close_if_over(connection, ended.sweep_id, ended.finished_at)
    return ended


def _remarked(connection: sa.Connection, ended: Execution, goal: Goal | None) -> Execution:
    """Note of what a search learned nothing from that it did not."""
    remark = None if goal is None else without_objective(ended, goal)
    if remark is None:
        return ended
    return records.save(connection, ended, replace(ended, remarks=(*ended.remarks, remark)))


def close_if_over(connection: sa.Connection, sweep_id: str, at: datetime) -> None:
    """Note the end of a sweep whose executions are all over, with none to come."""
    counted = {each.status for each in connection.execute(_COUNT, {"sweep_id": sweep_id})}
    is_waiting = counted & {Status.QUEUED.value, Status.RUNNING.value}
    if not is_waiting and not to_come(connection, sweep_id):
        change(connection, sweep_id, finished_at=format_at(at))
        # Whatever made it end, perhaps only that nothing more is to come.
        fan_in_rows.sweep_ended(connection, sweep_id, at)


def to_come(connection: sa.Connection, sweep_id: str) -> int:
    """Return how many executions an adaptive sweep is still to choose; 0 for others."""
    found = connection.execute(_TO_COME, {"sweep_id": sweep_id}).scalar()
    return int(found or 0)


def set_to_come(connection: sa.Connection, sweep_id: str, n: int) -> None:
    """Change how many executions it is still to choose; 0 ends the search."""
    connection.execute(_UPDATE.values(to_come=n), {"sweep_id": sweep_id})


def cancel(
    connection: sa.Connection, sweep_id: str, at: datetime, *, only_waiting: bool = False
) -> None:
    """Ask for the end of all that is not over; what waits is cancelled at once."""
    if to_come(connection, sweep_id):
        set_to_come(connection, sweep_id, 0)
        # Why a search waited: it does no longer.
        change(connection, sweep_id, message=None)
    found = members(connection, sweep_id)
    waiting = [each for each in found if each.status is Status.QUEUED]
    records.end_unstarted(connection, waiting, at, CANCELLED_EARLY, was_asked=True)
    fan_in_rows.sources_changed(connection, waiting, at)
    for execution in [] if only_waiting else found:
        if execution.status is Status.RUNNING and not execution.cancel_requested:
            old = records.read(connection, execution.id)
            saved = records.save(connection, old, apply(old, CancelRequested(at=at)))
            records.note_history(connection, saved, "cancel_requested", at)
    close_if_over(connection, sweep_id, at)


def _release(connection: sa.Connection, sweep_id: str) -> None:
    """Let those start that waited for the first one, no earlier than what is claimed now."""
    for held in connection.execute(_HELD, {"sweep_id": sweep_id}).all():
        (turn,) = turns.next_of_sweep(connection, held.backend, 1)
        connection.execute(
            sa.update(executions)
            .where(
                executions.c.sweep_id == sweep_id,
                executions.c.backend == held.backend,
                executions.c.hold == Hold.CANARY.value,
            )
            .values(hold=None, turn=executions.c.turn + max(0, turn - held.turn))
        )


def _stop(connection: sa.Connection, ended: Execution, why: str) -> None:
    """Start nothing more of a sweep; what runs goes on."""
    assert ended.sweep_id is not None
    assert ended.finished_at is not None
    waiting = [each for each in members(connection, ended.sweep_id) if each.status is Status.QUEUED]
    n_waiting = len(waiting) + to_come(connection, ended.sweep_id)
    if n_waiting:
        records.end_unstarted(connection, waiting, ended.finished_at, f"Not started: {why}")
        set_to_come(connection, ended.sweep_id, 0)
        fan_in_rows.sources_changed(connection, waiting, ended.finished_at)
        n = f"{n_waiting:,} of its executions were" if n_waiting > 1 else "One of them was"
        change(connection, ended.sweep_id, message=f"{n} not started: {why}")
