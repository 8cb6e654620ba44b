"""Words in a table of FTS5: every list of numbers is one walk along sorted lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc
from typing_extensions import override

from jupyter_async_exec.store.full_text import FullText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TABLE = FullText.TABLE
_INSERT = sa.text(f"INSERT INTO {_TABLE} (rowid, words) VALUES (:number, :words)")  # noqa: S608
_UPDATE = sa.text(f"UPDATE {_TABLE} SET words = :words WHERE rowid = :number")  # noqa: S608
_DELETE = sa.text(f"DELETE FROM {_TABLE} WHERE rowid = :number")  # noqa: S608
_WORDS = sa.text(f"SELECT rowid, words FROM {_TABLE} WHERE rowid > :a AND rowid <= :b")  # noqa: S608
_CHECK = f"INSERT INTO {_TABLE}({_TABLE}) VALUES ('integrity-check')"  # noqa: S608
_MADE_BY = sa.text("SELECT sql FROM sqlite_master WHERE name = :name")


class SQLiteFullText(FullText):
    """The virtual table `execution_search`, whose `rowid` is the number."""

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
