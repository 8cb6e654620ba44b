"""Lists of executions: what can be asked, and in which order the store looks for it."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store import codec, search, sweep_rows
from jupyter_async_exec.store.pages import ExecutionPage, ExecutionQuery
from jupyter_async_exec.store.tables import executions, listed_columns
from jupyter_async_exec.store.walks import Asked, number_lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_async_exec.core.execution import Execution

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
    """Yield lists that, merged, are the numbers on the page and one more."""
    asked = Asked.of(query)
    if asked.is_searched or asked.comparisons:
        yield _find_asked(connection, query, asked)
    elif not asked.is_vain:
        for statement in number_lists(query):
            yield list(dict.fromkeys(connection.execute(statement).scalars()))


def _find_asked(connection: sa.Connection, query: ExecutionQuery, asked: Asked) -> Sequence[int]:
    """Find it in the way that is quickest in that database."""
    if connection.dialect.name == "sqlite":
        from jupyter_async_exec.store.sqlite.finding import find as find_on_sqlite

        return find_on_sqlite(connection, query, asked)
    from jupyter_async_exec.store.postgres.finding import find as find_on_postgres

    return find_on_postgres(connection, query, asked)


def read_rows(connection: sa.Connection, numbers: Sequence[int]) -> list[Execution]:
    """Return the executions with those numbers, in that order, as lists show them."""
    if not numbers:
        return []
    rows = codec.load_all(connection.execute(_ROWS, {"numbers": numbers}))
    found = {row.number: row for row in rows}
    return [found[number] for number in numbers if number in found]
