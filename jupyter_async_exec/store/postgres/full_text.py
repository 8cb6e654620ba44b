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

from jupyter_async_exec.store.full_text import N_NEWEST, FullText, Stretch
from jupyter_async_exec.store.search import TOKEN

if TYPE_CHECKING:
    import re
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
_block_column = sa.column("block", sa.BigInteger)
_number_column = sa.column("number", sa.BigInteger)
#: Between words that all have to be there, as `search.question` writes it.
_AND = " AND "
#: How a word ends that is the beginning of what is looked for.
_BEGINNING = '"*'
_FOUND = "found"
#: Of what is found, before conditions are looked at.
_NUMBER = sa.literal_column(f"{_FOUND}.number", sa.BigInteger)


class PostgresFullText(FullText):
    """The table `execution_search`."""

    @property
    @override
    def number(self) -> sa.ColumnElement[int]:
        return _NUMBER

    @override
    def has(self, rows: sa.Select[int]) -> sa.ColumnElement[bool]:
        # An EXISTS would be made a join with all there are, once for each block.
        return rows.limit(1).scalar_subquery().is_not(None)

    @property
    @override
    def n_newest(self) -> int:
        # They are in two blocks at most.
        return min(N_NEWEST, 1 << BLOCK_BITS)

    @override
    def is_quicker_in_newest(self, question: str) -> bool:
        # Of a single word GIN reads a block as quickly, and through whole words it skips; what
        # few have is then found with one question.
        return _AND in question and _BEGINNING in question

    @override
    def newest(
        self, question: str, stretch: Stretch, conditions: Sequence[sa.ColumnElement[bool]]
    ) -> sa.Select[int]:
        return _page_of(_newest(question, stretch, self.n_newest), stretch, conditions)

    @override
    def matching(
        self,
        question: str,
        stretch: Stretch,
        conditions: Sequence[sa.ColumnElement[bool]],
        *,
        among: Sequence[int] | None = None,
    ) -> sa.Select[int]:
        if among is not None:
            return _page_of(_among(among, question, stretch), stretch, conditions)
        return _page_of(_walk(question, stretch, is_sifted=bool(conditions)), stretch, conditions)

    @override
    def find_few(self, connection: sa.Connection, question: str) -> Sequence[int] | None:
        """Look for a word that few have: with a common one GIN reads all that have either.

        Where no word is so rare, a page of those that have all is full soon. Whole words GIN
        skips through by itself; it is beginnings of words of which it reads all there are.
        """
        all_terms = question.split(_AND)
        terms = [term for term in all_terms if _BEGINNING in term]
        if len(all_terms) == 1:
            return None
        # Longer ones are more often rare.
        for term in sorted(terms, key=len, reverse=True):
            found = connection.execute(_some(term, FEW + 1)).scalars().all()
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


# Statements in PostgreSQL's own words: to put them together anew takes longer than to run them.


def _walk(question: str, stretch: Stretch, *, is_sifted: bool) -> sa.TextualSelect:
    """Find all, from block to block; the + 0 keeps PostgreSQL from walking by number."""
    order = _order(stretch)
    behind = "" if stretch.after is None else f"AND number + 0 {_before(stretch)} :after"
    at_most = "" if is_sifted else f"LIMIT {int(stretch.at_most)}"
    text = f"""
        SELECT blocks.block, in_block.number
        FROM {_blocks(stretch)} CROSS JOIN LATERAL (
            SELECT number + 0 AS number FROM {FullText.TABLE}
            WHERE words @@ {_query_of("block")} {behind}
            ORDER BY number + 0 {order} {at_most}
        ) AS in_block
        ORDER BY blocks.block {order}, in_block.number {order}"""  # noqa: S608
    return _bound(text, question, stretch).columns(_block_column, _number_column)


def _newest(question: str, stretch: Stretch, n: int) -> sa.TextualSelect:
    """Look at the `n` numbers with which the list begins, one after the other."""
    order, sign, is_behind = _order(stretch), _sign(stretch), _before(stretch)
    text = f"""
        WITH edge AS MATERIALIZED (
            SELECT first, first >> {BLOCK_BITS} AS block,
                {_query_of(f"first >> {BLOCK_BITS}")} AS here,
                {_query_of(f"(first >> {BLOCK_BITS}) {sign} 1")} AS beside
            FROM (SELECT {_first(stretch)} AS first) AS there
        )
        SELECT number >> {BLOCK_BITS} AS block, number FROM {FullText.TABLE}
        WHERE number {is_behind}= (SELECT first FROM edge)
            AND (SELECT first FROM edge) {sign} {int(n)} {is_behind} number
            AND words @@ CASE number >> {BLOCK_BITS} WHEN (SELECT block FROM edge)
                THEN (SELECT here FROM edge) ELSE (SELECT beside FROM edge) END
        ORDER BY number {order}"""  # noqa: S608
    return _bound(text, question, stretch).columns(_block_column, _number_column)


def _among(numbers: Sequence[int], question: str, stretch: Stretch) -> sa.TextualSelect:
    """Look at these alone."""
    behind = "" if stretch.after is None else f"AND number {_before(stretch)} :after"
    text = f"""
        SELECT number >> {BLOCK_BITS} AS block, number FROM {FullText.TABLE}
        WHERE number = ANY(:numbers) AND words @@ {_query_of(f"number >> {BLOCK_BITS}")} {behind}
        ORDER BY number {_order(stretch)}"""  # noqa: S608
    named = sa.bindparam("numbers", list(numbers), type_=ARRAY(sa.BigInteger))
    return _bound(text, question, stretch).bindparams(named).columns(_block_column, _number_column)


def _some(question: str, at_most: int) -> sa.TextClause:
    """Find so many in no order, which spares looking at all that a block holds."""
    newest = Stretch(at_most=at_most)
    text = f"""
        SELECT in_block.number
        FROM {_blocks(newest)} CROSS JOIN LATERAL (
            SELECT number FROM {FullText.TABLE}
            WHERE words @@ {_query_of("block")} LIMIT {int(at_most)}
        ) AS in_block
        LIMIT {int(at_most)}"""  # noqa: S608
    return _bound(text, question, newest)


def _page_of(
    found: sa.TextualSelect, stretch: Stretch, conditions: Sequence[sa.ColumnElement[bool]]
) -> sa.Select[Any]:
    """Return those of `found`, in its order, for which the conditions hold.

    They are looked at one after the other until the page is full, not all at once.
    """
    numbers = found.subquery(_FOUND)
    ways = [each.desc() if stretch.newest_first else each.asc() for each in numbers.c]
    page = sa.select(numbers.c.number).where(*conditions)
    return page.order_by(*ways).limit(stretch.at_most)


def _bound(text: str, question: str, stretch: Stretch) -> sa.TextClause:
    values: list[sa.BindParameter[Any]] = [sa.bindparam("question", as_tsquery(question))]
    if stretch.after is not None:
        values.append(sa.bindparam("after", stretch.after, sa.BigInteger))
    return sa.text(text).bindparams(*values)


def _blocks(stretch: Stretch) -> str:
    """Return the blocks that the list goes through, in its order."""
    last = f"(SELECT max(number) FROM {FullText.TABLE})"  # noqa: S608
    if stretch.newest_first:
        last = "0::bigint"
    order = _order(stretch)
    # Sorted here too, so that PostgreSQL sees that one block after the other is enough.
    return (
        f"(SELECT block FROM generate_series({_first(stretch)} >> {BLOCK_BITS}, "  # noqa: S608
        f"{last} >> {BLOCK_BITS}, {_sign(stretch)}1) AS series (block) ORDER BY block {order}) "
        "AS blocks"
    )


def _first(stretch: Stretch) -> str:
    """Return the number with which the list begins, or one before it."""
    if not stretch.newest_first:
        return "0::bigint" if stretch.after is None else "(:after + 1)"
    last = f"(SELECT max(number) FROM {FullText.TABLE})"  # noqa: S608
    return last if stretch.after is None else f"least({last}, :after - 1)"


def _query_of(block: str) -> str:
    """Return the question as it is asked in a block."""
    return f"CAST(replace(:question, '{_BLOCK}', CAST({block} AS text)) AS tsquery)"


def _order(stretch: Stretch) -> str:
    return "DESC" if stretch.newest_first else "ASC"


def _sign(stretch: Stretch) -> str:
    return "-" if stretch.newest_first else "+"


def _before(stretch: Stretch) -> str:
    """Return how numbers of the list compare with one before it."""
    return "<" if stretch.newest_first else ">"


def as_tsquery(question: str) -> str:
    """Return a question of `search.question` as PostgreSQL reads it, `_BLOCK` for the block."""

    def tagged(match: re.Match[str]) -> str:
        token, star = match.groups()
        return f"'{_BLOCK}{_SEPARATOR}{token}'" + (":*" if star else "")

    return TOKEN.sub(tagged, question).replace(_AND, " & ").replace(" OR ", " | ")


def _row(row: Mapping[str, Any]) -> dict[str, object]:
    prefix = _prefix(row["number"])
    words = [prefix + word for word in row["words"].split(" ")]
    return {"its_number": row["number"], "its_words": words}


def _prefix(number: int) -> str:
    return f"{number >> BLOCK_BITS}{_SEPARATOR}"
