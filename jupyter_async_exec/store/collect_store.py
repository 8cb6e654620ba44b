"""The part of the store about what may go: the one predicate, last uses, and removing rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.retention import Collectable
from jupyter_async_exec.store import codec, records, sweep_rows
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.tables import (
    environments,
    execution_links,
    execution_uses,
    executions,
    sweep_reuses,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KeyT = TypeVar("KeyT", int, str)

#: Rows per transaction: others write in between.
BATCH = 100

#: Sweeps that are not over: their executions, and the results they took over, stay.
_UNFINISHED = sa.select(sweeps.c.id).where(
    sa.or_(sweeps.c.finished_at.is_(None), sweeps.c.to_come > 0)
)
#: Executions that are waited for, or about to be handed over: they stay until they have been.
_UNDERWAY = executions.alias("underway")
# What is under way is never in the trash: said for the sake of the index.
_is_underway = sa.and_(
    _UNDERWAY.c.status.in_(("queued", "running")), _UNDERWAY.c.deleted_at.is_(None)
)
_WANTED = sa.select(execution_links.c.source).where(
    execution_links.c.number.in_(sa.select(_UNDERWAY.c.number).where(_is_underway))
)
_WANTED_SWEEPS = sa.select(_UNDERWAY.c.collect_sweep_id).where(
    _is_underway, _UNDERWAY.c.collect_sweep_id.is_not(None)
)
#: What may go, said once; whatever else must keep an execution belongs here.
MAY_GO = sa.and_(
    executions.c.status.in_(("succeeded", "failed", "cancelled")),
    executions.c.finished_at.is_not(None),
    executions.c.starred == 0,
    executions.c.pinned == 0,
    sa.or_(executions.c.sweep_id.is_(None), executions.c.sweep_id.not_in(_UNFINISHED)),
    executions.c.number.not_in(
        sa.select(sweep_reuses.c.number).where(
            sa.or_(
                sweep_reuses.c.sweep_id.in_(_UNFINISHED),
                sweep_reuses.c.sweep_id.in_(_WANTED_SWEEPS),
            )
        )
    ),
    executions.c.number.not_in(_WANTED),
    sa.or_(executions.c.sweep_id.is_(None), executions.c.sweep_id.not_in(_WANTED_SWEEPS)),
)

_N_LATER = sa.func.row_number().over(
    partition_by=(executions.c.notebook_path, executions.c.deleted_at.is_(None)),
    order_by=executions.c.number.desc(),
)


# EXCEPT, because PostgreSQL answers NOT IN of many rows by looking through all of them each time.
_EMPTY_SWEEPS = sa.except_(
    sa.select(sweeps.c.id).where(sweeps.c.finished_at.is_not(None)),
    sa.select(executions.c.sweep_id).where(executions.c.sweep_id.is_not(None)),
    sa.select(sweep_reuses.c.sweep_id),
)
_UNUSED = sa.except_(
    sa.select(environments.c.id),
    sa.select(executions.c.environment_id).where(executions.c.environment_id.is_not(None)),
)


class CollectStore(StorePart):
    """What may go, in the same file as executions; as safe for threads and processes."""

    def note_uses(self, numbers: Sequence[int]) -> None:
        """Remember that executions were of use now; those that have gone are passed over."""
        now = format_at(self._clock())

        def work(connection: sa.Connection) -> None:
            for batch in _batches(numbers):
                there = sa.select(executions.c.number, sa.literal(now)).where(
                    executions.c.number.in_(batch)
                )
                connection.execute(
                    sa.delete(execution_uses).where(execution_uses.c.number.in_(batch))
                )
                connection.execute(
                    sa.insert(execution_uses).from_select(["number", "used_at"], there)
                )

        if numbers:
            self._writer.run(work)

    def collectable(self, *, owners: frozenset[str] = frozenset()) -> list[Collectable]:
        """Return every execution of `owners` that may go, the trash included, by number.

        Parameters
        ----------
        owners
            Whose; none named: everybody's. Those of others do not count as later ones.
        """
        statement = _collectable(owners)

        def work(connection: sa.Connection) -> list[Collectable]:
            return [_load(row) for row in connection.execute(statement).mappings()]

        return sorted(self._read(work), key=lambda each: each.number)

    def trash(self, numbers: Sequence[int]) -> int:
        """Move those that may still go to the trash, in steps; return how many were moved."""
        n_moved = 0
        for batch in _batches(numbers):

            def work(connection: sa.Connection, batch: Sequence[int] = batch) -> int:
                now = self._clock()
                moved = _still(connection, batch, executions.c.deleted_at.is_(None))
                for number in moved:
                    new = records.trash(connection, records.read(connection, number), now)
                    if new.sweep_id is not None:
                        sweep_rows.place(connection, new.sweep_id)
                return len(moved)

            n_moved += self._writer.run(work)
        return n_moved

    def remove(self, numbers: Sequence[int]) -> int:
        """Remove those that are in the trash and may still go; return how many.

        Whoever took one out of the trash meanwhile has it back. Of a removed
        execution no row is left; its number is never used again.
        """
        n_removed = 0
        for batch in _batches(numbers):

            def work(connection: sa.Connection, batch: Sequence[int] = batch) -> int:
                gone = _still(connection, batch, executions.c.deleted_at.is_not(None))
                if gone:
                    # Tags, metrics, history and the rest go with it.
                    connection.execute(sa.delete(executions).where(executions.c.number.in_(gone)))
                return len(gone)

            n_removed += self._writer.run(work)
        if n_removed:
            self._remove_lonely()
        return n_removed

    def _remove_lonely(self) -> None:
        """Remove sweeps without executions or results, and environments that nothing ran in.

        They are found while others write, by looking at everything. What refers to one since
        then has a later revision, so that nobody has to wait until all is looked at again.
        """

        def find(connection: sa.Connection) -> tuple[int, list[str], list[str]]:
            lonely = (connection.execute(each).scalars() for each in (_EMPTY_SWEEPS, _UNUSED))
            empty, unused = map(list, lonely)
            return records.read_rev(connection), empty, unused

        rev, empty, unused = self._read(find)
        for batch in _batches(empty):
            reusing = sa.select(sweep_reuses.c.sweep_id).where(sweep_reuses.c.sweep_id.in_(batch))
            self._delete(
                sa.delete(sweeps).where(
                    sweeps.c.id.in_(batch),
                    sweeps.c.finished_at.is_not(None),
                    sweeps.c.id.not_in(_named_since(executions.c.sweep_id, rev)),
                    sweeps.c.id.not_in(reusing),
                )
            )
        for batch in _batches(unused):
            self._delete(
                sa.delete(environments).where(
                    environments.c.id.in_(batch),
                    environments.c.id.not_in(_named_since(executions.c.environment_id, rev)),
                )
            )

    def _delete(self, statement: sa.Delete) -> None:
        self._writer.run(lambda connection: connection.execute(statement))

    def sweep_snapshots(self) -> list[str]:
        """Return the snapshots that sweeps refer to, whether they have executions or not."""
        statement = sa.select(sweeps.c.snapshot_id).distinct()
        return self._read(lambda each: list(each.execute(statement).scalars()))


def _collectable(owners: frozenset[str]) -> sa.Select[Any]:
    ranked = sa.select(executions.c.number, (_N_LATER - 1).label("n_later"))
    if owners:
        ranked = ranked.where(executions.c.submitted_by.in_(map(codec.clean, sorted(owners))))
    of_them = ranked.subquery()
    return (
        sa.select(
            executions.c.number,
            executions.c.id,
            executions.c.title,
            executions.c.notebook_path,
            executions.c.finished_at,
            executions.c.deleted_at,
            execution_uses.c.used_at,
            of_them.c.n_later,
        )
        .select_from(
            executions.join(of_them, of_them.c.number == executions.c.number).outerjoin(
                execution_uses, execution_uses.c.number == executions.c.number
            )
        )
        .where(MAY_GO)
    )


def _still(
    connection: sa.Connection, numbers: Sequence[int], condition: sa.ColumnElement[bool]
) -> list[int]:
    """Return those that may go at this moment, in the transaction in which they do."""
    statement = sa.select(executions.c.number).where(
        executions.c.number.in_(numbers), MAY_GO, condition
    )
    return list(connection.execute(statement).scalars())


def _named_since(column: sa.ColumnElement[str], rev: int) -> sa.Select[str]:
    return sa.select(column).where(executions.c.rev > rev, column.is_not(None))


def _batches(keys: Sequence[KeyT]) -> Iterator[Sequence[KeyT]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _load(row: sa.RowMapping) -> Collectable:
    finished_at = parse_at(row["finished_at"])
    used_at = finished_at if row["used_at"] is None else parse_at(row["used_at"])
    return Collectable(
        number=row["number"],
        id=row["id"],
        title=row["title"],
        notebook_path=row["notebook_path"],
        n_later=row["n_later"],
        finished_at=finished_at,
        used_at=max(finished_at, used_at),
        deleted_at=None if row["deleted_at"] is None else parse_at(row["deleted_at"]),
    )
