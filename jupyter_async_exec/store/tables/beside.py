"""Tables of what belongs to an execution and is not in its own row."""

from __future__ import annotations

import sqlalchemy as sa

from jupyter_async_exec.store.tables.columns import NUMBER, TEXT, its_number, metadata, where

#: Which execution follows (`after`), was to collect (`collect`) and was handed (`handed`) which.
execution_links = sa.Table(
    "execution_links",
    metadata,
    its_number(),
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
    its_number(),
    sa.Column("content", TEXT, nullable=False),
)

#: Which execution outside the trash carries which tag.
execution_tags = sa.Table(
    "execution_tags",
    metadata,
    sa.Column("tag", TEXT, primary_key=True),
    its_number(),
    sqlite_with_rowid=False,
)
sa.Index("ix_execution_tags_number", execution_tags.c.number)

#: Points of metrics, `metric_points.pack` in chunks; apart from the rows that lists read.
metric_points = sa.Table(
    "metric_points",
    metadata,
    its_number(),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("chunk", NUMBER, primary_key=True),
    sa.Column("n_points", NUMBER, nullable=False),
    sa.Column("points", sa.LargeBinary, nullable=False),
)

#: When somebody last opened an execution or reused its result; no row while nobody did.
execution_uses = sa.Table(
    "execution_uses",
    metadata,
    its_number(),
    sa.Column("used_at", TEXT, nullable=False),
)

#: Numbers among parameters and metrics of executions outside the trash, for `lr > 0.01`.
execution_numbers = sa.Table(
    "execution_numbers",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    its_number(),
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
    **where(sa.text("type = 'execution_finished'")),
)
