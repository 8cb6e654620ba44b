"""The statement that finds what has words, see `full_text.py`, and for which comparisons hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_async_exec.store.full_text import FullText
from jupyter_async_exec.store.postgres.form import (
    ALWAYS,
    conditions,
    few_held,
    first_few,
    is_full,
    is_unknown,
)
from jupyter_async_exec.store.postgres.full_text import BLOCK

if TYPE_CHECKING:
    from jupyter_async_exec.store.postgres.form import Form

_WORDS = FullText.TABLE
_LAST = f"(SELECT max(number) FROM {_WORDS})"  # noqa: S608


def searched(form: Form) -> str:
    """Return the statement."""
    if not form.signs and not form.n_terms:
        # Of a single word GIN reads a block as quickly as the newest are looked at.
        return _walk(form)
    few_words = first_few([f"term_{place}" for place in range(form.n_terms)], form.few_words)
    return f"""
        WITH {few_held(form, "few_held")},
        {_terms(form)}
        newest AS MATERIALIZED ({_newest(form)}),
        few AS MATERIALIZED (
            SELECT CASE
                WHEN NOT {is_unknown("few_held")} THEN (SELECT numbers FROM few_held)
                WHEN {is_full(form)} THEN '{{}}'
                ELSE {few_words}
            END AS numbers
        )
        SELECT number FROM newest WHERE {is_full(form)}
        UNION ALL ({_among_few(form)})
        UNION ALL ({_walk(form, is_unknown("few"))})"""  # noqa: S608


def _newest(form: Form) -> str:
    """Look at the numbers with which the list begins, one after the other.

    What most people look for is among them, and what holds for many fills a page there.
    Where all words are whole, GIN is there as quickly.
    """
    if not form.has_beginnings:
        return "SELECT NULL::bigint AS number WHERE false"
    # The OFFSET keeps PostgreSQL from looking for the first number wherever it is named.
    return f"""
        WITH edge AS MATERIALIZED (
            SELECT first, first >> {form.block_bits} AS block,
                {_query_of(f"first >> {form.block_bits}")} AS here,
                {_query_of(f"(first >> {form.block_bits}) {form.sign} 1")} AS beside
            FROM (SELECT {_first(form)} AS first OFFSET 0) AS there
        )
        SELECT found.number FROM (
            SELECT number FROM {_WORDS}
            WHERE {is_unknown("few_held")} AND number {form.before}= (SELECT first FROM edge)
                AND (SELECT first FROM edge) {form.sign} {form.n_newest} {form.before} number
                AND words @@ CASE number >> {form.block_bits} WHEN (SELECT block FROM edge)
                    THEN (SELECT here FROM edge) ELSE (SELECT beside FROM edge) END
            ORDER BY number {form.order}
        ) AS found
        WHERE {_all_hold(form)} ORDER BY found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _among_few(form: Form) -> str:
    """Look at the only ones there can be."""
    return f"""
        SELECT found.number FROM (
            SELECT number FROM {_WORDS}
            WHERE number = ANY((SELECT numbers FROM few)::bigint[])
                AND words @@ {_query_of(f"number >> {form.block_bits}")}
                AND {form.behind("number")}
            ORDER BY number {form.order}
        ) AS found
        WHERE {_all_hold(form)} ORDER BY found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _walk(form: Form, is_needed: str = ALWAYS) -> str:
    """Find all, from block to block; the + 0 keeps PostgreSQL from walking by number.

    They are looked at one after the other until the page is full, not all at once.
    """
    all_hold = _all_hold(form)
    at_most = f"LIMIT {form.at_most}" if all_hold == ALWAYS else ""
    return f"""
        SELECT found.number FROM (
            SELECT blocks.block, in_block.number
            FROM {_blocks(form)} CROSS JOIN LATERAL (
                SELECT number + 0 AS number FROM {_WORDS}
                WHERE words @@ {_query_of("block")} AND {form.behind("number + 0")}
                ORDER BY number + 0 {form.order} {at_most}
            ) AS in_block
            ORDER BY blocks.block {form.order}, in_block.number {form.order}
        ) AS found
        WHERE {is_needed} AND {all_hold}
        ORDER BY found.block {form.order}, found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _terms(form: Form) -> str:
    """Find some that have each word, in no order, which spares looking at all in a block."""
    anywhere = replace(form, query=replace(form.query, newest_first=True, cursor=None))
    at_most = form.few_words + 1
    return "".join(
        f"""term_{place} AS MATERIALIZED (
            SELECT in_block.number FROM {_blocks(anywhere)} CROSS JOIN LATERAL (
                SELECT number FROM {_WORDS}
                WHERE words @@ {_query_of("block", f"term_{place}")} LIMIT {at_most}
            ) AS in_block LIMIT {at_most}
        ),
        """  # noqa: S608
        for place in range(form.n_terms)
    )


def _all_hold(form: Form) -> str:
    return conditions(form, range(len(form.signs)))


def _blocks(form: Form) -> str:
    """Return the blocks that the list goes through, in its order."""
    last = "0::bigint" if form.query.newest_first else _LAST
    # Sorted here too, so that PostgreSQL sees that one block after the other is enough.
    return (
        f"(SELECT block FROM generate_series({_first(form)} >> {form.block_bits}, "  # noqa: S608
        f"{last} >> {form.block_bits}, {form.sign}1) AS series (block) "
        f"ORDER BY block {form.order}) AS blocks"
    )


def _first(form: Form) -> str:
    """Return the number with which the list begins, or one before it."""
    is_first_page = form.query.cursor is None
    if not form.query.newest_first:
        return "0::bigint" if is_first_page else "(%(after)s::bigint + 1)"
    return _LAST if is_first_page else f"least({_LAST}, %(after)s::bigint - 1)"


def _query_of(block: str, question: str = "question") -> str:
    """Return the question as it is asked in a block."""
    return f"CAST(replace(%({question})s, '{BLOCK}', CAST({block} AS text)) AS tsquery)"
