"""What the steps say to SQLite and to PostgreSQL alike, and where they have to differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from collections.abc import Sequence

#: 64 bits everywhere; SQLite counts up only what is called INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: In the order of its bytes everywhere.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def is_postgres() -> bool:
    """Whether it is PostgreSQL that is being migrated."""
    return op.get_bind().dialect.name == "postgresql"


def create_index(
    name: str,
    table: str,
    columns: Sequence[str],
    *,
    where: str | None = None,
    unique: bool = False,
) -> None:
    """Make an index, of only the rows for which `where` holds."""
    condition = None if where is None else sa.text(where)
    op.create_index(
        name,
        table,
        list(columns),
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
