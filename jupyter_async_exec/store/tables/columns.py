"""What tables are made of: types of columns, keys, indexes of only some rows."""

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


def its_number() -> sa.Column[int]:
    """Return the number of the execution that a row belongs to, and goes with."""
    owner = sa.ForeignKey("executions.number", ondelete="CASCADE")
    return sa.Column("number", NUMBER, owner, primary_key=True)


def where(condition: sa.TextClause) -> dict[str, Any]:
    """Return what makes an index one of only those rows, on every database."""
    return {"sqlite_where": condition, "postgresql_where": condition}
