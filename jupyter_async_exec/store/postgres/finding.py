"""What people search for, found with one question.

There are several ways to find a page, and which is quick depends on how many
executions have what is asked for. To ask for each way by itself takes longer
than the ways do, so that one statement holds them all. Statements are in
PostgreSQL's own words and are kept by the form of what is asked: to put them
together anew takes longer than to run them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_async_exec.store import numbers, walks
from jupyter_async_exec.store.full_text import N_NEWEST
from jupyter_async_exec.store.postgres import full_text
from jupyter_async_exec.store.postgres.compared import compared, compared_in_list
from jupyter_async_exec.store.postgres.form import Form
from jupyter_async_exec.store.postgres.searched import searched

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from jupyter_async_exec.store.pages import ExecutionQuery
    from jupyter_async_exec.store.walks import Asked

#: So many are looked at one by one; of words that more have, few blocks fill a page.
FEW = 200
#: Between words that all have to be there, as `search.question` writes it.
_AND = " AND "
#: How a word ends that is the beginning of what is looked for.
_BEGINNING = '"*'
_SIGNS = {"≤": "<=", "≥": ">=", "==": "=", "!=": "<>", "≠": "<>"}


def find(connection: sa.Connection, query: ExecutionQuery, asked: Asked) -> Sequence[int]:
    """Return the numbers on the page and one more: of words, of comparisons, or of both.

    Raises
    ------
    InvalidRequestError
        The cursor is none.
    """
    values = walks.row_values(query)
    for place, each in enumerate(asked.comparisons):
        values |= {f"name_{place}": each.key, f"value_{place}": each.value}
    beginnings: Sequence[str] = ()
    if asked.expression is not None and not asked.is_of_one_list:
        values["question"] = full_text.as_tsquery(asked.expression)
        beginnings = _beginnings(asked.expression)
    # One that is all there is needs no other to tell where to look.
    terms = beginnings if asked.expression not in beginnings else ()
    for place, term in enumerate(terms):
        values[f"term_{place}"] = full_text.as_tsquery(term)
    form = _form_of(query, asked, n_beginnings=len(beginnings), n_terms=len(terms))
    return connection.exec_driver_sql(_statement(form), values).scalars().all()


def _beginnings(expression: str) -> Sequence[str]:
    """Return the words that are found by their beginning, those first that may be rare.

    With a common one of these GIN reads all that have it, also if another is rare. Through
    whole words, which hidden ones are, it skips by itself.
    """
    found = [each for each in expression.split(_AND) if _BEGINNING in each]
    # Longer ones are more often rare.
    return sorted(found, key=len, reverse=True)


def _form_of(query: ExecutionQuery, asked: Asked, *, n_beginnings: int, n_terms: int) -> Form:
    blank = replace(
        query,
        text=None,
        notebook=None if query.notebook is None else "",
        sweep=None if query.sweep is None else "",
        tag=None if query.tag is None else "",
        owners=frozenset({""}) if query.owners else frozenset(),
        cursor=None if query.cursor is None else "0",
    )
    in_two_blocks = min(N_NEWEST, 1 << full_text.BLOCK_BITS)
    return Form(
        query=blank,
        signs=tuple(_SIGNS.get(each.operator, each.operator) for each in asked.comparisons),
        is_searched=asked.is_searched and not asked.is_of_one_list,
        is_of_one_list=asked.is_of_one_list,
        has_beginnings=n_beginnings > 0,
        n_terms=n_terms,
        block_bits=full_text.BLOCK_BITS,
        n_newest=in_two_blocks if asked.is_searched else walks.NEWEST_NUMBERS,
        few_words=FEW,
        few_values=numbers.FEWER,
        n_sorted=max(numbers.FEW, numbers.FEWER),
    )


@lru_cache(maxsize=256)
def _statement(form: Form) -> str:
    if form.is_searched:
        return searched(form)
    return compared_in_list(form) if form.is_of_one_list else compared(form)
