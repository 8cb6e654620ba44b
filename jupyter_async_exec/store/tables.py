"""The tables as queries see them; `migrations/` makes them, a test compares the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from jupyter_async_exec.core import machines

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

#: Attribute of the dialect of an engine: the machine it belongs to, if others share the store.
MACHINE = "async_exec_machine"

#: 64 bits everywhere; SQLite counts up only what is called INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: In the order of its bytes everywhere.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class BackendName(sa.types.TypeDecorator[str]):
    """The name of a backend: bare for this machine's own, see `core.machines`."""

    impl = TEXT
    cache_ok = True

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        machine = getattr(dialect, MACHINE, None)
        return value if machine is None or value is None else machines.qualified(value, machine)

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        machine = getattr(dialect, MACHINE, None)
        return value if machine is None or value is None else machines.unqualified(value, machine)


metadata = sa.MetaData()

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


def _where(condition: sa.TextClause) -> dict[str, Any]:
    """Return what makes an index one of only those rows, on every database."""
    return {"sqlite_where": condition, "postgresql_where": condition}


_live = sa.text("deleted_at IS NULL")
#: What may be claimed; queries say it in the same words, so that its indexes are used.
CLAIMABLE = sa.text("status = 'queued' AND cancel_requested = 0 AND hold IS NULL")

# One index per list: each ends in `number`, so that a page is one short walk.
sa.Index("ix_executions_live", executions.c.deleted_at, executions.c.number)
# PostgreSQL does not see that equal columns in front leave rows in the order of `number`.
sa.Index("ix_executions_listed", executions.c.number, postgresql_where=_live).ddl_if(
    dialect="postgresql"
)
sa.Index("ix_executions_status", executions.c.status, executions.c.number, **_where(_live))
sa.Index(
    "ix_executions_notebook",
    executions.c.notebook_path,
    executions.c.number,
    **_where(_live),
)
sa.Index("ix_executions_owner", executions.c.submitted_by, executions.c.number, **_where(_live))
sa.Index(
    "ix_executions_owner_notebook",
    executions.c.submitted_by,
    executions.c.notebook_path,
    executions.c.number,
    **_where(_live),
)
_single = sa.text("sweep_id IS NULL AND deleted_at IS NULL")
sa.Index("ix_executions_single", executions.c.number, **_where(_single))
sa.Index(
    "ix_executions_single_notebook",
    executions.c.notebook_path,
    executions.c.number,
    **_where(_single),
)
sa.Index(
    "ix_executions_single_status",
    executions.c.status,
    executions.c.number,
    **_where(_single),
)
_in_sweep = sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL")
sa.Index(
    "ix_executions_sweep",
    executions.c.sweep_id,
    executions.c.number,
    **_where(_in_sweep),
)
sa.Index(
    "ix_executions_sweep_status",
    executions.c.sweep_id,
    executions.c.status,
    # SQLite asks for these although the condition says them already.
    executions.c.deleted_at,
    executions.c.replaced,
    **_where(sa.text("sweep_id IS NOT NULL AND deleted_at IS NULL AND replaced = 0")),
)
sa.Index(
    "ix_executions_queue",
    executions.c.backend,
    executions.c.resources,
    executions.c.turn,
    executions.c.number,
    **_where(CLAIMABLE),
)
#: What waits for others, likewise.
WAITING = sa.text("hold = 'others' AND status = 'queued'")
sa.Index("ix_executions_waiting", executions.c.due_at, executions.c.number, **_where(WAITING))
sa.Index(
    "ix_executions_collect_sweep",
    executions.c.collect_sweep_id,
    executions.c.number,
    **_where(sa.text("collect_sweep_id IS NOT NULL")),
)
#: What may be reused, likewise.
REUSABLE = sa.text("reuse_key IS NOT NULL AND status = 'succeeded' AND deleted_at IS NULL")
sa.Index(
    "ix_executions_reuse",
    executions.c.reuse_key,
    executions.c.number,
    **_where(REUSABLE),
)

#: Which execution follows (`after`), was to collect (`collect`) and was handed (`handed`) which.
execution_links = sa.Table(
    "execution_links",
    metadata,
    sa.Column(
        "number",
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("role", TEXT, primary_key=True, nullable=False),
    # Stays when what it names is gone.
    sa.Column("source", NUMBER, primary_key=True, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("ix_execution_links_source", execution_links.c.source, execution_links.c.role)

#: What executions that collect were handed, sealed when they started; may be large.
handed = sa.Table(
    "handed",
    metadata,
    sa.Column(
        "number",
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("content", TEXT, nullable=False),
)

#: Which earlier results a sweep took over instead of computing them again.
sweep_reuses = sa.Table(
    "sweep_reuses",
    metadata,
    sa.Column("sweep_id", TEXT, primary_key=True, nullable=False),
    sa.Column(
        "number",
        NUMBER,
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
    sa.Column("backend", BackendName, primary_key=True),
    sa.Column("claimed_turn", NUMBER, nullable=False),
    sa.Column("single_turn", NUMBER, nullable=False),
)

#: One row per sweep; its executions name it in `sweep_id`.
sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("request_id", TEXT, unique=True),
    sa.Column("rev", NUMBER, nullable=False),
    sa.Column("notebook_path", TEXT, nullable=False),
    sa.Column("title", TEXT, nullable=False),
    sa.Column("snapshot_id", TEXT, nullable=False),
    sa.Column("definition", TEXT, nullable=False),
    sa.Column("canary_id", TEXT),
    sa.Column("stop_after", NUMBER),
    sa.Column("message", TEXT),
    sa.Column("provenance", TEXT, nullable=False),
    sa.Column("submitted_by", TEXT, nullable=False),
    sa.Column("created_at", TEXT, nullable=False),
    sa.Column("finished_at", TEXT),
    sa.Column("to_come", NUMBER, nullable=False, server_default=sa.text("0")),
    sa.Column("first_number", NUMBER),
    sa.Column("deleted_at", TEXT),
)
sa.Index("ix_sweeps_rev", sweeps.c.rev)
#: Adaptive sweeps that are still to choose executions, likewise.
CHOOSING = sa.text("to_come > 0")
sa.Index("ix_sweeps_to_come", sweeps.c.to_come, **_where(CHOOSING))
_listed = sa.text("first_number IS NOT NULL")
sa.Index("ix_sweeps_first", sweeps.c.first_number, **_where(_listed))
sa.Index(
    "ix_sweeps_notebook",
    sweeps.c.notebook_path,
    sweeps.c.first_number,
    **_where(_listed),
)

#: Which execution outside the trash carries which tag.
execution_tags = sa.Table(
    "execution_tags",
    metadata,
    sa.Column("tag", TEXT, primary_key=True),
    sa.Column(
        "number",
        NUMBER,
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
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("chunk", NUMBER, primary_key=True),
    sa.Column("n_points", NUMBER, nullable=False),
    sa.Column("points", sa.LargeBinary, nullable=False),
)

#: What executions ran in, each once.
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("content", TEXT, nullable=False),
)

#: When somebody last opened an execution or reused its result; no row while nobody did.
execution_uses = sa.Table(
    "execution_uses",
    metadata,
    sa.Column(
        "number",
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("used_at", TEXT, nullable=False),
)

#: Parameter values under names, per notebook.
presets = sa.Table(
    "presets",
    metadata,
    sa.Column("notebook_path", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("parameters", TEXT, nullable=False),
    sa.Column("secrets", TEXT, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

#: Numbers among parameters and metrics of executions outside the trash, for `lr > 0.01`.
execution_numbers = sa.Table(
    "execution_numbers",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column(
        "number",
        NUMBER,
        sa.ForeignKey("executions.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("kind", TEXT, primary_key=True),
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
    sa.Column("entry", NUMBER, primary_key=True, autoincrement=True),
    sa.Column(
        "execution_id", TEXT, sa.ForeignKey("executions.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("rev", NUMBER, nullable=False),
    sa.Column("at", TEXT, nullable=False),
    sa.Column("type", TEXT, nullable=False),
    sa.Column("attempt", NUMBER, nullable=False),
    sa.Column("status", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_history_execution", history.c.execution_id, history.c.entry)
# The schema itself refuses a second end.
sa.Index(
    "uq_history_end",
    history.c.execution_id,
    unique=True,
    **_where(sa.text("type = 'execution_finished'")),
)

#: One row: the store-wide revision, and the number that was given last.
revision = sa.Table(
    "revision",
    metadata,
    sa.Column(
        "only",
        NUMBER,
        sa.CheckConstraint('"only" = 1'),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("rev", NUMBER, nullable=False),
    sa.Column("last_number", NUMBER, nullable=False, server_default=sa.text("0")),
)

#: Store-wide choices, such as the number of slots, as JSON.
settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("value", TEXT, nullable=False),
)
