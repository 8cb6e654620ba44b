"""Where an execution finds its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.json_types import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTree:
    """A private mirror of the user's folders, in which one execution runs."""

    #: Top of the mirror; whatever appears below it was made by the execution.
    root: Path
    #: The notebook's folder inside the mirror: the kernel's working directory.
    folder: Path
    #: The notebook's source at its place.
    notebook: Path
    #: Sentences about what the mirror lacks.
    notes: tuple[str, ...] = ()

    def to_json(self) -> JSONObject:
        """Return it as JSON, to be found again by the next server."""
        return {
            "root": str(self.root),
            "folder": str(self.folder),
            "notebook": str(self.notebook),
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WorkingTree:
        """Read what `to_json` returned."""
        return cls(
            root=Path(data["root"]),
            folder=Path(data["folder"]),
            notebook=Path(data["notebook"]),
            notes=tuple(data["notes"]),
        )
