"""Whether the store's file is sound, and putting right what can be made again from its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.store import codec, full_text, numbers, records, search
from jupyter_async_exec.store.tables import (
    execution_numbers,
    execution_tags,
    executions,
    history,
    revision,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyter_async_exec.core.execution import Artifact, Execution, Remark
    from jupyter_async_exec.store.database import Database
    from jupyter_async_exec.store.reader import Reader
    from jupyter_async_exec.store.writer import Writer

#: More complaints than this say nothing new.
MAX_COMPLAINTS = 20

_LAST = sa.select(sa.func.max(executions.c.rev), sa.func.max(executions.c.number))
_COUNTED = sa.select(revision.c.rev, revision.c.last_number)
_TAGS = sa.select(execution_tags).where(
    execution_tags.c.number > sa.bindparam("a"), execution_tags.c.number <= sa.bindparam("b")
)
_NUMBERS = sa.select(execution_numbers).where(
    execution_numbers.c.number > sa.bindparam("a"), execution_numbers.c.number <= sa.bindparam("b")
)


class StoreHealth:
    """Checks of one store, and repairs; `ExecutionStore.health` gives it.

    Parameters
    ----------
    database
        Where it is kept.
    reader, writer
        Run work in a transaction that only reads, or one that may write.
    """

    def __init__(self, database: Database, *, reader: Reader, writer: Writer) -> None:
        self._database = database
        self._read = reader.run
        self._write = writer.run

    # ------------------------------------------------------------ looking

    def complaints(self) -> list[str]:
        """Return what the database itself finds wrong, about `MAX_COMPLAINTS` at most."""
        return self._read(lambda each: self._database.complaints(each, at_most=MAX_COMPLAINTS))

    def walk(self) -> Iterator[tuple[int, Execution | str]]:
        """Yield the number of every row with its execution, or with why it cannot be read."""
        last = 0
        while batch := self._after(last):
            yield from batch
            last = batch[-1][0]

    def _after(self, number: int) -> list[tuple[int, Execution | str]]:
        return self._read(lambda each: _rows_after(each, number))

    def is_search_sound(self) -> bool:
        """Whether the full-text index agrees with the words it was made from."""
        try:
            return self._write(lambda each: full_text.of(each).is_sound(each))
        except AsyncExecError:
            return False

    def misindexed(self) -> list[int]:
        """Return the executions that search, tags or numbers do not know, or know wrongly."""
        wrong: list[int] = []
        last = 0
        while True:
            # Rows, words, tags and numbers of one moment: the store may be in use.
            end, found = self._read(lambda each, after=last: _misindexed(each, after))  # type: ignore[misc]
            wrong += found
            if end is None:
                return wrong
            last = end

    def rev_behind(self) -> bool:
        """Whether rows carry a later revision, or number, than the store counts."""

        def work(connection: sa.Connection) -> bool:
            rev, number = connection.execute(_LAST).one()
            counted = connection.execute(_COUNTED).one()
            return bool((rev or 0) > counted.rev or (number or 0) > counted.last_number)

        return self._read(work)

    def endless(self) -> list[int]:
        """Return final executions whose history knows no end, and others whose history does."""
        ended = (
            sa.select(history.c.execution_id)
            .where(history.c.type == "execution_finished")
            .scalar_subquery()
        )
        final = executions.c.status.in_(("succeeded", "failed", "cancelled"))
        statement = (
            sa.select(executions.c.number)
            .where(final != executions.c.id.in_(ended))
            .order_by(executions.c.number)
        )
        return self._read(lambda each: list(each.execute(statement).scalars()))

    # ------------------------------------------------------------ putting right

    def rebuild_indexes(self) -> None:
        """Make every index of the database again from its rows."""
        self._write(self._database.rebuild_indexes)

    def rebuild_search(self) -> int:
        """Make search, tags and numbers again from the rows; return how many rows there are."""

        def work(connection: sa.Connection) -> int:
            full_text.of(connection).clear(connection)
            connection.execute(sa.delete(execution_tags))
            connection.execute(sa.delete(execution_numbers))
            n_live = 0
            rows = connection.execute(
                sa.select(executions).where(executions.c.deleted_at.is_(None))
            ).mappings()
            for row in rows.yield_per(records.WALK_BATCH):
                execution = _load(connection, row)
                if not isinstance(execution, str):
                    records.index(connection, execution)
                    n_live += 1
            return n_live

        return self._write(work)

    def catch_up_rev(self) -> None:
        """Let the store count on from the latest revision and number of its rows."""

        def work(connection: sa.Connection) -> None:
            rev, number = connection.execute(_LAST).one()
            counted = connection.execute(_COUNTED).one()
            connection.execute(
                sa.update(revision).values(
                    rev=max(rev or 0, counted.rev),
                    last_number=max(number or 0, counted.last_number),
                )
            )

        self._write(work)

    def amend(
        self,
        number: int,
        *,
        objects: Mapping[str, str | None],
        artifacts: tuple[Artifact, ...],
        remarks: Iterable[Remark],
    ) -> Execution:
        """Change what a final execution says it left, after a repair.

        Parameters
        ----------
        number
            Whose.
        objects
            New values of `output_object`, `journal_object`, `log_object`.
        artifacts
            Those it still has.
        remarks
            Added to its own.
        """

        def work(connection: sa.Connection) -> Execution:
            old = records.read(connection, number, include_deleted=True)
            fields: dict[str, Any] = dict(objects)
            added = dict.fromkeys((*old.remarks, *remarks))
            new = replace(old, **fields, artifacts=artifacts, remarks=tuple(added))
            return old if new == old else records.save(connection, old, new)

        return self._write(work)


def _load(connection: sa.Connection, row: sa.RowMapping) -> Execution | str:
    try:
        return records.whole(connection, codec.load(row))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


def _rows_after(connection: sa.Connection, number: int) -> list[tuple[int, Execution | str]]:
    rows = records.rows_after(connection, number).mappings().all()
    return [(row["number"], _load(connection, row)) for row in rows]


def _misindexed(connection: sa.Connection, after: int) -> tuple[int | None, list[int]]:
    """Return how far it looked, None for to the end, and what is wrong there."""
    batch = _rows_after(connection, after)
    end = batch[-1][0] if len(batch) == records.WALK_BATCH else None
    span = {"a": after, "b": records.LARGEST_NUMBER if end is None else end}
    known = full_text.of(connection).words(connection, after=span["a"], up_to=span["b"])
    tags: dict[int, set[str]] = {}
    for row in connection.execute(_TAGS, span):
        tags.setdefault(row.number, set()).add(row.tag)
    values: dict[int, set[tuple[object, ...]]] = {}
    for row in connection.execute(_NUMBERS, span):
        values.setdefault(row.number, set()).add((row.name, row.kind, row.value))
    wrong = []
    for number, execution in batch:
        found = known.pop(number, None), tags.pop(number, set()), values.pop(number, set())
        if not isinstance(execution, str) and found != _indexed(execution):
            wrong.append(number)
    # What is left belongs to no execution.
    return end, sorted({*wrong, *known, *tags, *values})


def _indexed(execution: Execution) -> tuple[set[str] | None, set[str], set[tuple[object, ...]]]:
    """Return the words, tags and numbers by which an execution is found."""
    if execution.deleted_at is not None:
        return None, set(), set()
    return (
        set(search.words(execution).split(" ")),
        {codec.clean(tag) for tag in execution.tags},
        {(row["name"], row["kind"], row["value"]) for row in numbers.rows_of(execution)},
    )
