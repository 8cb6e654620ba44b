"""The table of executions: one row each, and an index for each list."""

from __future__ import annotations

import sqlalchemy as sa

from jupyter_async_exec.store.tables.columns import NUMBER, TEXT, BackendName, metadata, where

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", TEXT, nullable=False, unique=True),
    sa.Column("request_id", TEXT, unique=True),
    sa.Column("rev", NUMBER, nullable=False, unique=True),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("reason", TEXT),
    sa.Column("message", TEXT),
    sa.Column("notebook_path", TEXT, nullable=False),
    sa.Column("title", TEXT, nullable=False),
    sa.Column("parameters", TEXT, nullable=False),
    sa.Column("kernel_name", TEXT, nullable=False),
    sa.Column("backend", BackendName, nullable=False),
    sa.Column("snapshot_id", TEXT, nullable=False),
    sa.Column("sweep_id", TEXT),
    sa.Column("parent_id", TEXT),
    sa.Column("attempt", NUMBER, nullable=False),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("started_at", TEXT),
    sa.Column("finished_at", TEXT),
    sa.Column("cells_done", NUMBER, nullable=False),
    sa.Column("cells_total", NUMBER),
    sa.Column("current_cell", NUMBER),
    sa.Column("error", TEXT),
    sa.Column("metrics", TEXT, nullable=False),
    sa.Column("remarks", TEXT, nullable=False),
    sa.Column("tags", TEXT, nullable=False),
    sa.Column("note", TEXT, nullable=False),
    sa.Column("starred", NUMBER, nullable=False),
    sa.Column("pinned", NUMBER, nullable=False),
    sa.Column("cancel_requested", NUMBER, nullable=False),
    sa.Column("deleted_at", TEXT),
    sa.Column("submitted_by", TEXT, nullable=False),
    sa.Column("limits", TEXT, nullable=False),
    sa.Column("provenance", TEXT, nullable=False),
    sa.Column("output_object", TEXT),
    sa.Column("journal_object", TEXT),
    sa.Column("log_object", TEXT),
    sa.Column("artifacts", TEXT, nullable=False),
    sa.Column("environment_id", TEXT),
    sa.Column("turn", NUMBER, nullable=False, server_default=sa.text("0")),
    sa.Column("hold", TEXT),
    sa.Column("replaced", NUMBER, nullable=False, server_default=sa.text("0")),
    sa.Column("reuse_key", TEXT),
    sa.Column("after_ids", TEXT),
    sa.Column("collect", TEXT),
    sa.Column("collect_sweep_id", TEXT),
    sa.Column("due_at", TEXT),
    sa.Column("waits_for", TEXT),
    sa.Column("resources", TEXT, nullable=False, server_default=sa.text("''")),
    sqlite_autoincrement=True,
)

#: What lists show. The other two may be megabytes each: thousands of artifacts, of linked files.
listed_columns = [
    column for column in executions.c if column.name not in {"artifacts", "provenance"}
]


_live = sa.text("deleted_at IS NULL")
#: What may be claimed; queries say it in the same words, so that its indexes are used.
CLAIMABLE = sa.text("status = 'queued' AND cancel_requested = 0 AND hold IS NULL")

# One index per list: each ends in `number`, so that a page is one short walk.
sa.Index(
    "ix_executions_live",
    executions.c.deleted_at,
    executions.c.number,
    postgresql_where=sa.text("deleted_at IS NOT NULL"),
)
# PostgreSQL does not see that equal columns in front leave rows in the order of `number`. It
# writes every index anew when a row changes, so the one above is of the trash alone there.
sa.Index("ix_executions_listed", executions.c.number, postgresql_where=_live).ddl_if(
    dialect="postgresql"
)
sa.Index("ix_executions_status", executions.c.status, executions.c.number, **where(_live))
sa.Index(
    "ix_executions_notebook",
    executions.c.notebook_path,
    executions.c.number,
    **where(_live),
)
sa.Index("ix_executions_owner", executions.c.submitted_by, executions.c.number, **where(_live))
sa.Index(
    "ix_executions_owner_notebook",
    executions.c.submitted_by,
    executions.c.notebook_path,
    executions.c.number,
    **where(_live),
)
_single = sa.text("sweep_id IS NULL AND deleted_at IS NULL")
sa.Index("ix_executions_single", executions.c.number, **where(_single))
sa.Index(
    "ix_executions_single_owner",
    executions.c.submitted_by,
    executions.c.number,
    **where(_single),
)
sa.Index(
    "ix_executions_single_notebook",
    executions.c.notebook_path,
    executions.c.number,
    **where(_single),
)
sa.Index(
    "ix_executions_single_status",
    executions.c.status,
    executions.c.number,
    **where(_single),
)
_in_sweep = sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL")
sa.Index(
    "ix_executions_sweep",
    executions.c.sweep_id,
    executions.c.number,
    **where(_in_sweep),
)
sa.Index(
    "ix_executions_sweep_status",
    executions.c.sweep_id,
    executions.c.status,
    # SQLite asks for these although the condition says them already.
    executions.c.deleted_at,
    executions.c.replaced,
    **where(sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL AND replaced = 0")),
)
sa.Index(
    "ix_executions_queue",
    executions.c.backend,
    executions.c.resources,
    executions.c.turn,
    executions.c.number,
    **where(CLAIMABLE),
)
#: What waits for others, likewise.
WAITING = sa.text("hold = 'others' AND status = 'queued'")
sa.Index("ix_executions_waiting", executions.c.due_at, executions.c.number, **where(WAITING))
sa.Index(
    "ix_executions_collect_sweep",
    executions.c.collect_sweep_id,
    executions.c.number,
    **where(sa.text("collect_sweep_id IS NOT NULL")),
)
#: What may be reused, likewise.
REUSABLE = sa.text("reuse_key IS NOT NULL AND status = 'succeeded' AND deleted_at IS NULL")
sa.Index(
    "ix_executions_reuse",
    executions.c.reuse_key,
    executions.c.number,
    **where(REUSABLE),
)
