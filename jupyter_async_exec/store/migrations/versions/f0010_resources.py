"""Format 0010: what executions need besides a slot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import TEXT, create_index

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what executions need, and let the queue be found by it."""
    op.add_column(
        "executions",
        sa.Column("resources", TEXT, nullable=False, server_default=sa.text("''")),
    )
    op.drop_index("ix_executions_queue", "executions")
    create_index(
        "ix_executions_queue",
        "executions",
        ["backend", "resources", "turn", "number"],
        where="status = 'queued' AND cancel_requested = 0 AND hold IS NULL",
    )
