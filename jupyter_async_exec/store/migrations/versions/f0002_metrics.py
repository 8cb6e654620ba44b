"""Format 0002: points of metrics, environments, numbers that can be searched for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and a column, and make what is recorded already searchable by its numbers."""
    op.add_column("executions", sa.Column("environment_id", sa.Text))
    op.create_table("environments", _text("id", primary_key=True), _text("content"))
    op.create_table(
        "metric_points",
        _number(),
        _text("name", primary_key=True),
        sa.Column("chunk", sa.Integer, primary_key=True),
        sa.Column("n_points", sa.Integer, nullable=False),
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
    op.create_index("ix_execution_numbers_number", "execution_numbers", ["number"])
    for kind, column in (("parameter", "parameters"), ("metric", "metrics")):
        op.execute(
            "INSERT OR IGNORE INTO execution_numbers (name, number, kind, value) "  # noqa: S608
            f"SELECT lower(each.key), executions.number, '{kind}', each.value "
            f"FROM executions, json_each(executions.{column}) AS each "
            "WHERE executions.deleted_at IS NULL AND each.type IN ('integer', 'real') "
            "AND length(each.key) BETWEEN 1 AND 200"
        )


def _text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=primary_key, nullable=False)


def _number() -> sa.Column[int]:
    return sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    )
