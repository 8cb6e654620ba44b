"""What events of an execution change in the rows, inside a transaction somebody else opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

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
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.transitions import apply, cancelled_early
from jupyter_async_exec.store import fan_in_rows, history, metric_points, records, sweep_course

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_async_exec.core.execution import Execution

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


def apply_all(
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
        history.note(connection, line, _NOTED[type(event)], event.at)
    if saved.is_final and not execution.is_final:
        if saved.sweep_id is not None:
            saved = sweep_course.member_ended(connection, saved)
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
            why = cancelled_early(execution)
            end = ExecutionFinished(at=event.at, status=Status.CANCELLED, message=why)
            yield end
            execution = apply(execution, end)
