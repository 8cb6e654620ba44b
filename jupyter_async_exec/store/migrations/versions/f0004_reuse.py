"""Format 0004: what an execution is the same as, and which results a sweep took over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column, its index, and the table of results that sweeps took over."""
    op.add_column("executions", sa.Column("reuse_key", TEXT))
    create_index(
        "ix_executions_reuse",
        "executions",
        ["reuse_key", "number"],
        where="reuse_key IS NOT NULL AND status = 'succeeded' AND deleted_at IS NULL",
    )
    op.create_table(
        "sweep_reuses",
        sa.Column("sweep_id", TEXT, primary_key=True, nullable=False),
        sa.Column(
            "number",
            NUMBER,
            sa.ForeignKey("executions.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sqlite_with_rowid=False,
    )
    create_index("ix_sweep_reuses_number", "sweep_reuses", ["number"])
