"""Format 0005: an index of numbers by value, for comparisons that hold for few."""

from __future__ import annotations

from jupyter_async_exec.store.migrations.both import create_index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    create_index("ix_execution_numbers_value", "execution_numbers", ["name", "value", "number"])
