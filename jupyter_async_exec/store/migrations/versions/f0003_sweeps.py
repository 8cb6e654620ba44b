"""Format 0003: sweeps, and a queue in which they take turns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table `sweeps`; give each execution its turn in the queue."""
    # Added as they are, without rebuilding a table that may hold a million rows.
    op.add_column(
        "executions", sa.Column("turn", NUMBER, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("executions", sa.Column("hold", TEXT))
    op.add_column(
        "executions", sa.Column("replaced", NUMBER, nullable=False, server_default=sa.text("0"))
    )
    op.drop_index("ix_executions_queue", "executions")
    claimable = "status = 'queued' AND cancel_requested = 0 AND hold IS NULL"
    create_index(
        "ix_executions_queue", "executions", ["backend", "turn", "number"], where=claimable
    )
    create_index(
        "ix_executions_sweep_status",
        "executions",
        ["sweep_id", "status", "deleted_at", "replaced"],
        where="sweep_id IS NOT NULL AND deleted_at IS NULL AND replaced = 0",
    )
    op.create_table(
        "queue",
        sa.Column("backend", TEXT, primary_key=True),
        sa.Column("claimed_turn", NUMBER, nullable=False),
        sa.Column("single_turn", NUMBER, nullable=False),
    )
    op.create_table(
        "sweeps",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("request_id", TEXT, unique=True),
        *(
            sa.Column(name, kind, nullable=nullable)
            for name, kind, nullable in (
                ("rev", NUMBER, False),
                ("notebook_path", TEXT, False),
                ("title", TEXT, False),
                ("snapshot_id", TEXT, False),
                ("definition", TEXT, False),
                ("canary_id", TEXT, True),
                ("stop_after", NUMBER, True),
                ("message", TEXT, True),
                ("provenance", TEXT, False),
                ("submitted_by", TEXT, False),
                ("created_at", TEXT, False),
                ("finished_at", TEXT, True),
            )
        ),
    )
    create_index("ix_sweeps_rev", "sweeps", ["rev"])
