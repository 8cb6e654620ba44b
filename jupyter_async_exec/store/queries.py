"""Lists of executions: what can be asked, and in which order the store looks for it."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store import codec, full_text, numbers, search, sweep_rows
from jupyter_async_exec.store.pages import ExecutionPage, ExecutionQuery
from jupyter_async_exec.store.tables import executions, listed_columns
from jupyter_async_exec.store.walks import Asked, newest_numbers, number_lists, stretch_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store.full_text import FullText
    from jupyter_async_exec.store.numbers import Comparison
    from jupyter_async_exec.store.walks import Numbers

#: Rows of a page at most.
MAX_LIMIT = 1_000

_NOBODYS = (
    sa.select(sa.literal(1))
    .where(executions.c.submitted_by == "", executions.c.deleted_at.is_(None))
    .limit(1)
)

_ROWS = sa.select(*listed_columns).where(
    executions.c.number.in_(sa.bindparam("numbers", expanding=True))
)


def find(connection: sa.Connection, query: ExecutionQuery) -> ExecutionPage:
    """Return the page that `query` asks for.

    Raises
    ------
    InvalidRequestError
        The cursor or the limit is none, or conditions do not go together.
    """
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidRequestError(f"'limit' must be from 1 to {MAX_LIMIT}.")
    _check_grouping(query)
    lists = [
        found for each in _by_owner(connection, query) for found in _find_numbers(connection, each)
    ]
    merged = heapq.merge(*lists, reverse=query.newest_first)
    found = list(islice(merged, query.limit + 1))
    shown = found[: query.limit]
    rows = read_rows(connection, shown)
    groups = [row.sweep_id for row in rows if row.sweep_id is not None] if query.grouped else []
    return ExecutionPage(
        executions=tuple(rows),
        next_cursor=str(shown[-1]) if len(found) > query.limit else None,
        sweeps=tuple(sweep_rows.read_all(connection, groups)),
    )


def _check_grouping(query: ExecutionQuery) -> None:
    """Refuse what no index answers."""
    asks_more = query.text or query.tag is not None or query.starred is not None
    if query.grouped and (asks_more or query.statuses or query.sweep is not None or query.single):
        raise InvalidRequestError("'grouped' goes together with 'notebook' alone.")
    if query.single and (asks_more or query.notebook is not None or query.sweep is not None):
        raise InvalidRequestError("'single' goes together with 'status' alone.")
    if query.with_reused and (asks_more or query.statuses or query.notebook or not query.sweep):
        raise InvalidRequestError("'with_reused' goes together with 'sweep' alone.")


def _by_owner(connection: sa.Connection, query: ExecutionQuery) -> Iterable[ExecutionQuery]:
    """Yield a query for each owner it asks for, in its list or its text; or the query itself."""
    text, named = search.take_owner(query.text or "")
    if named is not None:
        owners = query.owners & {named} if query.owners else {named}
        query = replace(query, text=text, owners=frozenset(owners))
    elif not query.owners:
        yield query
    for owner in sorted(query.owners):
        # Everybody's lists have what belongs to nobody, of which there usually is nothing.
        if owner or connection.execute(_NOBODYS).first():
            yield replace(query, owners=frozenset({owner}))


def _find_numbers(connection: sa.Connection, query: ExecutionQuery) -> Iterable[Sequence[int]]:
    """Yield lists that, merged, are the numbers on the page and one more.

    What holds for many fills a page with the newest, at which it looks first. If it
    does not, a comparison or a word that holds for few tells where to look.
    """
    index = full_text.of(connection)
    asked = Asked.of(query)
    rare = few = None
    if len(asked.comparisons) > 1 and not asked.is_searched:
        rare = _find_rare(connection, asked, numbers.FEWER)
    if asked.is_searched or (asked.comparisons and not rare and not asked.equality):
        newest = newest_numbers(query, asked, index)
        if newest is not None:
            found = _each_once(connection, newest, query)
            if len(found) > query.limit or stretch_of(query).is_within(index.n_newest):
                yield found
                return
        if asked.is_searched:
            few = _find_few(connection, asked, index)
        else:
            rare = _find_rare(connection, asked, numbers.FEW)
    for statement in number_lists(query, index, rare=rare, few=few):
        yield _each_once(connection, statement, query)


def _each_once(
    connection: sa.Connection, statement: Numbers, query: ExecutionQuery
) -> Sequence[int]:
    found = dict.fromkeys(connection.execute(statement).scalars())
    return list(found)[: query.limit + 1]


def _find_rare(connection: sa.Connection, asked: Asked, at_most: int) -> Comparison | None:
    return next((each for each in asked.comparisons if each.is_rare(connection, at_most)), None)


def _find_few(connection: sa.Connection, asked: Asked, index: FullText) -> Sequence[int] | None:
    for each in asked.comparisons:
        found = each.find_few(connection)
        if found is not None:
            return found
    assert asked.expression is not None
    return index.find_few(connection, asked.expression)


def read_rows(connection: sa.Connection, numbers: Sequence[int]) -> list[Execution]:
    """Return the executions with those numbers, in that order, as lists show them."""
    if not numbers:
        return []
    rows = codec.load_all(connection.execute(_ROWS, {"numbers": numbers}))
    found = {row.number: row for row in rows}
    return [found[number] for number in numbers if number in found]
