"""Format 0009: lists in which a sweep is one row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add where each sweep stands in lists, and the indexes of such lists."""
    op.add_column("sweeps", sa.Column("first_number", NUMBER))
    op.add_column("sweeps", sa.Column("deleted_at", TEXT))
    op.execute(
        "UPDATE sweeps SET first_number = (SELECT min(number) FROM executions"
        " WHERE sweep_id = sweeps.id AND sweep_id IS NOT NULL AND deleted_at IS NULL)"
    )
    single = "sweep_id IS NULL AND deleted_at IS NULL"
    for name, columns in (
        ("ix_executions_single", ["number"]),
        ("ix_executions_single_notebook", ["notebook_path", "number"]),
        ("ix_executions_single_status", ["status", "number"]),
    ):
        create_index(name, "executions", columns, where=single)
    listed = "first_number IS NOT NULL"
    create_index("ix_sweeps_first", "sweeps", ["first_number"], where=listed)
    create_index("ix_sweeps_notebook", "sweeps", ["notebook_path", "first_number"], where=listed)
