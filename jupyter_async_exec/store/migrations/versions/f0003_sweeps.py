"""Format 0003: sweeps, and a queue in which they take turns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table `sweeps`; give each execution its turn in the queue."""
    # Added as they are, without rebuilding a table that may hold a million rows.
    op.add_column(
        "executions", sa.Column("turn", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("executions", sa.Column("hold", sa.Text))
    op.add_column(
        "executions", sa.Column("replaced", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    op.drop_index("ix_executions_queue", "executions")
    claimable = sa.text("status = 'queued' AND cancel_requested = 0 AND hold IS NULL")
    op.create_index(
        "ix_executions_queue", "executions", ["backend", "turn", "number"], sqlite_where=claimable
    )
    op.create_index(
        "ix_executions_sweep_status",
        "executions",
        ["sweep_id", "status", "deleted_at", "replaced"],
        sqlite_where=sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL AND replaced = 0"),
    )
    op.create_table(
        "queue",
        sa.Column("backend", sa.Text, primary_key=True),
        sa.Column("claimed_turn", sa.Integer, nullable=False),
        sa.Column("single_turn", sa.Integer, nullable=False),
    )
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, unique=True),
        *(
            sa.Column(name, kind, nullable=nullable)
            for name, kind, nullable in (
                ("rev", sa.Integer, False),
                ("notebook_path", sa.Text, False),
                ("title", sa.Text, False),
                ("snapshot_id", sa.Text, False),
                ("definition", sa.Text, False),
                ("canary_id", sa.Text, True),
                ("stop_after", sa.Integer, True),
                ("message", sa.Text, True),
                ("provenance", sa.Text, False),
                ("submitted_by", sa.Text, False),
                ("created_at", sa.Text, False),
                ("finished_at", sa.Text, True),
            )
        ),
    )
    op.create_index("ix_sweeps_rev", "sweeps", ["rev"])
