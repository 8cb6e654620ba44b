"""Tables of sweeps."""

from __future__ import annotations

import sqlalchemy as sa

from jupyter_async_exec.store.tables.columns import NUMBER, TEXT, its_number, metadata, where

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
sa.Index("ix_sweeps_to_come", sweeps.c.to_come, **where(CHOOSING))
_listed = sa.text("first_number IS NOT NULL")
sa.Index("ix_sweeps_first", sweeps.c.first_number, **where(_listed))
sa.Index(
    "ix_sweeps_notebook",
    sweeps.c.notebook_path,
    sweeps.c.first_number,
    **where(_listed),
)
sa.Index("ix_sweeps_owner", sweeps.c.submitted_by, sweeps.c.first_number, **where(_listed))

#: Which earlier results a sweep took over instead of computing them again.
sweep_reuses = sa.Table(
    "sweep_reuses",
    metadata,
    sa.Column("sweep_id", TEXT, primary_key=True, nullable=False),
    its_number(),
    sqlite_with_rowid=False,
)
sa.Index("ix_sweep_reuses_number", sweep_reuses.c.number)
