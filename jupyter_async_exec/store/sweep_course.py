"""How a sweep goes on and ends, inside a transaction that somebody else opened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at
from jupyter_async_exec.core.events import CancelRequested
from jupyter_async_exec.core.execution import Hold, Status
from jupyter_async_exec.core.search import goal_of, without_objective
from jupyter_async_exec.core.transitions import apply
from jupyter_async_exec.store import codec, fan_in_rows, history, records, sweep_rows, turns
from jupyter_async_exec.store.tables import executions, sweeps

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.goal import Goal

_added = executions.alias("added")
#: What went to the trash with the sweep, which is at the same moment.
_IN_TRASH = sa.select(executions).where(
    executions.c.deleted_at
    == sa.select(sweeps.c.deleted_at)
    .where(sweeps.c.id == sa.bindparam("sweep_id"))
    .scalar_subquery(),
    executions.c.sweep_id == sa.bindparam("sweep_id"),
)
_COUNT_ALL_FAILED = (
    sa.select(sa.func.count())
    .select_from(executions)
    .where(*sweep_rows.LIVE, sa.text("replaced = 0"), executions.c.status == Status.FAILED.value)
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
    .where(
        *sweep_rows.LIVE, executions.c.status == Status.QUEUED.value, executions.c.hold.is_not(None)
    )
    .group_by(executions.c.backend)
)


def member_ended(connection: sa.Connection, ended: Execution) -> Execution:
    """Draw the consequences of the end of one of its executions, in the same transaction.

    Returns the execution, which may have got a remark.
    """
    assert ended.sweep_id is not None
    row = sweep_rows.find_row(connection, ended.sweep_id)
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
    counted = {each.status for each in connection.execute(sweep_rows.COUNT, {"sweep_id": sweep_id})}
    is_waiting = counted & {Status.QUEUED.value, Status.RUNNING.value}
    if not is_waiting and not sweep_rows.to_come(connection, sweep_id):
        sweep_rows.change(connection, sweep_id, finished_at=format_at(at))
        # Whatever made it end, perhaps only that nothing more is to come.
        fan_in_rows.sweep_ended(connection, sweep_id, at)


def cancel(
    connection: sa.Connection, sweep_id: str, at: datetime, *, only_waiting: bool = False
) -> None:
    """Ask for the end of all that is not over; what waits is cancelled at once."""
    if sweep_rows.to_come(connection, sweep_id):
        sweep_rows.set_to_come(connection, sweep_id, 0)
        # Why a search waited: it does no longer.
        sweep_rows.change(connection, sweep_id, message=None)
    found = sweep_rows.members(connection, sweep_id)
    waiting = [each for each in found if each.status is Status.QUEUED]
    records.end_unstarted(connection, waiting, at)
    fan_in_rows.sources_changed(connection, waiting, at)
    for execution in [] if only_waiting else found:
        if execution.status is Status.RUNNING and not execution.cancel_requested:
            old = records.read(connection, execution.id)
            saved = records.save(connection, old, apply(old, CancelRequested(at=at)))
            history.note(connection, saved, "cancel_requested", at)
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
    waiting = [
        each
        for each in sweep_rows.members(connection, ended.sweep_id)
        if each.status is Status.QUEUED
    ]
    n_waiting = len(waiting) + sweep_rows.to_come(connection, ended.sweep_id)
    if n_waiting:
        records.end_unstarted(connection, waiting, ended.finished_at, f"Not started: {why}")
        sweep_rows.set_to_come(connection, ended.sweep_id, 0)
        fan_in_rows.sources_changed(connection, waiting, ended.finished_at)
        n = f"{n_waiting:,} of its executions were" if n_waiting > 1 else "One of them was"
        sweep_rows.change(connection, ended.sweep_id, message=f"{n} not started: {why}")


def trash(connection: sa.Connection, sweep_id: str, at: datetime) -> None:
    """Move all of its executions to the trash; they are over."""
    moved = [
        records.trash(connection, records.read(connection, each.id), at)
        for each in sweep_rows.members(connection, sweep_id)
    ]
    if not moved:
        return  # Who asks again must not make those strangers that went together.
    fan_in_rows.sources_changed(connection, moved, at)
    sweep_rows.place(connection, sweep_id)
    sweep_rows.change(connection, sweep_id, deleted_at=format_at(at))


def untrash(connection: sa.Connection, sweep_id: str, at: datetime) -> None:
    """Take out of the trash what went there together, and last."""
    there = codec.load_all(connection.execute(_IN_TRASH, {"sweep_id": sweep_id}))
    moved = [records.untrash(connection, old, at) for old in there]
    fan_in_rows.sources_changed(connection, moved, at)
    sweep_rows.place(connection, sweep_id)
    sweep_rows.change(connection, sweep_id, deleted_at=None)
