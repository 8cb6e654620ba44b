"""The preset: parameter values under a name, kept for a notebook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_async_exec.core.json_types import JSONValue

#: Of a preset.
NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Parameter values under a name; never a secret's."""

    name: str
    parameters: dict[str, JSONValue] = field(default_factory=dict)
    #: Secrets that were given with it and not kept.
    secrets: tuple[str, ...] = ()
    updated_at: datetime


def is_preset_name(name: str) -> bool:
    """Tell whether `name` may be a preset's: printable, and no longer than a line."""
    return name == name.strip() and 0 < len(name) <= NAME_CHARACTERS and name.isprintable()
