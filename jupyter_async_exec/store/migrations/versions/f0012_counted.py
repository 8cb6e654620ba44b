"""Format 0012: the number that was given last, counted by ourselves; stores on PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index, is_postgres

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; on PostgreSQL also what SQLite has of its own or does without."""
    op.add_column(
        "revision", sa.Column("last_number", NUMBER, nullable=False, server_default=sa.text("0"))
    )
    if not is_postgres():
        # What AUTOINCREMENT remembers, also of rows that have gone.
        op.execute(
            "UPDATE revision SET last_number = coalesce("
            "(SELECT seq FROM sqlite_sequence WHERE name = 'executions'), 0)"
        )
        return
    create_index("ix_executions_listed", "executions", ["number"], where="deleted_at IS NULL")
    op.create_table(
        "writers",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("commits", NUMBER, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
