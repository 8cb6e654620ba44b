"""What every bench is given, and how it takes turns."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bench import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
#: Names a measurement's processes in their environment, so that all are found and
#: ended. Not called a cookie there: runners inherit nothing that may be a secret.
COOKIE = "BENCH_FAMILY"
#: Rounds of what is not too slow for so many.
USUAL_ROUNDS = 5


class Stall(NamedTuple):
    """What an event loop felt during one measurement, in ms."""

    #: The longest delay of a turn.
    longest_ms: float
    #: The most processor time that the loop's thread used between two turns.
    own_ms: float
    #: The longest delay of a loop beside it that had nothing else to do.
    empty_ms: float = math.nan


@dataclass(slots=True)
class Context:
    """One run of the benches.

    Parameters
    ----------
    folder
        Everything is written below it and goes with it.
    rounds
        How often each contender is measured.
    quick
        Less of everything.
    """

    folder: Path
    rounds: int = USUAL_ROUNDS
    quick: bool = False
    #: Of the bench now running: what the loops of its servers felt in each measurement, by
    #: extension, and what `machine.pace_ms` said before each.
    stalls_ms: dict[str, list[Stall]] = field(default_factory=dict)
    #: How the servers that run tell of it, and the extension of each.
    watched: dict[Callable[[], Stall | None], str] = field(default_factory=dict)
    paces_ms: list[float] = field(default_factory=list)
    _n_folders: int = 0

    def new_folder(self, name: str) -> Path:
        """Return a new empty folder."""
        self._n_folders += 1
        made = self.folder / f"{self._n_folders}-{name}"
        made.mkdir(parents=True)
        return made

    def choose(self, full: T, quick: T) -> T:
        """Return what fits this run."""
        return quick if self.quick else full

    def rounds_of(self, usual: int) -> int:
        """Return how many rounds this run gives what usually has so many, where most have 5."""
        return math.ceil(usual * self.rounds / USUAL_ROUNDS)

    def say(self, text: str) -> None:
        """Tell who waits."""
        print(f"  {text}", file=sys.stderr, flush=True)

    def note_stalls(self) -> None:
        """Remember what the loop of every server that was asked felt since the last call."""
        for take_stall, extension in self.watched.items():
            if stall := take_stall():
                self.stalls_ms.setdefault(extension, []).append(stall)

    @property
    def has_scheduler(self) -> bool:
        """Whether jupyter-scheduler is installed."""
        return find_spec("jupyter_scheduler") is not None

    def environment(self, home: Path) -> dict[str, str]:
        """Return variables under which Jupyter and IPython write below `home` alone.

        Nothing of this checkout can be imported but the benches: what is measured
        is what is installed.
        """
        names = {
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_CONFIG_DIR": "config",
            "IPYTHONDIR": "ipython",
            "TMPDIR": "tmp",
        }
        for name in names.values():
            (home / name).mkdir(exist_ok=True)
        paths = {variable: str(home / name) for variable, name in names.items()}
        benches, code = Path(__file__).parent, home / "code"
        code.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (code / benches.name).symlink_to(benches)
        paths["PYTHONPATH"] = str(code)
        return {**os.environ, **paths}

    def alternate(
        self,
        contenders: Mapping[str, Callable[[], T]],
        *,
        rounds: int | None = None,
        at_most: Mapping[str, int] | None = None,
    ) -> dict[str, list[T]]:
        """Measure A, B, C, A, B, C, and so on.

        Parameters
        ----------
        contenders
            Name → one measurement.
        rounds
            How often; by default as often as this run asks.
        at_most
            Contenders too slow for every round, and how often they are measured.
        """
        found: dict[str, list[T]] = {name: [] for name in contenders}
        for round_ in range(self.rounds if rounds is None else rounds):
            for name, measure in contenders.items():
                if round_ >= (at_most or {}).get(name, sys.maxsize):
                    continue
                self.paces_ms.append(machine.pace_ms())
                began = time.perf_counter()
                found[name].append(measure())
                self.note_stalls()
                self.say(f"round {round_ + 1}: {name}, {time.perf_counter() - began:.1f} s")
        return found
