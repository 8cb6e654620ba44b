"""Statements that find that for which comparisons hold, where no words are searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.store import walks
from jupyter_async_exec.store.postgres.form import (
    ALWAYS,
    conditions,
    few_held,
    is_full,
    is_unknown,
    of_comparisons,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.store.postgres.form import Form


def compared(form: Form) -> str:
    """Return the statement for all that has numbers; of nothing else but stars."""
    return _with_equality(form) if "=" in form.signs else _without_equality(form)


def compared_in_list(form: Form) -> str:
    """Return the statement for a list that has an index of its own: look at few, else walk."""
    return f"""
        WITH {few_held(form, "few")}
        ({_of_few(form)})
        UNION ALL ({_of_list(form)})"""


def _of_list(form: Form) -> str:
    query = form.query
    if query.tag is None:
        asked = {"notebook_path": "notebook", "sweep_id": "sweep", "submitted_by": "owner"}
        given = walks.row_values(query)
        table, is_listed = "executions", ["found.deleted_at IS NULL"]
        is_listed += [
            f"found.{column} = %({name})s" for column, name in asked.items() if name in given
        ]
        is_listed += [f"found.status = '{each.value}'" for each in query.statuses]
        is_listed += ["found.starred = 0"] if query.starred is False else []
    else:
        table, is_listed = "execution_tags", ["found.tag = %(tag)s"]
    return f"""
        SELECT found.number FROM {table} AS found
        WHERE {is_unknown("few")} AND {" AND ".join(is_listed)} AND {form.behind("found.number")}
            AND {of_comparisons(form, range(len(form.signs)))}
        ORDER BY found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _with_equality(form: Form) -> str:
    """Look at few, else walk through what is equal, which stands in the order of the list."""
    equality = form.signs.index("=")
    if len(form.signs) == 1:
        return _equal(form, equality)
    return f"""
        WITH {few_held(form, "few")}
        ({_of_few(form)})
        UNION ALL ({_equal(form, equality, is_unknown("few"))})"""


def _without_equality(form: Form) -> str:
    """Look at few, else at the newest, else sort, else walk through all."""
    cases = "".join(
        f"""WHEN (SELECT n FROM all_{place}) <= {form.n_sorted}
            THEN (SELECT coalesce(numbers, '{{}}') FROM all_{place})
        """  # noqa: S608
        for place in form.seekable
    )
    return f"""
        WITH {few_held(form, "few")},
        {_all(form)}
        newest AS MATERIALIZED ({_newest(form)}),
        sorted AS MATERIALIZED (
            SELECT CASE WHEN NOT {is_unknown("few")} OR {is_full(form)} THEN '{{}}'
                {cases} END::bigint[] AS numbers
        )
        ({_of_few(form)})
        UNION ALL SELECT number FROM newest WHERE {is_full(form)}
        UNION ALL ({_of_sorted(form)})
        UNION ALL ({_walk(form)})"""  # noqa: S608


def _equal(form: Form, equality: int, is_needed: str = ALWAYS) -> str:
    others = [place for place in range(len(form.signs)) if place != equality]
    return f"""
        SELECT DISTINCT ON (found.number) found.number FROM execution_numbers AS found
        WHERE {is_needed} AND {form.holds(equality, "found")} AND {form.behind("found.number")}
            AND {conditions(form, others)}
        ORDER BY found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _newest(form: Form) -> str:
    """Look at the newest values of the first name, whatever they are."""
    newest = f"""
        SELECT name, number, value FROM execution_numbers AS newer
        WHERE {is_unknown("few")} AND {_has_first_name(form, "newer")}
        ORDER BY name {form.order}, number {form.order} LIMIT {form.n_newest}"""  # noqa: S608
    return _of_first_name(form, f"({newest})", ALWAYS)


def _walk(form: Form) -> str:
    """Look at all values of the first name."""
    is_one = f"{is_unknown('sorted')} AND {_has_first_name(form, 'found')}"
    return _of_first_name(form, "execution_numbers", is_one)


def _of_first_name(form: Form, table: str, is_one: str) -> str:
    others = conditions(form, range(1, len(form.signs)))
    return f"""
        SELECT DISTINCT ON (found.name, found.number) found.number FROM {table} AS found
        WHERE {is_one} AND found.value + 0 {form.signs[0]} %(value_0)s AND {others}
        ORDER BY found.name {form.order}, found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _has_first_name(form: Form, table: str) -> str:
    """Return the condition to have the first name and to be behind the cursor.

    Not by =, so that only the index that begins with the name has rows in order. In that of
    numbers alone, which looks as good to PostgreSQL, all other names stand between them.
    """
    name = f"{table}.name"
    behind = form.behind(f"{table}.number")
    return f"{name} >= %(name_0)s AND {name} <= %(name_0)s AND {behind}"


def _of_few(form: Form) -> str:
    return f"""
        SELECT found.number FROM (
            SELECT DISTINCT number FROM unnest((SELECT numbers FROM few)) AS few_of (number)
            WHERE {form.behind("number")} ORDER BY number {form.order}
        ) AS found
        WHERE {conditions(form, _unless_one(form))}
        ORDER BY found.number {form.order} LIMIT {form.at_most}"""  # noqa: S608


def _of_sorted(form: Form) -> str:
    # Not behind FROM, where all would be made rows before the first is looked at.
    return f"""
        SELECT found.number FROM (
            SELECT unnest((SELECT numbers FROM sorted)) AS number
        ) AS found
        WHERE {conditions(form, _unless_one(form))} LIMIT {form.at_most}"""  # noqa: S608


def _unless_one(form: Form) -> Sequence[int]:
    """Return the comparisons to be looked at of what one of them holds for."""
    return range(len(form.signs)) if len(form.signs) > 1 else ()


def _all(form: Form) -> str:
    """Count and sort what each comparison holds for.

    It is read in the order of the list as far as the index of values has it, and
    so is sorted quickly.
    """
    return "".join(
        f"""all_{place} AS MATERIALIZED (
            SELECT count(*) AS n, array_agg(DISTINCT number ORDER BY number {form.order})
                FILTER (WHERE {form.behind("number")}) AS numbers
            FROM (
                SELECT number FROM execution_numbers AS found WHERE {form.holds(place, "found")}
                ORDER BY value {form.order}, number {form.order} LIMIT {form.n_sorted + 1}
            ) AS at_most_all
        ),
        """  # noqa: S608
        for place in form.seekable
    )
