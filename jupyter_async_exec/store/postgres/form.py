"""The form of what is asked, on which the words of a statement depend, and what they share.

A page is found in several ways, one after the other. A statement holds all of
them, each behind a condition on what those before it have found: PostgreSQL
runs no part of a statement before somebody wants its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg

from jupyter_async_exec.store import walks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.store.pages import ExecutionQuery

#: What holds always.
ALWAYS = "true"
_NUMBER: sa.ColumnElement[int] = sa.literal_column("found.number", sa.BigInteger)
_DIALECT: sa.Dialect = psycopg.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A question without what people wrote in it, and how much is looked at."""

    #: Which conditions there are; their values are blank.
    query: ExecutionQuery
    #: How the values of each comparison are compared.
    signs: tuple[str, ...]
    is_searched: bool
    #: Whether what is compared is in a list that has an index of its own.
    is_of_one_list: bool
    #: Whether there are words that are found by their beginning.
    has_beginnings: bool
    #: Of words that may be so rare that the others need no index.
    n_terms: int
    block_bits: int
    #: So many of the newest are looked at first: executions, or values of a name.
    n_newest: int
    #: What so many have, a word or a value, is looked at one by one.
    few_words: int
    few_values: int
    #: So many for which a comparison holds are sorted.
    n_sorted: int

    @property
    def at_most(self) -> int:
        """How many numbers are wanted."""
        return self.query.limit + 1

    @property
    def order(self) -> str:
        """In which order they are wanted."""
        return "DESC" if self.query.newest_first else "ASC"

    @property
    def sign(self) -> str:
        """How to go from one number to those behind it."""
        return "-" if self.query.newest_first else "+"

    @property
    def before(self) -> str:
        """How numbers of the list compare with one before them."""
        return "<" if self.query.newest_first else ">"

    @property
    def seekable(self) -> Sequence[int]:
        """The comparisons whose values stand beside each other."""
        return [place for place, sign in enumerate(self.signs) if sign != "<>"]

    def behind(self, number: str) -> str:
        """Return the condition that a number is behind the cursor."""
        if self.query.cursor is None:
            return ALWAYS
        return f"{number} {self.before} %(after)s::bigint"

    def holds(self, place: int, table: str) -> str:
        """Return the condition on a row of `execution_numbers` that the index of values seeks."""
        name, value = f"{table}.name = %(name_{place})s", f"{table}.value"
        return f"{name} AND {value} {self.signs[place]} %(value_{place})s"


def few_held(form: Form, name: str) -> str:
    """Return the parts of a statement that find the only ones there can be, by comparisons.

    The last part has the name: `numbers` are those for which the first comparison holds that
    holds for few, NULL if none does.
    """
    held = [f"held_{place}" for place in form.seekable]
    parts = [
        f"""held_{place} AS MATERIALIZED (
            SELECT number FROM execution_numbers AS found WHERE {form.holds(place, "found")}
            LIMIT {form.few_values + 1}
        )"""  # noqa: S608
        for place in form.seekable
    ]
    few = f"{name} AS MATERIALIZED (SELECT {first_few(held, form.few_values)} AS numbers)"
    return ",\n        ".join([*parts, few])


def first_few(found: Sequence[str], at_most: int) -> str:
    """Return the first of what was found that is no more than that, NULL if nothing is."""
    cases = " ".join(
        f"WHEN (SELECT count(*) FROM {each}) <= {at_most} THEN ARRAY(SELECT number FROM {each})"  # noqa: S608
        for each in found
    )
    return f"CASE {cases} END" if cases else "NULL::bigint[]"


def is_unknown(found: str) -> str:
    """Return the condition that it is not known which are the only ones there can be."""
    return f"(SELECT numbers FROM {found}) IS NULL"  # noqa: S608


def is_full(form: Form) -> str:
    """Return the condition that there is a page of the newest."""
    return f"(SELECT count(*) FROM newest) = {form.at_most}"  # noqa: S608


def conditions(form: Form, comparisons: Sequence[int]) -> str:
    """Return what else has to hold of each number that is found, some comparisons among it.

    A CASE, because rows nearly always have what hidden words say: they are looked at last.
    """
    of_values = of_comparisons(form, comparisons)
    of_rows = " AND ".join(
        f"({_as_text(each)} LIMIT 1) IS NOT NULL"
        for each in walks.row_conditions(form.query, _NUMBER)
    )
    if of_rows and of_values != ALWAYS:
        return f"CASE WHEN {of_values} THEN {of_rows} END"
    return of_rows or of_values


def of_comparisons(form: Form, comparisons: Sequence[int]) -> str:
    """Return the condition that these comparisons hold for each number that is found.

    An EXISTS would be made a join with all there are, once for each block.
    """
    of_values = [
        f"(SELECT 1 FROM execution_numbers AS beside WHERE beside.name = %(name_{place})s "  # noqa: S608
        # The + keeps PostgreSQL from seeking by value.
        f"AND beside.value + 0 {form.signs[place]} %(value_{place})s "
        "AND beside.number = found.number LIMIT 1) IS NOT NULL"
        for place in comparisons
    ]
    return " AND ".join(of_values) or ALWAYS


def _as_text(rows: sa.Select[Any]) -> str:
    return str(rows.compile(dialect=_DIALECT))
