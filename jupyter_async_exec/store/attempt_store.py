"""What a dispatcher asks of the store: claim an attempt, report of it, see what runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.events import AttemptClaimed
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.store import codec, event_rows, records, turns
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.tables import executions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.events import Event
    from jupyter_async_exec.core.execution import Artifact, Execution, Remark
    from jupyter_async_exec.core.resources import Resources

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


class AttemptStore(StorePart):
    """The part of the store about attempts, and what runs at this moment."""

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
            return event_rows.apply_all(connection, execution, (event,))

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
            return event_rows.apply_all(connection, execution, events)

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
