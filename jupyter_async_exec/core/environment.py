"""What an execution ran in, as one value: equal environments have equal ids."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.json_types import JSONObject


@dataclass(frozen=True, slots=True)
class Environment:
    """Packages, interpreter and machine of a kernel."""

    #: Canonical JSON; see `to_json`.
    content: str

    @classmethod
    def of(cls, found: Mapping[str, object]) -> Environment:
        """Return the environment with these fields.

        Raises
        ------
        TypeError, ValueError
            They are not JSON.
        """
        return cls(json.dumps(found, sort_keys=True, separators=(",", ":"), allow_nan=False))

    @property
    def id(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def packages(self) -> dict[str, str]:
        """Name to version of what was installed; empty where the kernel did not say."""
        packages = self.to_json().get("packages")
        return dict(packages) if isinstance(packages, dict) else {}

    def to_json(self) -> JSONObject:
        """Return `python`, `implementation`, `prefix`, `packages`, `platform`, `cpu`, `gpus`, …."""
        found: JSONObject = json.loads(self.content)
        return found
