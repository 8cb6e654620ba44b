"""Tables that belong to no execution: queue, environments, presets, revision, settings."""

from __future__ import annotations

import sqlalchemy as sa

from jupyter_async_exec.store.tables.columns import NUMBER, TEXT, BackendName, metadata

#: One row per backend: whose turn it is, see `turns.py`.
queue = sa.Table(
    "queue",
    metadata,
    sa.Column("backend", BackendName, primary_key=True),
    sa.Column("claimed_turn", NUMBER, nullable=False),
    sa.Column("single_turn", NUMBER, nullable=False),
)

#: What executions ran in, each once.
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", TEXT, primary_key=True),
    sa.Column("content", TEXT, nullable=False),
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
