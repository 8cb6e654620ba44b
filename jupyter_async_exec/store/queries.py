"""Lists of executions: what can be asked, and the index that answers it."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store import codec, full_text, search, sweep_rows
from jupyter_async_exec.store.full_text import Stretch
from jupyter_async_exec.store.numbers import split
from jupyter_async_exec.store.pages import ExecutionPage, ExecutionQuery
from jupyter_async_exec.store.tables import (
    execution_numbers,
    execution_tags,
    executions,
    listed_columns,
    sweep_reuses,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store.full_text import FullText
    from jupyter_async_exec.store.numbers import Comparison

MAX_LIMIT = 1_000
#: SQLite's largest integer has 19 digits.
MAX_CURSOR_LENGTH = 18

Numbers: TypeAlias = "sa.Select[int]"

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
    index = full_text.of(connection)
    statements: list[Numbers] = []
    rare = few = None
    for place, each in enumerate(_by_owner(query)):
        if place == 0:
            # What they ask for besides the owner is the same.
            rare, few = _find_rare(connection, each), _find_few(connection, each, index)
        statements += number_lists(each, index, rare=rare, few=few)
    lists = [connection.execute(statement).scalars().all() for statement in statements]
    merged = heapq.merge(*lists, reverse=query.newest_first)
    numbers = list(islice(merged, query.limit + 1))
    shown = numbers[: query.limit]
    rows = read_rows(connection, shown)
    groups = [row.sweep_id for row in rows if row.sweep_id is not None] if query.grouped else []
    return ExecutionPage(
        executions=tuple(rows),
        next_cursor=str(shown[-1]) if len(numbers) > query.limit else None,
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


def _by_owner(query: ExecutionQuery) -> Iterable[ExecutionQuery]:
    """Yield a query for each owner it asks for, in its list or its text; or the query itself."""
    text, named = search.take_owner(query.text or "")
    if named is not None:
        owners = query.owners & {named} if query.owners else {named}
        query = replace(query, text=text, owners=frozenset(owners))
    elif not query.owners:
        yield query
    for owner in sorted(query.owners):
        yield replace(query, owners=frozenset({owner}))


def _find_rare(connection: sa.Connection, query: ExecutionQuery) -> Comparison | None:
    comparisons, text = split((query.text or "")[: search.MAX_TEXT_LENGTH])
    if text or any(_facet_expressions(query)):
        return None  # Found by words, and looked at one by one.
    return next((each for each in comparisons if each.is_rare(connection)), None)


def _find_few(
    connection: sa.Connection, query: ExecutionQuery, index: FullText
) -> Sequence[int] | None:
    _, text = split((query.text or "")[: search.MAX_TEXT_LENGTH])
    expression = search.question(codec.clean(text)) if text else None
    return None if expression is None else index.find_few(connection, expression)


def number_lists(
    query: ExecutionQuery,
    index: FullText,
    *,
    rare: Comparison | None = None,
    few: Sequence[int] | None = None,
) -> list[Numbers]:
    """Return statements whose results, merged, are the numbers on the page and one more.

    Each is one walk along one index. A single condition has an index of its
    own; stars (few) and any mixture are an intersection in the full-text index.
    `rare` is a comparison of the query that holds for few, which are sorted;
    `few` are the only ones that can have all words, as far as that is known.
    """
    if query.grouped or query.single or query.with_reused:
        return list(_about_sweeps(query))
    comparisons, text = split((query.text or "")[: search.MAX_TEXT_LENGTH])
    expression = search.question(codec.clean(text)) if text else None
    if text and expression is None and text != "#":
        return []
    if comparisons:
        if expression is None and not any(_facet_expressions(query)):
            return [_compared(query, comparisons, rare)]
        held = [index.has(each.rows_of(index.number)) for each in comparisons]
        return [_searched(query, index, expression, held, few=few)]
    is_owned_tag = query.tag is not None and query.owners
    if expression is not None or query.starred or is_owned_tag or _n_conditions(query) > 1:
        return [_searched(query, index, expression, few=few)]
    return _of_one_condition(query)


def _of_one_condition(query: ExecutionQuery) -> list[Numbers]:
    """Return the lists that have an index of their own."""
    if query.tag is not None:
        column = execution_tags.c.number
        tagged = sa.select(column).where(execution_tags.c.tag == codec.clean(query.tag))
        return [_paged(tagged, query, column)]
    if query.statuses and query.statuses != frozenset(Status):
        return [
            _listed(query, executions.c.status == status.value) for status in sorted(query.statuses)
        ]
    if query.notebook is not None:
        return [_listed(query, executions.c.notebook_path == codec.clean(query.notebook))]
    if query.sweep is not None:
        return [_listed(query, executions.c.sweep_id == codec.clean(query.sweep))]
    if query.starred is False:
        return [_listed(query, executions.c.starred == 0)]
    return [_listed(query)]


def _about_sweeps(query: ExecutionQuery) -> Iterable[Numbers]:
    """Yield lists that know what belongs to a sweep, see `_check_grouping`."""
    single = executions.c.sweep_id.is_(None)
    if query.grouped:
        first: sa.ColumnElement[Any] = sweeps.c.first_number
        heads = sa.select(first).where(first.is_not(None), *_owned(query, sweeps))
        if query.notebook is None:
            yield _listed(query, single)
            yield _paged(heads, query, first)
        else:
            path = codec.clean(query.notebook)
            yield _listed(query, single, executions.c.notebook_path == path)
            yield _paged(heads.where(sweeps.c.notebook_path == path), query, first)
    elif query.single:
        for status in sorted(query.statuses or Status):
            yield _listed(query, single, executions.c.status == status.value)
    else:
        sweep_id = codec.clean(query.sweep or "")
        yield _listed(query, executions.c.sweep_id == sweep_id)
        number = sweep_reuses.c.number
        there = sa.select(sa.literal(1)).where(
            executions.c.number == number,
            executions.c.deleted_at.is_(None),
            *_owned(query, executions),
        )
        reused = sa.select(number).where(sweep_reuses.c.sweep_id == sweep_id, there.exists())
        yield _paged(reused, query, number)


def _compared(
    query: ExecutionQuery, comparisons: Sequence[Comparison], rare: Comparison | None
) -> Numbers:
    """Return those for which all `comparisons` hold, where no words are asked for."""
    first = comparisons[0] if rare is None else rare
    number: sa.ColumnElement[int] = execution_numbers.c.number
    if rare is not None:
        # The + keeps SQLite from walking by number.
        number = sa.literal_column("+execution_numbers.number", sa.Integer)
    statement = sa.select(number).where(
        first.holds(execution_numbers, by_value=rare is not None),
        *(each.exists(number) for each in comparisons if each != first),
    )
    of_row = [*_owned(query, executions)]
    if query.starred is False:
        of_row.append(executions.c.starred == 0)
    if of_row:
        plain = sa.select(sa.literal(1)).where(executions.c.number == number, *of_row)
        statement = statement.where(plain.exists())
    # A parameter and a metric may have the same name.
    return _paged(statement.group_by(number), query, number)


def read_rows(connection: sa.Connection, numbers: Sequence[int]) -> list[Execution]:
    """Return the executions with those numbers, in that order, as lists show them."""
    if not numbers:
        return []
    rows = codec.load_all(connection.execute(_ROWS, {"numbers": numbers}))
    found = {row.number: row for row in rows}
    return [found[number] for number in numbers if number in found]


def _n_conditions(query: ExecutionQuery) -> int:
    return sum(
        (
            query.notebook is not None,
            bool(query.statuses) and query.statuses != frozenset(Status),
            query.sweep is not None,
            query.tag is not None,
            query.starred is not None,
        )
    )


def _listed(query: ExecutionQuery, *conditions: sa.ColumnElement[bool]) -> Numbers:
    column = executions.c.number
    conditions = (*_owned(query, executions), *conditions)
    statement = sa.select(column).where(executions.c.deleted_at.is_(None), *conditions)
    return _paged(statement, query, column)


def _owned(query: ExecutionQuery, table: sa.Table) -> Iterable[sa.ColumnElement[bool]]:
    """Yield the condition on the owner, of which there is at most one, see `_by_owner`."""
    for owner in query.owners:
        yield table.c.submitted_by == codec.clean(owner)


def _paged(statement: Numbers, query: ExecutionQuery, column: sa.ColumnElement[Any]) -> Numbers:
    if query.cursor is not None:
        after = _read_cursor(query.cursor)
        statement = statement.where(column < after if query.newest_first else column > after)
    ordered = column.desc() if query.newest_first else column.asc()
    return statement.order_by(ordered).limit(query.limit + 1)


def _read_cursor(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= MAX_CURSOR_LENGTH):
        raise InvalidRequestError("'cursor' must be the 'next_cursor' of an earlier page.")
    return int(cursor)


def _searched(
    query: ExecutionQuery,
    index: FullText,
    expression: str | None,
    held: Sequence[sa.ColumnElement[bool]] = (),
    *,
    few: Sequence[int] | None = None,
) -> Numbers:
    wanted = list(_facet_expressions(query))
    if expression is not None:
        wanted.append(expression)
    conditions = list(_row_conditions(query, index))
    stretch = Stretch(
        after=None if query.cursor is None else _read_cursor(query.cursor),
        newest_first=query.newest_first,
        at_most=query.limit + 1,
    )
    return index.matching(
        " AND ".join(wanted),
        stretch,
        [*conditions, *held],
        with_rows=bool(conditions),
        among=few,
    )


def _facet_expressions(query: ExecutionQuery) -> Iterable[str]:
    if query.statuses and query.statuses != frozenset(Status):
        statuses = sorted(query.statuses)
        yield search.any_of(search.facet(search.STATUS, status.value) for status in statuses)
    if query.notebook is not None:
        yield search.any_of([search.facet(search.NOTEBOOK, codec.clean(query.notebook))])
    if query.sweep is not None:
        yield search.any_of([search.facet(search.SWEEP, codec.clean(query.sweep))])
    if query.tag is not None:
        yield search.any_of([search.facet(search.TAG, codec.clean(query.tag))])
    if query.starred:
        yield search.any_of([search.facet(search.STARRED, "")])


def _row_conditions(query: ExecutionQuery, index: FullText) -> Iterable[sa.ColumnElement[bool]]:
    """Yield what facets only say nearly surely, or not at all."""
    if query.notebook is not None:
        yield _row("notebook_path") == codec.clean(query.notebook)
    if query.sweep is not None:
        yield _row("sweep_id") == codec.clean(query.sweep)
    if query.tag is not None:
        carrying = sa.select(sa.literal(1)).where(
            execution_tags.c.tag == codec.clean(query.tag),
            execution_tags.c.number == index.number,
        )
        yield index.has(carrying.correlate_except(execution_tags))
    if query.starred is False:
        yield _row("starred") == 0
    for owner in query.owners:
        yield _row("submitted_by") == codec.clean(owner)


def _row(name: str) -> sa.ColumnClause[Any]:
    return sa.literal_column(f"executions.{name}")
