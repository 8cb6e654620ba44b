"""Automatic titles: what changed against the execution before, or what was chosen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.core.differences import (
    Cell,
    ValueDifference,
    cells_of,
    compare_cells,
    compare_values,
    sentence_part,
)
from jupyter_async_exec.core.secret_names import is_hidden, is_secret
from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.snapshots.parameters import find_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.store import ExecutionStore

#: Longer automatic titles are cut.
LONGEST_TITLE = 120


class Titles:
    """Names executions; synchronous and thread-safe.

    Parameters
    ----------
    store, objects
        Where earlier executions are recorded and where their snapshots are.
    is_shared
        Whether a title must say nothing of the executions of others.
    """

    def __init__(
        self, store: ExecutionStore, objects: ObjectStore, *, is_shared: bool = False
    ) -> None:
        self._is_shared = is_shared
        self._store = store
        self._objects = objects

    def of_new(
        self, path: str, parameters: Mapping[str, JSONValue], snapshot_id: str, *, owner: str = ""
    ) -> str:
        """Return the title of a new execution of the notebook at `path`."""
        before = self._store.find_newest(path, owner=owner if self._is_shared else None)
        if before is None:
            return default_title(path, parameters)
        return self.against(before, parameters, snapshot_id)

    def against(
        self, before: Execution, parameters: Mapping[str, JSONValue], snapshot_id: str
    ) -> str:
        """Return a title that says what differs from `before`, such as ``lr 0.01 → 0.003``."""
        try:
            part = self._part(before, parameters, snapshot_id)
        except (AsyncExecError, ValueError, KeyError, OSError):
            # What is damaged is for `verify` to tell; this one can run.
            part = ""
        return cut(part) if part else default_title(before.notebook_path, parameters)

    def _part(
        self, before: Execution, parameters: Mapping[str, JSONValue], snapshot_id: str
    ) -> str:
        if before.snapshot_id == snapshot_id:
            if _same(before.parameters, parameters):
                return ""
            new = self._sealed(snapshot_id)
            return sentence_part(_changes(new, before.parameters, new, parameters))
        new, old = self._sealed(snapshot_id), self._sealed(before.snapshot_id)
        changes = _changes(old, before.parameters, new, parameters)
        cells = compare_cells(old.cells, new.cells, with_lines=False)
        if changes:
            # The cell with the defaults says nothing more than they do.
            cells = [each for each in cells if each.after is None or each.after != new.place]
        files = [each.name for each in compare_values(old.files, new.files)]
        return sentence_part(changes, cells, [f"{name} edited" for name in files], edited=" edited")

    def _sealed(self, snapshot_id: str) -> _Sealed:
        manifest = load_manifest(self._objects, snapshot_id)
        notebook: JSONObject = json.loads(self._objects.get(manifest.notebook_object))
        declared = find_parameters(notebook)
        return _Sealed(
            cells=cells_of(notebook),
            defaults={
                each.name: each.default
                for each in declared.parameters
                if not each.required and not each.computed
            },
            place=declared.cell_index,
            files={file.path: file.object_id for file in manifest.files},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealed:
    """What a snapshot holds, as far as a title speaks of it."""

    cells: list[Cell]
    defaults: dict[str, JSONValue]
    #: Of the cell with the defaults.
    place: int | None
    files: dict[str, JSONValue]


def default_title(path: str, parameters: Mapping[str, JSONValue]) -> str:
    """Say what was chosen for this run, or name the notebook if nothing was.

    Lists show the notebook's name beside the title.
    """
    chosen = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items()
    )
    return cut(chosen or PurePosixPath(path).stem)


def cut(title: str) -> str:
    """Return an automatic title no longer than such may be."""
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _same(before: Mapping[str, JSONValue], after: Mapping[str, JSONValue]) -> bool:
    # As written: for Python 1, 1.0 and True are equal.
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def _changes(
    old: _Sealed,
    before: Mapping[str, JSONValue],
    new: _Sealed,
    after: Mapping[str, JSONValue],
) -> list[ValueDifference]:
    """Return which parameters had another value; of secrets nothing is said."""
    changes = compare_values({**old.defaults, **before}, {**new.defaults, **after})
    return [
        each
        for each in changes
        if not any(is_secret(each.name, it) or is_hidden(it) for it in (each.before, each.after))
    ]
