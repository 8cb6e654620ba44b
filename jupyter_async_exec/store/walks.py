"""Lists of numbers, each a walk along one index: the statements that answer a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store import codec, search
from jupyter_async_exec.store.numbers import split
from jupyter_async_exec.store.tables import execution_tags, executions, sweep_reuses, sweeps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jupyter_async_exec.store.numbers import Comparison
    from jupyter_async_exec.store.pages import ExecutionQuery

#: SQLite's largest integer has 19 digits.
MAX_CURSOR_LENGTH = 18

#: Rows of a name that are looked at before anything else is tried, in about 1 ms.
NEWEST_NUMBERS = 5_000
FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
OPEN = frozenset(Status) - FINAL

Numbers: TypeAlias = "sa.Select[int]"
_ONE: sa.ColumnElement[int] = sa.literal_column("1", sa.Integer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for in words, as far as it is answered by going through executions."""

    comparisons: Sequence[Comparison] = ()
    #: Of words and hidden words, None if there are none.
    expression: str | None = None
    #: Whether nothing can be found.
    is_vain: bool = False
    #: Whether comparisons are all that is asked of a list that has an index of its own.
    is_of_one_list: bool = False

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
        is_of_one_list = expression is None and not _is_mixture(query) and len(query.statuses) <= 1
        if expression is not None:
            wanted.append(expression)
        return cls(
            comparisons=comparisons,
            expression=" AND ".join(wanted),
            is_of_one_list=is_of_one_list,
        )


def number_lists(query: ExecutionQuery) -> list[Numbers]:
    """Return statements whose results, merged, are the numbers on the page and one more.

    Each is one walk along one index, for queries in which nothing is `Asked` in words.
    """
    if query.grouped or query.single or query.with_reused:
        return list(_about_sweeps(query))
    return _of_one_condition(query)


def _of_one_condition(query: ExecutionQuery) -> list[Numbers]:
    """Return the lists that have an index of their own."""
    if query.tag is not None:
        column = execution_tags.c.number
        tagged = sa.select(column).where(execution_tags.c.tag == codec.clean(query.tag))
        return [paged(tagged, query, column)]
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
            yield paged(heads, query, first)
        else:
            path = codec.clean(query.notebook)
            yield _listed(query, single, executions.c.notebook_path == path)
            yield paged(heads.where(sweeps.c.notebook_path == path), query, first)
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
        yield paged(reused, query, number)


def row_conditions(
    query: ExecutionQuery, number: sa.ColumnElement[int]
) -> Iterator[sa.Select[Any]]:
    """Yield what finds a row if what facets only say nearly surely, or not at all, is so.

    What people wrote has a name, by which `row_values` gives it.
    """
    columns = executions.c
    of_row: list[sa.ColumnElement[bool]] = []
    values = row_values(query)
    if query.notebook is not None:
        of_row.append(columns.notebook_path == _named("notebook", values))
    if query.sweep is not None:
        of_row.append(columns.sweep_id == _named("sweep", values))
    if query.statuses & OPEN and not query.statuses >= OPEN:
        wanted: list[sa.ColumnElement[str]] = [
            sa.literal_column(f"'{each.value}'") for each in sorted(query.statuses)
        ]
        of_row.append(columns.status.in_(wanted))
    if query.starred is False:
        of_row.append(columns.starred == sa.literal_column("0"))
    if query.owners:
        of_row.append(columns.submitted_by == _named("owner", values))
    if of_row:
        row = sa.select(_ONE).where(columns.number == number, *of_row)
        yield row.correlate_except(executions)
    if query.tag is not None:
        carrying = sa.select(_ONE).where(
            execution_tags.c.tag == _named("tag", values), execution_tags.c.number == number
        )
        yield carrying.correlate_except(execution_tags)


def row_values(query: ExecutionQuery) -> dict[str, Any]:
    """Return by name what the conditions of a query compare with, `after` for its cursor.

    Raises
    ------
    InvalidRequestError
        The cursor is none.
    """
    asked = {"notebook": query.notebook, "sweep": query.sweep, "tag": query.tag}
    values: dict[str, Any] = {
        name: codec.clean(text) for name, text in asked.items() if text is not None
    }
    for owner in query.owners:
        values["owner"] = codec.clean(owner)
    if query.cursor is not None:
        values["after"] = read_cursor(query.cursor)
    return values


def _named(name: str, values: Mapping[str, Any]) -> sa.BindParameter[str]:
    return sa.bindparam(name, values[name])


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
    return paged(statement, query, column)


def _owned(query: ExecutionQuery, table: sa.Table) -> Iterable[sa.ColumnElement[bool]]:
    """Yield the condition on the owner, of which there is at most one, see `_by_owner`."""
    for owner in query.owners:
        yield table.c.submitted_by == codec.clean(owner)


def paged(statement: Numbers, query: ExecutionQuery, column: sa.ColumnElement[Any]) -> Numbers:
    """Return the page of a list, and one more: what is behind the cursor, in order of `column`."""
    if query.cursor is not None:
        after = read_cursor(query.cursor)
        statement = statement.where(column < after if query.newest_first else column > after)
    ordered = column.desc() if query.newest_first else column.asc()
    return statement.order_by(ordered).limit(query.limit + 1)


def read_cursor(cursor: str) -> int:
    """Return the number behind which a page begins.

    Raises
    ------
    InvalidRequestError
        The cursor is none.
    """
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
