"""Format 0010: what executions need besides a slot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what executions need, and let the queue be found by it."""
    op.add_column(
        "executions",
        sa.Column("resources", sa.Text, nullable=False, server_default=sa.text("''")),
    )
    op.drop_index("ix_executions_queue", "executions")
    op.create_index(
        "ix_executions_queue",
        "executions",
        ["backend", "resources", "turn", "number"],
        sqlite_where=sa.text("status = 'queued' AND cancel_requested = 0 AND hold IS NULL"),
    )
