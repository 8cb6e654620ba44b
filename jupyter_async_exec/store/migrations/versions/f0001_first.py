"""Format 0001: executions, their tags, history and search, settings, the revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out: what a release wrote never changes, whatever the code becomes.
PREFIX_LENGTHS = " ".join(str(length) for length in range(1, 20))


def upgrade() -> None:
    """Make the tables of format 0001."""
    _make_executions()
    op.create_table(
        "execution_tags",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column(
            "number",
            sa.Integer,
            sa.ForeignKey("executions.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_execution_tags_number", "execution_tags", ["number"])
    _make_history()
    op.create_table(
        "revision",
        sa.Column("only", sa.Integer, sa.CheckConstraint('"only" = 1'), primary_key=True),
        sa.Column("rev", sa.Integer, nullable=False),
    )
    op.execute('INSERT INTO revision ("only", rev) VALUES (1, 0)')
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.execute(
        "CREATE VIRTUAL TABLE execution_search USING fts5(words, detail=none, columnsize=0, "
        f"""tokenize="ascii tokenchars '.=+-'", prefix='{PREFIX_LENGTHS}')"""
    )


def _make_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("request_id", sa.Text, unique=True),
        sa.Column("rev", sa.Integer, nullable=False, unique=True),
        *(
            sa.Column(name, kind, nullable=nullable)
            for name, kind, nullable in (
                ("status", sa.Text, False),
                ("reason", sa.Text, True),
                ("message", sa.Text, True),
                ("notebook_path", sa.Text, False),
                ("title", sa.Text, False),
                ("parameters", sa.Text, False),
                ("kernel_name", sa.Text, False),
                ("backend", sa.Text, False),
                ("snapshot_id", sa.Text, False),
                ("sweep_id", sa.Text, True),
                ("parent_id", sa.Text, True),
                ("attempt", sa.Integer, False),
                ("created_at", sa.Text, False),
                ("started_at", sa.Text, True),
                ("finished_at", sa.Text, True),
                ("cells_done", sa.Integer, False),
                ("cells_total", sa.Integer, True),
                ("current_cell", sa.Integer, True),
                ("error", sa.Text, True),
                ("metrics", sa.Text, False),
                ("remarks", sa.Text, False),
                ("tags", sa.Text, False),
                ("note", sa.Text, False),
                ("starred", sa.Integer, False),
                ("pinned", sa.Integer, False),
                ("cancel_requested", sa.Integer, False),
                ("deleted_at", sa.Text, True),
                ("submitted_by", sa.Text, False),
                ("limits", sa.Text, False),
                ("provenance", sa.Text, False),
                ("output_object", sa.Text, True),
                ("journal_object", sa.Text, True),
                ("log_object", sa.Text, True),
                ("artifacts", sa.Text, False),
            )
        ),
        sqlite_autoincrement=True,
    )
    live = sa.text("deleted_at IS NULL")
    op.create_index("ix_executions_live", "executions", ["deleted_at", "number"])
    op.create_index("ix_executions_status", "executions", ["status", "number"], sqlite_where=live)
    op.create_index(
        "ix_executions_notebook", "executions", ["notebook_path", "number"], sqlite_where=live
    )
    op.create_index(
        "ix_executions_sweep",
        "executions",
        ["sweep_id", "number"],
        sqlite_where=sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_executions_queue",
        "executions",
        ["backend", "number"],
        sqlite_where=sa.text("status = 'queued' AND cancel_requested = 0"),
    )


def _make_history() -> None:
    op.create_table(
        "history",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("rev", sa.Integer, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_history_execution", "history", ["execution_id", "entry"])
    op.create_index(
        "uq_history_end",
        "history",
        ["execution_id"],
        unique=True,
        sqlite_where=sa.text("type = 'execution_finished'"),
    )
