"""Format 0002: points of metrics, environments, numbers that can be searched for."""

from __future__ import annotations

import json
import math
import re
import string

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Written out: what a release wrote never changes, whatever the code becomes.
LONGEST_NAME = 200
LONGEST_NUMBER = 40
MOST_NUMBERS = 1_000
NUMERAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
BATCH = sa.text(
    "SELECT number, parameters, metrics FROM executions "
    "WHERE number > :last AND deleted_at IS NULL ORDER BY number LIMIT 500"
)
INSERT = sa.text(
    "INSERT INTO execution_numbers (name, number, kind, value) "
    "VALUES (:name, :number, :kind, :value)"
)


def upgrade() -> None:
    """Add tables and a column, and make what is recorded already searchable by its numbers."""
    op.add_column("executions", sa.Column("environment_id", TEXT))
    op.create_table("environments", _text("id", primary_key=True), _text("content"))
    op.create_table(
        "metric_points",
        _number(),
        _text("name", primary_key=True),
        sa.Column("chunk", NUMBER, primary_key=True),
        sa.Column("n_points", NUMBER, nullable=False),
        sa.Column("points", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "execution_numbers",
        _text("name", primary_key=True),
        _number(),
        _text("kind", primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    create_index("ix_execution_numbers_number", "execution_numbers", ["number"])
    _index_numbers(op.get_bind())


def _index_numbers(connection: sa.Connection) -> None:
    """Make the numbers of all executions outside the trash searchable."""
    last = 0
    while rows := connection.execute(BATCH, {"last": last}).all():
        found = [
            {"name": name, "number": row.number, "kind": kind, "value": value}
            for row in rows
            for kind, text in (("parameter", row.parameters), ("metric", row.metrics))
            for name, value in _numbers(text).items()
        ]
        if found:
            connection.execute(INSERT, found)
        last = rows[-1].number


def _numbers(text: str) -> dict[str, float]:
    try:
        values = json.loads(text)
    except ValueError:
        # A damaged row is for `verify` to tell.
        return {}
    found: dict[str, float] = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        is_text = (
            isinstance(value, str) and len(value) <= LONGEST_NUMBER and NUMERAL.fullmatch(value)
        )
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_text or is_number) or not 0 < len(name) <= LONGEST_NAME:
            continue
        if len(found) >= MOST_NUMBERS:
            continue
        try:
            number = float(value)
        except OverflowError:
            continue
        if math.isfinite(number):
            found.setdefault(name.translate(LOWER), number)
    return found


def _text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, primary_key=primary_key, nullable=False)


def _number() -> sa.Column[int]:
    return sa.Column(
        "number",
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    )
