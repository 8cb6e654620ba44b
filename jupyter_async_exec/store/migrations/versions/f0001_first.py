"""Format 0001: executions, their tags, history and search, settings, the revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from jupyter_async_exec.store.migrations.both import NUMBER, TEXT, create_index, is_postgres

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
        sa.Column("tag", TEXT, primary_key=True),
        sa.Column(
            "number",
            NUMBER,
            sa.ForeignKey("executions.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sqlite_with_rowid=False,
    )
    create_index("ix_execution_tags_number", "execution_tags", ["number"])
    _make_history()
    op.create_table(
        "revision",
        sa.Column(
            "only",
            NUMBER,
            sa.CheckConstraint('"only" = 1'),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("rev", NUMBER, nullable=False),
    )
    op.execute('INSERT INTO revision ("only", rev) VALUES (1, 0)')
    op.create_table(
        "settings",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", TEXT, nullable=False),
    )
    _make_search()


def _make_search() -> None:
    if is_postgres():
        op.create_table(
            "execution_search",
            sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("words", postgresql.TSVECTOR, nullable=False),
        )
        # Without fast updates, which would let searches go through what is not yet in the index.
        op.create_index(
            "ix_execution_search_words",
            "execution_search",
            ["words"],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )
        return
    op.execute(
        "CREATE VIRTUAL TABLE execution_search USING fts5(words, detail=none, columnsize=0, "
        f"""tokenize="ascii tokenchars '.=+-'", prefix='{PREFIX_LENGTHS}')"""
    )


def _make_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("request_id", TEXT, unique=True),
        sa.Column("rev", NUMBER, nullable=False, unique=True),
        *(
            sa.Column(name, kind, nullable=nullable)
            for name, kind, nullable in (
                ("status", TEXT, False),
                ("reason", TEXT, True),
                ("message", TEXT, True),
                ("notebook_path", TEXT, False),
                ("title", TEXT, False),
                ("parameters", TEXT, False),
                ("kernel_name", TEXT, False),
                ("backend", TEXT, False),
                ("snapshot_id", TEXT, False),
                ("sweep_id", TEXT, True),
                ("parent_id", TEXT, True),
                ("attempt", NUMBER, False),
                ("created_at", TEXT, False),
                ("started_at", TEXT, True),
                ("finished_at", TEXT, True),
                ("cells_done", NUMBER, False),
                ("cells_total", NUMBER, True),
                ("current_cell", NUMBER, True),
                ("error", TEXT, True),
                ("metrics", TEXT, False),
                ("remarks", TEXT, False),
                ("tags", TEXT, False),
                ("note", TEXT, False),
                ("starred", NUMBER, False),
                ("pinned", NUMBER, False),
                ("cancel_requested", NUMBER, False),
                ("deleted_at", TEXT, True),
                ("submitted_by", TEXT, False),
                ("limits", TEXT, False),
                ("provenance", TEXT, False),
                ("output_object", TEXT, True),
                ("journal_object", TEXT, True),
                ("log_object", TEXT, True),
                ("artifacts", TEXT, False),
            )
        ),
        sqlite_autoincrement=True,
    )
    live = "deleted_at IS NULL"
    create_index("ix_executions_live", "executions", ["deleted_at", "number"])
    create_index("ix_executions_status", "executions", ["status", "number"], where=live)
    create_index("ix_executions_notebook", "executions", ["notebook_path", "number"], where=live)
    create_index(
        "ix_executions_sweep",
        "executions",
        ["sweep_id", "number"],
        where="sweep_id IS NOT NULL AND deleted_at IS NULL",
    )
    create_index(
        "ix_executions_queue",
        "executions",
        ["backend", "number"],
        where="status = 'queued' AND cancel_requested = 0",
    )


def _make_history() -> None:
    op.create_table(
        "history",
        sa.Column("entry", NUMBER, primary_key=True, autoincrement=True),
        sa.Column(
            "execution_id",
            TEXT,
            sa.ForeignKey("executions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("rev", NUMBER, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    create_index("ix_history_execution", "history", ["execution_id", "entry"])
    create_index(
        "uq_history_end",
        "history",
        ["execution_id"],
        unique=True,
        where="type = 'execution_finished'",
    )
