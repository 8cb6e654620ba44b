"""What a peer does, and what is known afterwards."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

    from bench.processes import Family

#: Seconds after which a run is given up.
LIMIT_S = 300


@dataclass(slots=True)
class Outcome:
    """One run of one notebook. Moments are seconds since the epoch."""

    asked_at: float
    #: When the end could be known: the process ended, the call returned, the event arrived.
    known_at: float
    #: When a submission was answered; only where there is one.
    answered_at: float = 0.0
    #: First cell begun and last cell done, by the kernel's own clock.
    cells_began_at: float = 0.0
    cells_ended_at: float = 0.0
    status: str = "succeeded"
    #: As the peer left it; absent where it keeps none.
    notebook: dict[str, Any] = field(default_factory=dict)
    #: The execution's, where it has one.
    number: int = 0

    @property
    def took_s(self) -> float:
        """From the request to the known end."""
        return self.known_at - self.asked_at

    @property
    def cells_s(self) -> float:
        """From the first cell's begin to the last one's end; NaN where none ran."""
        if not self.cells_began_at:
            return math.nan
        return self.cells_ended_at - self.cells_began_at

    @property
    def stored_s(self) -> float:
        """From the first cell's begin until everything was kept and known; NaN where none ran."""
        if not self.cells_began_at:
            return math.nan
        return self.known_at - self.cells_began_at

    def take_notebook(self, content: bytes) -> None:
        """Remember the executed notebook and when its cells ran."""
        self.notebook = json.loads(content)
        times = [
            cell["metadata"]["execution"]
            for cell in self.notebook["cells"]
            if cell["metadata"].get("execution", {}).get("iopub.status.busy")
        ]
        if times:
            self.cells_began_at = _seconds(times[0]["iopub.status.busy"])
            last = times[-1]
            self.cells_ended_at = _seconds(
                last.get("iopub.status.idle") or last["shell.execute_reply"]
            )


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


class Peer(ABC):
    """Runs notebooks, one at a time. Close it, or use it in a `with` block."""

    #: As tables call it.
    name: str
    #: All its processes.
    family: Family

    def run(self, notebook: Path) -> Outcome:
        """Run the notebook in this file, wait for its end, and fetch what came of it."""
        outcome = self.execute(notebook)
        self.fetch(outcome)
        return outcome

    @abstractmethod
    def execute(self, notebook: Path) -> Outcome:
        """Run the notebook in this file and wait for its end."""

    def fetch(self, outcome: Outcome) -> None:  # noqa: B027  some keep no notebook
        """Fill in the executed notebook and when its cells ran."""

    def close(self) -> None:  # noqa: B027  most have nothing to close
        """End what was started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
