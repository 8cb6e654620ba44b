"""Lists of numbers, each a walk along one index: the statements that answer a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store import codec, numbers, search
from jupyter_async_exec.store.full_text import Stretch
from jupyter_async_exec.store.numbers import split
from jupyter_async_exec.store.tables import (
    execution_numbers,
    execution_tags,
    executions,
    sweep_reuses,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_async_exec.store.full_text import FullText
    from jupyter_async_exec.store.numbers import Comparison
    from jupyter_async_exec.store.pages import ExecutionQuery

#: SQLite's largest integer has 19 digits.
MAX_CURSOR_LENGTH = 18

#: Rows of a name that are looked at before anything else is tried, in about 1 ms.
NEWEST_NUMBERS = 5_000
FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
OPEN = frozenset(Status) - FINAL

Numbers: TypeAlias = "sa.Select[int]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for in words, as far as it is answered by going through executions."""

    comparisons: Sequence[Comparison] = ()
    #: Of words and hidden words, None if there are none.
    expression: str | None = None
    #: Whether nothing can be found.
    is_vain: bool = False

    @property
    def is_searched(self) -> bool:
        """Whether the full-text index is asked."""
        return self.expression is not None

    @property
    def equality(self) -> Comparison | None:
        """The comparison whose list has an index of its own, if there is one."""
        return next((each for each in self.comparisons if each.is_equality), None)

    @classmethod
    def of(cls, query: ExecutionQuery) -> Asked:
        """Return what `query` asks for."""
        if query.grouped or query.single or query.with_reused:
            return cls()
        comparisons, text = split((query.text or "")[: search.MAX_TEXT_LENGTH])
        expression = search.question(codec.clean(text)) if text else None
        if text and expression is None and text != "#":
            return cls(is_vain=True)
        wanted = list(_facet_expressions(query))
        if not (expression or (comparisons and wanted) or _is_mixture(query)):
            return cls(comparisons=comparisons)
        if expression is not None:
            wanted.append(expression)
        return cls(comparisons=comparisons, expression=" AND ".join(wanted))


def newest_numbers(query: ExecutionQuery, asked: Asked, index: FullText) -> Numbers | None:
    """Return the statement that looks at the newest only; None where that is of no use."""
    if asked.expression is None:
        return _compared(query, asked.comparisons, index, newest=True)
    held = _held(asked, index)
    conditions = [*_row_conditions(query, index), *held]
    if not held and not index.is_quicker_in_newest(asked.expression):
        return None
    return index.newest(asked.expression, stretch_of(query), conditions)


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
    asked = Asked.of(query)
    if asked.is_vain:
        return []
    if asked.expression is not None:
        conditions = [*_row_conditions(query, index), *_held(asked, index)]
        return [index.matching(asked.expression, stretch_of(query), conditions, among=few)]
    if asked.comparisons:
        return [_compared(query, asked.comparisons, index, rare=rare)]
    return _of_one_condition(query)


def _of_one_condition(query: ExecutionQuery) -> list[Numbers]:
    """Return the lists that have an index of their own."""
    if query.tag is not None:
        column = execution_tags.c.number
        tagged = sa.select(column).where(execution_tags.c.tag == codec.clean(query.tag))
        return [_paged(tagged, query, column)]
    if _has_statuses(query):
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
    query: ExecutionQuery,
    comparisons: Sequence[Comparison],
    index: FullText,
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
            statement = statement.where(index.has(each.rows_of(number)))
    if query.starred is False:
        plain = sa.select(sa.literal(1)).where(
            executions.c.number == number, executions.c.starred == 0
        )
        statement = statement.where(index.has(plain.correlate_except(executions)))
    if rare is not None:
        # In the order in which they come: sorted once more, all would be asked about.
        return statement.limit(twice)
    held = statement.where(first.holds(table, by_value=first is equality))
    return _paged(held, query, number).limit(twice)


def _newest_of(query: ExecutionQuery, comparison: Comparison) -> sa.FromClause:
    """Return the newest rows with the name of a comparison, whatever their values."""
    number = execution_numbers.c.number
    rows = sa.select(execution_numbers).where(execution_numbers.c.name == comparison.key)
    return _paged(rows, query, number).limit(NEWEST_NUMBERS).subquery("newest")


def _all_of(query: ExecutionQuery, rare: Comparison, *, at_most: int) -> sa.FromClause:
    """Return those for which it holds in the order of the list, found by value and sorted."""
    # The + keeps SQLite from walking by number, the limit both from asking before they sort.
    number = sa.literal_column("+execution_numbers.number", sa.Integer).label("number")
    rows = sa.select(number).where(rare.holds(execution_numbers, by_value=True))
    return _paged(rows, query, number.element).limit(at_most).subquery("all_of")


def _held(asked: Asked, index: FullText) -> list[sa.ColumnElement[bool]]:
    return [index.has(each.rows_of(index.number)) for each in asked.comparisons]


def _row_conditions(query: ExecutionQuery, index: FullText) -> Iterable[sa.ColumnElement[bool]]:
    """Yield what facets only say nearly surely, or not at all."""
    columns = executions.c
    of_row: list[sa.ColumnElement[bool]] = []
    if query.notebook is not None:
        of_row.append(columns.notebook_path == codec.clean(query.notebook))
    if query.sweep is not None:
        of_row.append(columns.sweep_id == codec.clean(query.sweep))
    if query.statuses & OPEN and not query.statuses >= OPEN:
        of_row.append(columns.status.in_(sorted(query.statuses)))
    if query.starred is False:
        of_row.append(columns.starred == 0)
    of_row += _owned(query, executions)
    if of_row:
        row = sa.select(sa.literal(1)).where(columns.number == index.number, *of_row)
        yield index.has(row.correlate_except(executions))
    if query.tag is not None:
        carrying = sa.select(sa.literal(1)).where(
            execution_tags.c.tag == codec.clean(query.tag),
            execution_tags.c.number == index.number,
        )
        yield index.has(carrying.correlate_except(execution_tags))


def stretch_of(query: ExecutionQuery) -> Stretch:
    """Return which part of the list is wanted.

    Raises
    ------
    InvalidRequestError
        The cursor is none.
    """
    return Stretch(
        after=None if query.cursor is None else _read_cursor(query.cursor),
        newest_first=query.newest_first,
        at_most=query.limit + 1,
    )


def _is_mixture(query: ExecutionQuery) -> bool:
    """Whether no index of its own answers it; that of hidden words does."""
    is_owned = bool(query.owners) and bool(_has_statuses(query) or query.sweep or query.tag)
    return bool(query.starred) or is_owned or _n_conditions(query) > 1


def _n_conditions(query: ExecutionQuery) -> int:
    return sum(
        (
            query.notebook is not None,
            _has_statuses(query),
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


def _has_statuses(query: ExecutionQuery) -> bool:
    return bool(query.statuses) and query.statuses != frozenset(Status)


def _facet_expressions(query: ExecutionQuery) -> Iterable[str]:
    if _has_statuses(query):
        named = {each.value if each in FINAL else search.OPEN for each in query.statuses}
        yield search.any_of(search.facet(search.STATUS, each) for each in sorted(named))
    for owner in query.owners:
        yield search.any_of([search.facet(search.OWNER, codec.clean(owner))])
    if query.notebook is not None:
        yield search.any_of([search.facet(search.NOTEBOOK, codec.clean(query.notebook))])
    if query.sweep is not None:
        yield search.any_of([search.facet(search.SWEEP, codec.clean(query.sweep))])
    if query.tag is not None:
        yield search.any_of([search.facet(search.TAG, codec.clean(query.tag))])
    if query.starred:
        yield search.any_of([search.facet(search.STARRED, "")])
