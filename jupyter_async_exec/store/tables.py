"""The tables as queries see them; `migrations/` makes them, a test compares the two."""

from __future__ import annotations

import sqlalchemy as sa

#: Full-text table over `executions`; SQLAlchemy has no words for it.
SEARCH_TABLE = "execution_search"

metadata = sa.MetaData()

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("request_id", sa.Text, unique=True),
    sa.Column("rev", sa.Integer, nullable=False, unique=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("notebook_path", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("kernel_name", sa.Text, nullable=False),
    sa.Column("backend", sa.Text, nullable=False),
    sa.Column("snapshot_id", sa.Text, nullable=False),
    sa.Column("sweep_id", sa.Text),
    sa.Column("parent_id", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text),
    sa.Column("finished_at", sa.Text),
    sa.Column("cells_done", sa.Integer, nullable=False),
    sa.Column("cells_total", sa.Integer),
    sa.Column("current_cell", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("remarks", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("starred", sa.Integer, nullable=False),
    sa.Column("pinned", sa.Integer, nullable=False),
    sa.Column("cancel_requested", sa.Integer, nullable=False),
    sa.Column("deleted_at", sa.Text),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("limits", sa.Text, nullable=False),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("output_object", sa.Text),
    sa.Column("journal_object", sa.Text),
    sa.Column("log_object", sa.Text),
    sa.Column("artifacts", sa.Text, nullable=False),
    sa.Column("environment_id", sa.Text),
    sa.Column("turn", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("hold", sa.Text),
    sa.Column("replaced", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("reuse_key", sa.Text),
    sa.Column("after_ids", sa.Text),
    sa.Column("collect", sa.Text),
    sa.Column("collect_sweep_id", sa.Text),
    sa.Column("due_at", sa.Text),
    sa.Column("waits_for", sa.Text),
    sa.Column("resources", sa.Text, nullable=False, server_default=sa.text("''")),
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
sa.Index("ix_executions_live", executions.c.deleted_at, executions.c.number)
sa.Index("ix_executions_status", executions.c.status, executions.c.number, sqlite_where=_live)
sa.Index(
    "ix_executions_notebook",
    executions.c.notebook_path,
    executions.c.number,
    sqlite_where=_live,
)
sa.Index("ix_executions_owner", executions.c.submitted_by, executions.c.number, sqlite_where=_live)
sa.Index(
    "ix_executions_owner_notebook",
    executions.c.submitted_by,
    executions.c.notebook_path,
    executions.c.number,
    sqlite_where=_live,
)
_single = sa.text("sweep_id IS NULL AND deleted_at IS NULL")
sa.Index("ix_executions_single", executions.c.number, sqlite_where=_single)
sa.Index(
    "ix_executions_single_notebook",
    executions.c.notebook_path,
    executions.c.number,
    sqlite_where=_single,
)
sa.Index(
    "ix_executions_single_status",
    executions.c.status,
    executions.c.number,
    sqlite_where=_single,
)
_in_sweep = sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL")
sa.Index(
    "ix_executions_sweep",
    executions.c.sweep_id,
    executions.c.number,
    sqlite_where=_in_sweep,
)
sa.Index(
    "ix_executions_sweep_status",
    executions.c.sweep_id,
    executions.c.status,
    # SQLite asks for these although the condition says them already.
    executions.c.deleted_at,
    executions.c.replaced,
    sqlite_where=sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL AND replaced = 0"),
)
sa.Index(
    "ix_executions_queue",
    executions.c.backend,
    executions.c.resources,
    executions.c.turn,
    executions.c.number,
    sqlite_where=CLAIMABLE,
)
#: What waits for others, likewise.
WAITING = sa.text("hold = 'others' AND status = 'queued'")
sa.Index("ix_executions_waiting", executions.c.due_at, executions.c.number, sqlite_where=WAITING)
sa.Index(
    "ix_executions_collect_sweep",
    executions.c.collect_sweep_id,
    executions.c.number,
    sqlite_where=sa.text("collect_sweep_id IS NOT NULL"),
)
#: What may be reused, likewise.
REUSABLE = sa.text("reuse_key IS NOT NULL AND status = 'succeeded' AND deleted_at IS NULL")
sa.Index(
    "ix_executions_reuse",
    executions.c.reuse_key,
    executions.c.number,
    sqlite_where=REUSABLE,
)

#: Which execution follows (`after`), was to collect (`collect`) and was handed (`handed`) which.
execution_links = sa.Table(
    "execution_links",
    metadata,
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("role", sa.Text, primary_key=True, nullable=False),
    # Stays when what it names is gone.
    sa.Column("source", sa.Integer, primary_key=True, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("ix_execution_links_source", execution_links.c.source, execution_links.c.role)

#: What executions that collect were handed, sealed when they started; may be large.
handed = sa.Table(
    "handed",
    metadata,
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("content", sa.Text, nullable=False),
)

#: Which earlier results a sweep took over instead of computing them again.
sweep_reuses = sa.Table(
    "sweep_reuses",
    metadata,
    sa.Column("sweep_id", sa.Text, primary_key=True, nullable=False),
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sqlite_with_rowid=False,
)
sa.Index("ix_sweep_reuses_number", sweep_reuses.c.number)

#: One row per backend: whose turn it is, see `turns.py`.
queue = sa.Table(
    "queue",
    metadata,
    sa.Column("backend", sa.Text, primary_key=True),
    sa.Column("claimed_turn", sa.Integer, nullable=False),
    sa.Column("single_turn", sa.Integer, nullable=False),
)

#: One row per sweep; its executions name it in `sweep_id`.
sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("request_id", sa.Text, unique=True),
    sa.Column("rev", sa.Integer, nullable=False),
    sa.Column("notebook_path", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("snapshot_id", sa.Text, nullable=False),
    sa.Column("definition", sa.Text, nullable=False),
    sa.Column("canary_id", sa.Text),
    sa.Column("stop_after", sa.Integer),
    sa.Column("message", sa.Text),
    sa.Column("provenance", sa.Text, nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("finished_at", sa.Text),
    sa.Column("to_come", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("first_number", sa.Integer),
    sa.Column("deleted_at", sa.Text),
)
sa.Index("ix_sweeps_rev", sweeps.c.rev)
#: Adaptive sweeps that are still to choose executions, likewise.
CHOOSING = sa.text("to_come > 0")
sa.Index("ix_sweeps_to_come", sweeps.c.to_come, sqlite_where=CHOOSING)
_listed = sa.text("first_number IS NOT NULL")
sa.Index("ix_sweeps_first", sweeps.c.first_number, sqlite_where=_listed)
sa.Index(
    "ix_sweeps_notebook",
    sweeps.c.notebook_path,
    sweeps.c.first_number,
    sqlite_where=_listed,
)

#: Which execution outside the trash carries which tag.
execution_tags = sa.Table(
    "execution_tags",
    metadata,
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sqlite_with_rowid=False,
)
sa.Index("ix_execution_tags_number", execution_tags.c.number)

#: Points of metrics, `metric_points.pack` in chunks; apart from the rows that lists read.
metric_points = sa.Table(
    "metric_points",
    metadata,
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("chunk", sa.Integer, primary_key=True),
    sa.Column("n_points", sa.Integer, nullable=False),
    sa.Column("points", sa.LargeBinary, nullable=False),
)

#: What executions ran in, each once.
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)

#: When somebody last opened an execution or reused its result; no row while nobody did.
execution_uses = sa.Table(
    "execution_uses",
    metadata,
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("used_at", sa.Text, nullable=False),
)

#: Parameter values under names, per notebook.
presets = sa.Table(
    "presets",
    metadata,
    sa.Column("notebook_path", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("secrets", sa.Text, nullable=False),
    sa.Column("updated_at", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

#: Numbers among parameters and metrics of executions outside the trash, for `lr > 0.01`.
execution_numbers = sa.Table(
    "execution_numbers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column(
        "number",
        sa.Integer,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("ix_execution_numbers_number", execution_numbers.c.number)
sa.Index(
    "ix_execution_numbers_value",
    execution_numbers.c.name,
    execution_numbers.c.value,
    execution_numbers.c.number,
)

#: Every change of status, trash included, in the order it was committed.
history = sa.Table(
    "history",
    metadata,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column(
        "execution_id", sa.Text, sa.ForeignKey("executions.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("rev", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_history_execution", history.c.execution_id, history.c.entry)
# The schema itself refuses a second end.
sa.Index(
    "uq_history_end",
    history.c.execution_id,
    unique=True,
    sqlite_where=sa.text("type = 'execution_finished'"),
)

#: One row: the store-wide revision.
revision = sa.Table(
    "revision",
    metadata,
    sa.Column("only", sa.Integer, sa.CheckConstraint('"only" = 1'), primary_key=True),
    sa.Column("rev", sa.Integer, nullable=False),
)

#: Store-wide choices, such as the number of slots, as JSON.
settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
