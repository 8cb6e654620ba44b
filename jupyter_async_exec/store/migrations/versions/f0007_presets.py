"""Format 0007: presets of parameters, and when an execution was last of use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "presets",
        sa.Column("notebook_path", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "execution_uses",
        sa.Column(
            "number",
            sa.Integer,
            sa.ForeignKey("executions.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("used_at", sa.Text, nullable=False),
    )
