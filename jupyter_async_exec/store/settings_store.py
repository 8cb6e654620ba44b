"""The part of the store about store-wide choices, such as the number of slots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.store import codec
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.tables import settings

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue

_SELECT = sa.select(settings.c.value).where(settings.c.name == sa.bindparam("name"))


class SettingsStore(StorePart):
    """Choices by name, which every process on the store sees."""

    def get(self, name: str) -> JSONValue | None:
        """Return that choice, None when nobody made it."""
        text = self._read(lambda each: each.execute(_SELECT, {"name": name}).scalar())
        value: JSONValue | None = None if text is None else json.loads(text)
        return value

    def find(self, prefix: str) -> dict[str, JSONValue]:
        """Return the choices whose names begin with `prefix`, by name."""
        return self._read(lambda connection: find_rows(connection, prefix))

    def put(self, name: str, value: JSONValue) -> None:
        """Make a choice, in place of an earlier one."""
        self._writer.run(lambda connection: put_row(connection, name, value))


def find_rows(connection: sa.Connection, prefix: str) -> dict[str, Any]:
    """Return the choices whose names begin with `prefix`, by name."""
    statement = sa.select(settings.c.name, settings.c.value).where(
        settings.c.name.startswith(prefix, autoescape=True)
    )
    return {row.name: json.loads(row.value) for row in connection.execute(statement)}


def put_row(connection: sa.Connection, name: str, value: JSONValue) -> None:
    """Make a choice, in place of an earlier one."""
    text = codec.dump_json(value)
    own = sa.update(settings).where(settings.c.name == name)
    if connection.execute(own.values(value=text)).rowcount == 0:
        connection.execute(sa.insert(settings).values(name=name, value=text))
