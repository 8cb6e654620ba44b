"""Words in a column that GIN indexes, in blocks of numbers.

GIN finds rows in no order, all of them or none: of a million executions with a
common word it would fetch and sort a million to show 25. Therefore each word
carries the block of numbers that its execution is in. A list goes from block
to block in its own order, in one statement, and stops when it is full; a block
in which nothing is found costs a look into the index.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from typing_extensions import override

from jupyter_async_exec.store.full_text import FullText, Stretch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A block holds 2^12 numbers: a full one is found and sorted in about 1 ms, and
#: a million executions are 245 blocks to look into.
BLOCK_BITS = 12
#: So many are looked at one by one; of words that more have, few blocks fill a page.
FEW = 200
#: Stands in a question for the block; no word holds it.
_BLOCK = "~"
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
_LAST = sa.select(sa.func.max(_table.c.number)).scalar_subquery()
_BLOCKS_NAME, _ORDERED_NAME = "blocks", "ordered"
_ITS_BLOCK = sa.literal_column(f"{_BLOCKS_NAME}.block", sa.BigInteger)
#: What is found in a block, before conditions are looked at.
_ORDERED = sa.literal_column(f"{_ORDERED_NAME}.number", sa.BigInteger)
_TOKEN = re.compile(r'"([^"]+)"(\*?)')


class PostgresFullText(FullText):
    """The table `execution_search`."""

    @property
    @override
    def number(self) -> sa.ColumnElement[int]:
        return _ORDERED

    @override
    def has(self, rows: sa.Select[int]) -> sa.ColumnElement[bool]:
        # An EXISTS would be made a join with all there are, once for each block.
        return rows.limit(1).scalar_subquery().is_not(None)

    @override
    def matching(
        self,
        question: str,
        stretch: Stretch,
        conditions: Sequence[sa.ColumnElement[bool]],
        *,
        with_rows: bool,
        among: Sequence[int] | None = None,
    ) -> sa.Select[int]:
        if among is not None:
            return _found_among(among, question, stretch, conditions, with_rows=with_rows)
        block = _blocks(stretch)
        in_block = sa.func.replace(as_tsquery(question), _BLOCK, sa.cast(_ITS_BLOCK, sa.Text))
        # The + 0 keeps PostgreSQL from walking by number, which it thinks is shorter.
        number = _table.c.number + 0
        found: sa.Select[Any] = sa.select(number.label("number")).where(
            _table.c.words.bool_op("@@")(sa.cast(in_block, TSQUERY))
        )
        page = _page_of(found, number, conditions, stretch, with_rows=with_rows)
        of_block = page.lateral("found")
        newest: list[Any] = [block.desc(), of_block.c.number.desc()]
        oldest: list[Any] = [block, of_block.c.number]
        return (
            sa.select(of_block.c.number)
            .join_from(block.table, of_block, sa.true())
            .order_by(*(newest if stretch.newest_first else oldest))
            .limit(stretch.at_most)
        )

    @override
    def find_few(self, connection: sa.Connection, question: str) -> Sequence[int] | None:
        """Look for a word that few have: with a common one GIN reads all that have either.

        Where no word is so rare, a page of those that have all is full soon.
        """
        terms = question.split(" AND ")
        if len(terms) == 1:
            return None
        stretch = Stretch(at_most=FEW + 1)
        # Longer ones are more often rare.
        for term in sorted(terms, key=len, reverse=True):
            statement = self.matching(term, stretch, (), with_rows=False)
            found = connection.execute(statement).scalars().all()
            if len(found) <= FEW:
                return found
        return None

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


def _found_among(
    numbers: Sequence[int],
    question: str,
    stretch: Stretch,
    conditions: Sequence[sa.ColumnElement[bool]],
    *,
    with_rows: bool,
) -> sa.Select[Any]:
    """Return those of few executions that have the words, and for which the conditions hold."""
    number = _table.c.number
    its_block = sa.cast(_block_of(number), sa.Text)
    in_block = sa.func.replace(as_tsquery(question), _BLOCK, its_block)
    found: sa.Select[Any] = sa.select(number).where(
        number == sa.func.any(sa.literal(list(numbers), ARRAY(sa.BigInteger))),
        _table.c.words.bool_op("@@")(sa.cast(in_block, TSQUERY)),
    )
    return _page_of(found, number, conditions, stretch, with_rows=with_rows)


def _page_of(
    found: sa.Select[Any],
    number: sa.ColumnElement[int],
    conditions: Sequence[sa.ColumnElement[bool]],
    stretch: Stretch,
    *,
    with_rows: bool,
) -> sa.Select[Any]:
    """Return the next of `found`, as many as a page holds, for which the conditions hold."""
    if stretch.after is not None:
        found = found.where(
            number < stretch.after if stretch.newest_first else number > stretch.after
        )
    found = found.order_by(number.desc() if stretch.newest_first else number.asc())
    if conditions:
        found = _sifted(found, conditions, stretch, with_rows=with_rows)
    return found.limit(stretch.at_most)


def _sifted(
    found: sa.Select[Any],
    conditions: Sequence[sa.ColumnElement[bool]],
    stretch: Stretch,
    *,
    with_rows: bool,
) -> sa.Select[Any]:
    """Return those of `found`, in its order, for which the conditions hold.

    They are looked at one after the other until the page is full, not all at once.
    """
    ordered = found.subquery(_ORDERED_NAME)
    sifted = sa.select(ordered.c.number).where(*conditions)
    if with_rows:
        rows = sa.table("executions", sa.column("number"))
        sifted = sifted.join_from(ordered, rows, rows.c.number == ordered.c.number)
    number = ordered.c.number
    return sifted.order_by(number.desc() if stretch.newest_first else number.asc())


def as_tsquery(question: str) -> str:
    """Return a question of `search.question` as PostgreSQL reads it, `_BLOCK` for the block."""

    def tagged(match: re.Match[str]) -> str:
        token, star = match.groups()
        return f"'{_BLOCK}{_SEPARATOR}{token}'" + (":*" if star else "")

    return _TOKEN.sub(tagged, question).replace(" AND ", " & ").replace(" OR ", " | ")


def _blocks(stretch: Stretch) -> sa.ColumnElement[int]:
    """Return the numbers of the blocks that the list goes through, in its order."""
    first: sa.ColumnElement[Any] = sa.literal(stretch.after or 0, sa.BigInteger)
    last: sa.ColumnElement[Any] = _LAST
    if stretch.newest_first:
        first, last = last, sa.literal(0, sa.BigInteger)
        if stretch.after is not None:
            first = sa.func.least(first, sa.literal(stretch.after, sa.BigInteger))
    step = -1 if stretch.newest_first else 1
    series = sa.func.generate_series(_block_of(first), _block_of(last), step).table_valued(
        sa.column("block", sa.BigInteger), name="series"
    )
    found = series.render_derived().c.block
    ordered = found.desc() if stretch.newest_first else found.asc()
    # Sorted here too, so that PostgreSQL sees that one block after the other is enough.
    return sa.select(found).order_by(ordered).subquery(_BLOCKS_NAME).c.block


def _block_of(number: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return number.op(">>")(sa.literal_column(str(BLOCK_BITS), sa.Integer))


def _row(row: Mapping[str, Any]) -> dict[str, object]:
    prefix = _prefix(row["number"])
    words = [prefix + word for word in row["words"].split(" ")]
    return {"its_number": row["number"], "its_words": words}


def _prefix(number: int) -> str:
    return f"{number >> BLOCK_BITS}{_SEPARATOR}"
