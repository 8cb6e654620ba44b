"""Format 0011: executions belong to people, and lists of one person's have indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import create_index, is_postgres

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: What servers that know nobody by name wrote: 32 hexadecimal digits, new for each visit.
MADE_UP = "length(submitted_by) = 32 AND submitted_by NOT GLOB '*[^0-9a-f]*'"


def upgrade() -> None:
    """Let what nobody in particular submitted belong to nobody, and add the indexes."""
    if not is_postgres():
        # Other databases never had such rows.
        for name in ("executions", "sweeps"):
            table = sa.table(name, sa.column("submitted_by"))
            op.execute(table.update().where(sa.text(MADE_UP)).values(submitted_by=""))
    for name, columns in (
        ("ix_executions_owner", ["submitted_by", "number"]),
        ("ix_executions_owner_notebook", ["submitted_by", "notebook_path", "number"]),
    ):
        create_index(name, "executions", columns, where="deleted_at IS NULL")
