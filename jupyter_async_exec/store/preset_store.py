"""The part of the store about presets: values under a name, per notebook."""

from __future__ import annotations

import json

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.preset import Preset
from jupyter_async_exec.store import codec
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.tables import presets


class PresetStore(StorePart):
    """Presets in the same file as executions; as safe for threads and processes."""

    def all(self, notebook_path: str) -> list[Preset]:
        """Return the presets of a notebook, by name."""
        statement = (
            sa.select(presets)
            .where(presets.c.notebook_path == codec.clean(notebook_path))
            .order_by(presets.c.name)
        )
        return self._read(lambda each: [_load(row) for row in each.execute(statement)])

    def put(self, notebook_path: str, preset: Preset, *, at_most: int) -> bool:
        """Keep a preset, in place of one of the same name; whether there was room.

        Parameters
        ----------
        notebook_path
            Whose.
        preset
            What to keep.
        at_most
            So many are kept for one notebook; one more is refused.
        """
        row = {
            "notebook_path": codec.clean(notebook_path),
            "name": codec.clean(preset.name),
            "parameters": codec.dump_json(preset.parameters),
            "secrets": codec.dump_json(list(preset.secrets)),
            "updated_at": format_at(preset.updated_at),
        }
        own = presets.c.notebook_path == row["notebook_path"]
        same = sa.delete(presets).where(own, presets.c.name == row["name"])
        others = sa.select(sa.func.count()).where(own, presets.c.name != row["name"])

        def work(connection: sa.Connection) -> bool:
            if connection.execute(others).scalar_one() >= at_most:
                return False
            connection.execute(same)
            connection.execute(sa.insert(presets), row)
            return True

        return self._writer.run(work)

    def delete(self, notebook_path: str, name: str) -> bool:
        """Forget a preset; return whether it was there."""
        statement = sa.delete(presets).where(
            presets.c.notebook_path == codec.clean(notebook_path),
            presets.c.name == codec.clean(name),
        )
        return self._writer.run(lambda each: each.execute(statement).rowcount > 0)

    def move(self, old_path: str, new_path: str) -> int:
        """Let the presets of a notebook, or of all in a folder, follow to another path.

        Returns
        -------
        int
            How many there were. One of the same name at the new path gives way.
        """
        old, new = codec.clean(old_path), codec.clean(new_path)
        moving = presets.alias("moving")
        in_the_way = sa.select(sa.literal(1)).where(
            _is_at(moving, old),
            moving.c.name == presets.c.name,
            _moved(moving, old, new) == presets.c.notebook_path,
        )
        clear = sa.delete(presets).where(in_the_way.exists(), ~_is_at(presets, old))
        move = (
            sa.update(presets)
            .where(_is_at(presets, old))
            .values(notebook_path=_moved(presets, old, new))
        )

        def work(connection: sa.Connection) -> int:
            connection.execute(clear)
            return connection.execute(move).rowcount

        return self._writer.run(work)


def _is_at(table: sa.FromClause, path: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row is about that notebook, or one in that folder."""
    beginning = sa.func.substr(table.c.notebook_path, 1, len(path) + 1)
    return (table.c.notebook_path == path) | (beginning == f"{path}/")


def _moved(table: sa.FromClause, old: str, new: str) -> sa.ColumnElement[str]:
    """Return the path that a row is about after the move."""
    return sa.literal(new) + sa.func.substr(table.c.notebook_path, len(old) + 1)


def _load(row: sa.Row[tuple[object, ...]]) -> Preset:
    values = row._mapping  # noqa: SLF001  its public way to columns by name
    return Preset(
        name=values["name"],
        parameters=json.loads(values["parameters"]),
        secrets=tuple(json.loads(values["secrets"])),
        updated_at=parse_at(values["updated_at"]),
    )
