"""Format 0006: how many executions an adaptive sweep is still to choose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and the index of the sweeps that choose."""
    op.add_column("sweeps", sa.Column("to_come", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_sweeps_to_come", "sweeps", ["to_come"], sqlite_where=sa.text("to_come > 0"))
