"""What became of each execution, change by change of its status, inside an open transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.store.tables import history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_INSERT = sa.insert(history)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One change of an execution's status, as it was committed."""

    rev: int
    at: datetime
    #: Name of the event, such as `attempt_claimed` or `trashed`.
    type: str
    attempt: int
    #: The status after it.
    status: Status


def note(connection: sa.Connection, execution: Execution, event_type: str, at: datetime) -> None:
    """Append a line to the history of an execution."""
    note_all(connection, [(execution, event_type, at)])


def note_all(connection: sa.Connection, changes: Sequence[tuple[Execution, str, datetime]]) -> None:
    """Append a line for each: the execution as it is then, the name of the event, and when."""
    lines = [
        {
            "execution_id": execution.id,
            "rev": execution.rev,
            "at": format_at(at),
            "type": event_type,
            "attempt": execution.attempt,
            "status": execution.status.value,
        }
        for execution, event_type, at in changes
    ]
    connection.execute(_INSERT, lines)


def read(connection: sa.Connection, execution_id: str) -> list[HistoryEntry]:
    """Return every change of status of that execution, oldest first."""
    rows = connection.execute(
        sa.select(history).where(history.c.execution_id == execution_id).order_by(history.c.entry)
    ).mappings()
    return [
        HistoryEntry(
            rev=row["rev"],
            at=parse_at(row["at"]),
            type=row["type"],
            attempt=row["attempt"],
            status=Status(row["status"]),
        )
        for row in rows
    ]
