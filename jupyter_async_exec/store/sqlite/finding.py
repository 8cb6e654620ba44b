"""What people search for, found by trying one way after the other: a statement costs little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.store import numbers, walks
from jupyter_async_exec.store.full_text import N_NEWEST, FullText
from jupyter_async_exec.store.search import TOKEN
from jupyter_async_exec.store.tables import execution_numbers, executions
from jupyter_async_exec.store.walks import paged, read_cursor, row_conditions

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from jupyter_async_exec.store.numbers import Comparison
    from jupyter_async_exec.store.pages import ExecutionQuery
    from jupyter_async_exec.store.walks import Asked, Numbers

_TABLE = FullText.TABLE
_NUMBER: sa.ColumnElement[int] = sa.literal_column(f"{_TABLE}.rowid", sa.Integer)


def find(connection: sa.Connection, query: ExecutionQuery, asked: Asked) -> Sequence[int]:
    """Return the numbers on the page and one more: of words, of comparisons, or of both.

    What holds for many fills a page with the newest, at which it looks first. If it
    does not, a comparison that holds for few tells where to look.

    Raises
    ------
    InvalidRequestError
        The cursor is none.
    """
    rare = few = None
    if len(asked.comparisons) > 1 and not asked.is_searched:
        rare = _find_rare(connection, asked, numbers.FEWER)
    if asked.comparisons and not rare and (asked.is_searched or not asked.equality):
        found = _each_once(connection, _newest(query, asked), query)
        if len(found) > query.limit or _is_within(query):
            return found
        if asked.is_searched:
            few = _find_few(connection, asked)
        else:
            rare = _find_rare(connection, asked, numbers.FEW)
    return _each_once(connection, statement_of(query, asked, rare=rare, few=few), query)


def statement_of(
    query: ExecutionQuery,
    asked: Asked,
    *,
    rare: Comparison | None = None,
    few: Sequence[int] | None = None,
) -> Numbers:
    """Return the statement that finds all, some twice, in the order of the list.

    Parameters
    ----------
    query
        Which list.
    asked
        What is asked in words.
    rare
        One of the comparisons if it holds for few, which are sorted.
    few
        The only ones that can be found, if they are known and few.
    """
    if asked.expression is None:
        return _compared(query, asked.comparisons, rare=rare)
    if few is not None:
        among = (_NUMBER.in_(few), _has_words(asked.expression))
        return _searched(query, asked, *among)
    return _searched(query, asked, _matches(asked.expression))


def _newest(query: ExecutionQuery, asked: Asked) -> Numbers:
    """Return what looks at no more than the newest."""
    if asked.expression is None:
        return _compared(query, asked.comparisons, newest=True)
    return _searched(query, asked, _matches(asked.expression), _is_near(query))


def _each_once(
    connection: sa.Connection, statement: Numbers, query: ExecutionQuery
) -> Sequence[int]:
    found = dict.fromkeys(connection.execute(statement).scalars())
    return list(found)[: query.limit + 1]


def _find_rare(connection: sa.Connection, asked: Asked, at_most: int) -> Comparison | None:
    return next((each for each in asked.comparisons if each.is_rare(connection, at_most)), None)


def _find_few(connection: sa.Connection, asked: Asked) -> Sequence[int] | None:
    found = (each.find_few(connection) for each in asked.comparisons)
    return next((each for each in found if each is not None), None)


# ------------------------------------------------------------ words


def _searched(query: ExecutionQuery, asked: Asked, *conditions: sa.ColumnElement[bool]) -> Numbers:
    found: sa.Select[Any] = sa.select(_NUMBER).select_from(sa.text(_TABLE)).where(*conditions)
    for rows in row_conditions(query, _NUMBER):
        found = found.where(rows.exists())
    for each in asked.comparisons:
        found = found.where(each.exists(_NUMBER))
    return paged(found, query, _NUMBER)


def _matches(question: str) -> sa.ColumnElement[bool]:
    condition = f"{_TABLE} MATCH :question"
    return sa.text(condition).bindparams(question=question)  # type: ignore[return-value]


def _is_near(query: ExecutionQuery) -> sa.ColumnElement[bool]:
    """Return the condition to be among the `N_NEWEST` that a list begins with."""
    after = None if query.cursor is None else read_cursor(query.cursor)
    number = _NUMBER
    if not query.newest_first:
        return number <= (after or 0) + N_NEWEST
    if after is not None:
        return number >= after - N_NEWEST
    return number > sa.select(sa.func.max(executions.c.number)).scalar_subquery() - N_NEWEST


def _is_within(query: ExecutionQuery) -> bool:
    """Whether nothing lies behind the `N_NEWEST` that a list begins with."""
    if query.cursor is None or not query.newest_first:
        return False
    return read_cursor(query.cursor) <= N_NEWEST


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


# ------------------------------------------------------------ comparisons


def _compared(
    query: ExecutionQuery,
    comparisons: Sequence[Comparison],
    *,
    rare: Comparison | None = None,
    newest: bool = False,
) -> Numbers:
    """Return those for which all `comparisons` hold, where nothing else but stars is asked for.

    Some twice: a parameter and a metric may have the same name.
    """
    equality = None if newest else next((each for each in comparisons if each.is_equality), None)
    first = rare or equality or comparisons[0]
    is_sifted = len(comparisons) > 1 or query.starred is False
    twice, most = 2 * (query.limit + 1), max(numbers.FEW, numbers.FEWER)
    table: sa.FromClause = execution_numbers
    if newest:
        table = _newest_of(query, first)
    elif rare is not None:
        table = _all_of(query, rare, at_most=most if is_sifted else twice)
    number: sa.ColumnElement[int] = table.c.number
    statement = sa.select(number)
    for each in comparisons:
        if each != first:
            statement = statement.where(each.exists(number))
    for rows in row_conditions(query, number):
        statement = statement.where(rows.exists())
    if rare is not None:
        # In the order in which they come: sorted once more, all would be asked about.
        return statement.limit(twice)
    held = statement.where(first.holds(table, by_value=first is equality))
    return paged(held, query, number).limit(twice)


def _newest_of(query: ExecutionQuery, comparison: Comparison) -> sa.FromClause:
    """Return the newest rows with the name of a comparison, whatever their values."""
    number = execution_numbers.c.number
    rows = sa.select(execution_numbers).where(execution_numbers.c.name == comparison.key)
    return paged(rows, query, number).limit(walks.NEWEST_NUMBERS).subquery("newest")


def _all_of(query: ExecutionQuery, rare: Comparison, *, at_most: int) -> sa.FromClause:
    """Return those for which it holds in the order of the list, found by value and sorted."""
    # The + keeps SQLite from walking by number, the limit both from asking before they sort.
    number = sa.literal_column("+execution_numbers.number", sa.Integer).label("number")
    rows = sa.select(number).where(rare.holds(execution_numbers, by_value=True))
    return paged(rows, query, number.element).limit(at_most).subquery("all_of")
