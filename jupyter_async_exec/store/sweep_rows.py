"""Statements about sweeps, inside a transaction that somebody else opened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.execution import Execution, Hold, Status
from jupyter_async_exec.core.sweeps import Best, Sweep, SweepCounts, parameters_key
from jupyter_async_exec.errors import ConflictError, NotFoundError
from jupyter_async_exec.store import codec, numbers, records, turns
from jupyter_async_exec.store.tables import (
    execution_numbers,
    executions,
    listed_columns,
    sweep_reuses,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.core.execution import Submission

#: Belonging to a sweep, outside the trash.
LIVE = (executions.c.sweep_id == sa.bindparam("sweep_id"), executions.c.deleted_at.is_(None))
_SELECT = sa.select(sweeps).where(sweeps.c.id == sa.bindparam("sweep_id"))
_UPDATE = sa.update(sweeps).where(sweeps.c.id == sa.bindparam("sweep_id"))
_TO_COME = sa.select(sweeps.c.to_come).where(sweeps.c.id == sa.bindparam("sweep_id"))
#: How many executions of a sweep there are, by status.
COUNT = (
    sa.select(executions.c.status, sa.func.count().label("n"))
    .where(*LIVE, sa.text("replaced = 0"))
    .group_by(executions.c.status)
)
_FIRST = sa.select(sa.func.min(executions.c.number)).where(*LIVE)
_LAST = (
    sa.select(executions.c.number, executions.c.created_at)
    .where(*LIVE)
    .order_by(executions.c.number.desc())
    .limit(1)
)
_COUNT_REUSED = (
    sa.select(sa.func.count())
    .select_from(sweep_reuses)
    .join(executions, executions.c.number == sweep_reuses.c.number)
    .where(sweep_reuses.c.sweep_id == sa.bindparam("sweep_id"), executions.c.deleted_at.is_(None))
)
_MEMBERS = sa.select(*listed_columns).where(*LIVE).order_by(executions.c.number)
_COUNTING = _MEMBERS.where(sa.text("replaced = 0"))
_TAKEN_OVER = (
    sa.select(*listed_columns)
    .join(sweep_reuses, sweep_reuses.c.number == executions.c.number)
    .where(sweep_reuses.c.sweep_id == sa.bindparam("sweep_id"), executions.c.deleted_at.is_(None))
    .order_by(executions.c.number)
)
_exact = execution_numbers.alias()
# Under its exact name where another metric is called the same but for case; see `numbers`.
_MEANT = (execution_numbers.c.name == sa.bindparam("exact")) | ~(
    sa.select(sa.literal(1))
    .where(
        _exact.c.name == sa.bindparam("exact"),
        _exact.c.number == execution_numbers.c.number,
        _exact.c.kind == "metric",
    )
    .correlate_except(_exact)
    .exists()
)
_VALUE_OF = (
    sa.select(execution_numbers.c.number, execution_numbers.c.value)
    .select_from(executions)
    .join(
        execution_numbers,
        (execution_numbers.c.number == executions.c.number)
        & execution_numbers.c.name.in_((sa.bindparam("metric"), sa.bindparam("exact")))
        & (execution_numbers.c.kind == "metric"),
    )
    .where(
        _MEANT,
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


def find_row(connection: sa.Connection, sweep_id: str) -> sa.RowMapping | None:
    """Return the columns of a sweep, None if there is none of that id."""
    return connection.execute(_SELECT, {"sweep_id": sweep_id}).mappings().first()


def read(connection: sa.Connection, ref: str | int) -> Sweep:
    """Return the sweep with that id, or the one that the execution of that number belongs to.

    Raises
    ------
    NotFoundError
        There is none.
    """
    text = str(ref).removeprefix("#")
    row = find_row(connection, codec.clean(text))
    if row is None:
        execution = _execution(connection, ref)
        if execution is None or execution.sweep_id is None:
            what = f"#{text} belongs to no sweep" if execution else f"There is no sweep {text[:40]}"
            raise NotFoundError(f"{what}.")
        row = find_row(connection, execution.sweep_id)
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
    counted: dict[str, Any] = {each.status: each.n for each in connection.execute(COUNT, its)}
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
        row = find_row(connection, codec.clean(each))
        if row is not None:
            found.append(load(connection, row))
    return found


def place(connection: sa.Connection, sweep_id: str) -> None:
    """Note where it stands in lists: with the first of its executions outside the trash."""
    first = connection.execute(_FIRST, {"sweep_id": sweep_id}).scalar()
    connection.execute(_UPDATE.values(first_number=first), {"sweep_id": sweep_id})


def members(connection: sa.Connection, sweep_id: str) -> list[Execution]:
    """Return its executions outside the trash, oldest first, as lists show them."""
    return codec.load_all(connection.execute(_MEMBERS, {"sweep_id": sweep_id}))


def counting(connection: sa.Connection, sweep_id: str) -> list[Execution]:
    """Return those of its members whose place no later one took."""
    return codec.load_all(connection.execute(_COUNTING, {"sweep_id": sweep_id}))


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
    exact = codec.clean(metric)
    asked = {"sweep_id": sweep_id, "metric": numbers.folded(metric), "exact": exact}
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


def to_come(connection: sa.Connection, sweep_id: str) -> int:
    """Return how many executions an adaptive sweep is still to choose; 0 for others."""
    found = connection.execute(_TO_COME, {"sweep_id": sweep_id}).scalar()
    return int(found or 0)


def set_to_come(connection: sa.Connection, sweep_id: str, n: int) -> None:
    """Change how many executions it is still to choose; 0 ends the search."""
    connection.execute(_UPDATE.values(to_come=n), {"sweep_id": sweep_id})
