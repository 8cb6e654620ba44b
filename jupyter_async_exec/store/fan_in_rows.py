"""Statements about executions that wait for others, inside a transaction somebody else opened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.core.clock import parse_at
from jupyter_async_exec.core.execution import Execution, Hold, Status
from jupyter_async_exec.core.fan_in import Source, Verdict, decide, due_at
from jupyter_async_exec.store import codec, records, turns
from jupyter_async_exec.store.tables import (
    WAITING,
    execution_links,
    executions,
    handed,
    sweep_reuses,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.execution import Submission
    from jupyter_async_exec.core.fan_in import Decision
    from jupyter_async_exec.core.json_types import JSONObject

#: It starts if the other succeeds.
AFTER = "after"
#: It was to be handed the other.
COLLECT = "collect"
#: It was handed the other.
HANDED = "handed"

_SOURCE_COLUMNS = (
    executions.c.number,
    executions.c.status,
    executions.c.finished_at,
    executions.c.deleted_at,
)
_LINKED = (
    sa.select(execution_links.c.source, *_SOURCE_COLUMNS)
    .select_from(
        execution_links.outerjoin(executions, executions.c.number == execution_links.c.source)
    )
    .where(
        execution_links.c.number == sa.bindparam("its_number"),
        execution_links.c.role == sa.bindparam("its_role"),
    )
    .order_by(execution_links.c.source)
)
_OF_SWEEP = sa.select(executions.c.number.label("source"), *_SOURCE_COLUMNS).where(
    executions.c.sweep_id == sa.bindparam("its_sweep"),
    executions.c.deleted_at.is_(None),
    sa.text("replaced = 0"),
)
# Those in the trash too: they were deleted with another sweep, and are missed in this one.
_TAKEN_OVER = (
    sa.select(executions.c.number.label("source"), *_SOURCE_COLUMNS)
    .join(sweep_reuses, sweep_reuses.c.number == executions.c.number)
    .where(sweep_reuses.c.sweep_id == sa.bindparam("its_sweep"))
)
_RERUNS = (
    sa.select(executions.c.id, executions.c.number, executions.c.parent_id)
    .where(
        executions.c.submitted_by == sa.bindparam("its_owner"),
        executions.c.notebook_path == sa.bindparam("its_path"),
        executions.c.number > sa.bindparam("its_number"),
        executions.c.deleted_at.is_(None),
        executions.c.parent_id.is_not(None),
    )
    .order_by(executions.c.number)
)
_DUE = sa.select(executions.c.number).where(
    WAITING, executions.c.due_at <= sa.bindparam("its_moment")
)
_NEXT_DUE = sa.select(sa.func.min(executions.c.due_at)).where(
    WAITING, executions.c.due_at.is_not(None)
)
_TO_COME = sa.select(sweeps.c.to_come).where(sweeps.c.id == sa.bindparam("its_sweep"))
_UPDATE = sa.update(executions).where(executions.c.number == sa.bindparam("its_number"))


def insert(connection: sa.Connection, submission: Submission, at: datetime) -> Execution:
    """Add an execution; one that waits for others starts, waits or ends as they stand now."""
    execution = records.insert(connection, submission)
    if not submission.after and submission.collect is None:
        return execution
    collected = submission.collect.executions if submission.collect else ()
    _link(connection, execution.number, AFTER, _numbers(connection, submission.after))
    _link(connection, execution.number, COLLECT, _numbers(connection, collected))
    if submission.handed is not None:
        hand_over(connection, execution.number, submission.handed)
    consider(connection, [execution.number], at)
    return records.read(connection, execution.number)


def hand_over(connection: sa.Connection, number: int, content: JSONObject) -> None:
    """Keep what an execution is handed, for good."""
    row = {"number": number, "content": codec.dump_json(content)}
    connection.execute(sa.insert(handed), row)
    _link(connection, number, HANDED, [each["number"] for each in content["value"]])


def handed_content(connection: sa.Connection, number: int) -> JSONObject | None:
    """Return what an execution was handed, None if it was handed nothing yet."""
    statement = sa.select(handed.c.content).where(handed.c.number == number)
    text = connection.execute(statement).scalar()
    return None if text is None else json.loads(text)


def consider(connection: sa.Connection, numbers: Iterable[int], at: datetime) -> None:
    """Start, hold up or end those that wait, as what they wait for stands now.

    What ends may be what others wait for; these are considered too.
    """
    left = list(dict.fromkeys(numbers))
    while left:
        number = left.pop()
        execution = records.read(connection, number, include_deleted=True)
        if execution.status is not Status.QUEUED or execution.hold is not Hold.OTHERS:
            continue
        decision = _decide(connection, execution, at)
        match decision.verdict:
            case Verdict.START:
                _release(connection, execution)
            case Verdict.END:
                assert decision.sentence is not None
                records.end_unstarted(connection, [execution], at, decision.sentence)
                left += _dependents(connection, [execution])
            case Verdict.WAIT:
                new = replace(execution, waits_for=decision.sentence)
                if new != execution:
                    records.save(connection, execution, new)
                _note_due(connection, execution, at)


def sources_changed(connection: sa.Connection, changed: Sequence[Execution], at: datetime) -> None:
    """Draw the consequences for all that wait for executions which ended, or were deleted."""
    consider(connection, _dependents(connection, changed), at)


def sweep_ended(connection: sa.Connection, sweep_id: str, at: datetime) -> None:
    """Draw the consequences of the end of a sweep, for all that collect it."""
    consider(connection, numbers_collecting_sweep(connection, sweep_id), at)


def consider_due(connection: sa.Connection, at: datetime) -> None:
    """Start or end those that wait for a moment that has come."""
    found = connection.execute(_DUE, {"its_moment": codec.moment(at)}).scalars().all()
    consider(connection, found, at)


def consider_all(connection: sa.Connection, at: datetime) -> None:
    """Look at everything that waits for others."""
    found = connection.execute(sa.select(executions.c.number).where(WAITING)).scalars().all()
    consider(connection, found, at)


def next_due(connection: sa.Connection) -> datetime | None:
    """Return the next moment that something waits for."""
    text = connection.execute(_NEXT_DUE).scalar()
    return None if text is None else parse_at(text)


def sources(connection: sa.Connection, execution: Execution) -> list[Source]:
    """Return what an execution collects, by number."""
    collect = execution.collect
    if collect is None:
        return []
    if collect.sweep_id is None:
        return _linked(connection, execution.number, COLLECT)
    its = {"its_sweep": collect.sweep_id}
    found = [
        _source(row)
        for statement in (_OF_SWEEP, _TAKEN_OVER)
        for row in connection.execute(statement, its).mappings()
    ]
    return sorted(found, key=lambda each: each.number)


def linked_numbers(connection: sa.Connection, number: int, role: str) -> list[int]:
    """Return the numbers of what an execution has to do with in that role."""
    statement = sa.select(execution_links.c.source).where(
        execution_links.c.number == number, execution_links.c.role == role
    )
    return list(connection.execute(statement.order_by(execution_links.c.source)).scalars())


def numbers_linking(connection: sa.Connection, source: int, role: str) -> list[int]:
    """Return the numbers of those that have to do with an execution in that role."""
    statement = sa.select(execution_links.c.number).where(
        execution_links.c.source == source, execution_links.c.role == role
    )
    return list(connection.execute(statement.order_by(execution_links.c.number)).scalars())


def numbers_collecting_sweep(connection: sa.Connection, sweep_id: str) -> list[int]:
    """Return the numbers of those that collect a sweep, started or not."""
    statement = sa.select(executions.c.number).where(executions.c.collect_sweep_id == sweep_id)
    return list(connection.execute(statement.order_by(executions.c.number)).scalars())


def reruns(connection: sa.Connection, execution: Execution) -> list[Execution]:
    """Return what an execution was run again as, and those again, outside the trash, oldest first.

    By who submitted it, and under the path of its notebook.
    """
    family = {execution.id}
    numbers: list[int] = []
    # None is older than what it is a rerun of.
    for row in connection.execute(
        _RERUNS,
        {
            "its_path": execution.notebook_path,
            "its_number": execution.number,
            "its_owner": execution.submitted_by,
        },
    ):
        if row.parent_id in family:
            family.add(row.id)
            numbers.append(row.number)
    return records.read_all(connection, numbers, skip_missing=True)


def _decide(connection: sa.Connection, execution: Execution, at: datetime) -> Decision:
    return decide(
        after=_linked(connection, execution.number, AFTER),
        sources=sources(connection, execution),
        to_come=_to_come(connection, execution),
        collect=execution.collect,
        created_at=execution.created_at,
        now=at,
    )


def _to_come(connection: sa.Connection, execution: Execution) -> int:
    """Return how many more executions the sweep that it collects is still to choose."""
    if execution.collect is None or execution.collect.sweep_id is None:
        return 0
    found = connection.execute(_TO_COME, {"its_sweep": execution.collect.sweep_id}).scalar()
    return int(found or 0)


def _release(connection: sa.Connection, execution: Execution) -> None:
    records.save(connection, execution, replace(execution, hold=None, waits_for=None))
    # Behind those that wait for a slot already: it did not.
    turn = turns.next_single(connection, execution.backend)
    connection.execute(_UPDATE.values(turn=turn), {"its_number": execution.number})


def _note_due(connection: sa.Connection, execution: Execution, at: datetime) -> None:
    """Let its moment be waited for while it is still to come; once is enough.

    One that follows others may have to wait longer. Their ends are recorded later than
    they happened: then the moment is to come again, and is looked at once more.
    """
    until = None if execution.collect is None else due_at(execution.collect, execution.created_at)
    if until is None:
        return
    ahead = codec.moment(until) if until > at else None
    is_noted = executions.c.due_at.is_not_distinct_from(ahead)
    its = {"its_number": execution.number}
    connection.execute(_UPDATE.where(~is_noted).values(due_at=ahead), its)


def _dependents(connection: sa.Connection, changed: Sequence[Execution]) -> list[int]:
    found: dict[int, None] = {}
    numbers = [each.number for each in changed]
    sweep_ids = sorted({each.sweep_id for each in changed if each.sweep_id is not None})
    for start in range(0, len(numbers), records.MOST_KEYS):
        some = numbers[start : start + records.MOST_KEYS]
        statement = sa.select(execution_links.c.number).where(
            execution_links.c.source.in_(some), execution_links.c.role != HANDED
        )
        found |= dict.fromkeys(connection.execute(statement).scalars())
    for sweep_id in sweep_ids:
        found |= dict.fromkeys(numbers_collecting_sweep(connection, sweep_id))
    return list(found)


def _linked(connection: sa.Connection, number: int, role: str) -> list[Source]:
    rows = connection.execute(_LINKED, {"its_number": number, "its_role": role}).mappings()
    return [_source(row) for row in rows]


def _source(row: sa.RowMapping) -> Source:
    values: dict[str, Any] = dict(row)
    is_known = values["status"] is not None
    return Source(
        number=values["source"],
        status=Status(values["status"]) if is_known else None,
        finished_at=None if values["finished_at"] is None else parse_at(values["finished_at"]),
        is_deleted=not is_known or values["deleted_at"] is not None,
    )


def _numbers(connection: sa.Connection, ids: Sequence[str]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(ids), records.MOST_KEYS):
        some = ids[start : start + records.MOST_KEYS]
        statement = sa.select(executions.c.number).where(executions.c.id.in_(some))
        found += connection.execute(statement).scalars()
    return found


def _link(connection: sa.Connection, number: int, role: str, found: Sequence[int]) -> None:
    if found:
        connection.execute(
            sa.insert(execution_links),
            [{"number": number, "role": role, "source": source} for source in sorted(set(found))],
        )
