"""Format 0006: how many executions an adaptive sweep is still to choose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, create_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and the index of the sweeps that choose."""
    op.add_column("sweeps", sa.Column("to_come", NUMBER, nullable=False, server_default="0"))
    create_index("ix_sweeps_to_come", "sweeps", ["to_come"], where="to_come > 0")
