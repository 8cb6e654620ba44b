"""Format 0008: executions that wait for others, and what they were handed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns, their indexes, and the tables of links and of what was handed over."""
    # Added as they are, without rebuilding a table that may hold a million rows.
    for name in ("after_ids", "collect", "collect_sweep_id", "due_at", "waits_for"):
        op.add_column("executions", sa.Column(name, TEXT))
    create_index(
        "ix_executions_waiting",
        "executions",
        ["due_at", "number"],
        where="hold = 'others' AND status = 'queued'",
    )
    create_index(
        "ix_executions_collect_sweep",
        "executions",
        ["collect_sweep_id", "number"],
        where="collect_sweep_id IS NOT NULL",
    )
    op.create_table(
        "execution_links",
        _number(),
        sa.Column("role", TEXT, primary_key=True, nullable=False),
        sa.Column("source", NUMBER, primary_key=True, nullable=False),
        sqlite_with_rowid=False,
    )
    create_index("ix_execution_links_source", "execution_links", ["source", "role"])
    op.create_table("handed", _number(), sa.Column("content", TEXT, nullable=False))


def _number() -> sa.Column[int]:
    return sa.Column(
        "number",
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    )
