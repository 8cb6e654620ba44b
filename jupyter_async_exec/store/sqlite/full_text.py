"""Words in a table of FTS5: every list of numbers is one walk along sorted lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc
from typing_extensions import override

from jupyter_async_exec.store.full_text import N_NEWEST, FullText
from jupyter_async_exec.store.search import TOKEN
from jupyter_async_exec.store.tables import executions

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from jupyter_async_exec.store.full_text import Stretch

_TABLE = FullText.TABLE
_INSERT = sa.text(f"INSERT INTO {_TABLE} (rowid, words) VALUES (:number, :words)")  # noqa: S608
_UPDATE = sa.text(f"UPDATE {_TABLE} SET words = :words WHERE rowid = :number")  # noqa: S608
_DELETE = sa.text(f"DELETE FROM {_TABLE} WHERE rowid = :number")  # noqa: S608
_WORDS = sa.text(f"SELECT rowid, words FROM {_TABLE} WHERE rowid > :a AND rowid <= :b")  # noqa: S608
_CHECK = f"INSERT INTO {_TABLE}({_TABLE}) VALUES ('integrity-check')"  # noqa: S608
_MADE_BY = sa.text("SELECT sql FROM sqlite_master WHERE name = :name")


class SQLiteFullText(FullText):
    """The virtual table `execution_search`, whose `rowid` is the number."""

    @property
    @override
    def number(self) -> sa.ColumnElement[int]:
        return sa.literal_column(f"{_TABLE}.rowid", sa.Integer)

    @override
    def newest(
        self, question: str, stretch: Stretch, conditions: Sequence[sa.ColumnElement[bool]]
    ) -> sa.Select[int]:
        return self._matching(question, stretch, [_edge(stretch), *conditions])

    @override
    def matching(
        self,
        question: str,
        stretch: Stretch,
        conditions: Sequence[sa.ColumnElement[bool]],
        *,
        among: Sequence[int] | None = None,
    ) -> sa.Select[int]:
        if among is None:
            return self._matching(question, stretch, conditions)
        number = self.number
        found: sa.Select[Any] = sa.select(number).select_from(sa.text(_TABLE))
        found = found.where(number.in_(among), _has_words(question), *conditions)
        return _paged(found, number, stretch)

    def _matching(
        self, question: str, stretch: Stretch, conditions: Sequence[sa.ColumnElement[bool]]
    ) -> sa.Select[int]:
        match = sa.text(f"{_TABLE} MATCH :question").bindparams(question=question)
        found: sa.Select[Any] = sa.select(self.number).select_from(sa.text(_TABLE))
        return _paged(found.where(match, *conditions), self.number, stretch)

    @override
    def add(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(_INSERT, rows)

    @override
    def change(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(_UPDATE, rows)

    @override
    def remove(self, connection: sa.Connection, number: int) -> None:
        connection.execute(_DELETE, {"number": number})

    @override
    def words(self, connection: sa.Connection, *, after: int, up_to: int) -> dict[int, set[str]]:
        rows = connection.execute(_WORDS, {"a": after, "b": up_to})
        return {row.rowid: set(row.words.split(" ")) for row in rows}

    @override
    def is_sound(self, connection: sa.Connection) -> bool:
        try:
            connection.exec_driver_sql(_CHECK)
        except exc.DatabaseError:
            return False
        return True

    @override
    def clear(self, connection: sa.Connection) -> None:
        made_by = connection.execute(_MADE_BY, {"name": _TABLE}).scalar_one()
        connection.exec_driver_sql(f"DROP TABLE {_TABLE}")
        connection.exec_driver_sql(str(made_by))


def _paged(
    found: sa.Select[Any], number: sa.ColumnElement[int], stretch: Stretch
) -> sa.Select[Any]:
    if stretch.after is not None:
        is_behind = number < stretch.after if stretch.newest_first else number > stretch.after
        found = found.where(is_behind)
    ordered = number.desc() if stretch.newest_first else number.asc()
    return found.order_by(ordered).limit(stretch.at_most)


def _edge(stretch: Stretch) -> sa.ColumnElement[bool]:
    """Return the condition to be among the `N_NEWEST` that a list begins with."""
    number: sa.ColumnElement[int] = sa.literal_column(f"{_TABLE}.rowid", sa.Integer)
    if not stretch.newest_first:
        return number <= (stretch.after or 0) + N_NEWEST
    if stretch.after is not None:
        return number >= stretch.after - N_NEWEST
    return number > sa.select(sa.func.max(executions.c.number)).scalar_subquery() - N_NEWEST


def _has_words(question: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row has these words, for rows that are named."""
    values: dict[str, str] = {}

    def looked_for(match: re.Match[str]) -> str:
        token, star = match.groups()
        name = f"word_{len(values)}"
        values[name] = f" {token}" if star else f" {token} "
        return f"instr(' ' || {_TABLE}.words || ' ', :{name}) > 0"

    condition = TOKEN.sub(looked_for, question)
    return sa.text(f"({condition})").bindparams(**values)  # type: ignore[return-value]
