"""Alembic's entry point: migrate through the transaction that `store/migrate.py` opened."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,
    # SQLite's DDL is transactional as long as somebody says BEGIN, which we do.
    transactional_ddl=True,
)
context.run_migrations()
