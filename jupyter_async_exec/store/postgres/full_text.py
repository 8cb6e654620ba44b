"""Words in a column that GIN indexes, in blocks of numbers.

GIN finds rows in no order, all of them or none: of a million executions with a
common word it would fetch and sort a million to show 25. Therefore each word
carries the block of numbers that its execution is in. A list goes from block
to block in its own order, in one statement, and stops when it is full; a block
in which nothing is found costs a look into the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from typing_extensions import override

from jupyter_async_exec.store.full_text import FullText
from jupyter_async_exec.store.search import TOKEN

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

#: A block holds 2^12 numbers: a full one is found and sorted in about 1 ms, and
#: a million executions are 245 blocks to look into.
BLOCK_BITS = 12
#: Stands in a question for the block; no word holds it.
BLOCK = "~"
#: Between the block and the word; no block holds it.
_SEPARATOR = "|"

_table = sa.Table(
    FullText.TABLE,
    sa.MetaData(),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("words", TSVECTOR, nullable=False),
)
_words = sa.func.array_to_tsvector(sa.bindparam("its_words", type_=ARRAY(sa.Text)))
_INSERT = sa.insert(_table).values(number=sa.bindparam("its_number"), words=_words)
_UPDATE = (
    sa.update(_table).where(_table.c.number == sa.bindparam("its_number")).values(words=_words)
)
_DELETE = sa.delete(_table).where(_table.c.number == sa.bindparam("its_number"))
_WORDS = sa.select(
    _table.c.number, sa.func.tsvector_to_array(_table.c.words, type_=ARRAY(sa.Text)).label("words")
).where(_table.c.number > sa.bindparam("a"), _table.c.number <= sa.bindparam("b"))


class PostgresFullText(FullText):
    """The table `execution_search`."""

    @override
    def add(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(_INSERT, [_row(each) for each in rows])

    @override
    def change(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(_UPDATE, [_row(each) for each in rows])

    @override
    def remove(self, connection: sa.Connection, number: int) -> None:
        connection.execute(_DELETE, {"its_number": number})

    @override
    def words(self, connection: sa.Connection, *, after: int, up_to: int) -> dict[int, set[str]]:
        found = {}
        for number, words in connection.execute(_WORDS, {"a": after, "b": up_to}):
            prefix = _prefix(number)
            # A word of another block is found by nobody: it stays as it is, and differs.
            found[number] = {word.removeprefix(prefix) for word in words}
        return found

    @override
    def is_sound(self, connection: sa.Connection) -> bool:
        # PostgreSQL has no check of its own for GIN that is installed everywhere.
        return True

    @override
    def clear(self, connection: sa.Connection) -> None:
        connection.execute(sa.delete(_table))


def as_tsquery(question: str) -> str:
    """Return a question of `search.question` as PostgreSQL reads it, `BLOCK` for the block."""

    def tagged(match: re.Match[str]) -> str:
        token, star = match.groups()
        return f"'{BLOCK}{_SEPARATOR}{token}'" + (":*" if star else "")

    return TOKEN.sub(tagged, question).replace(" AND ", " & ").replace(" OR ", " | ")


def _row(row: Mapping[str, Any]) -> dict[str, object]:
    prefix = _prefix(row["number"])
    words = [prefix + word for word in row["words"].split(" ")]
    return {"its_number": row["number"], "its_words": words}


def _prefix(number: int) -> str:
    return f"{number >> BLOCK_BITS}{_SEPARATOR}"
