"""Format 0007: presets of parameters, and when an execution was last of use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "presets",
        sa.Column("notebook_path", TEXT, primary_key=True, nullable=False),
        sa.Column("name", TEXT, primary_key=True, nullable=False),
        sa.Column("parameters", TEXT, nullable=False),
        sa.Column("secrets", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "execution_uses",
        sa.Column(
            "number",
            NUMBER,
            sa.ForeignKey("executions.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("used_at", TEXT, nullable=False),
    )
