"""The longest halts of the event loop in all benches, from inside their servers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.figures import Sample, number, spread
from bench.report import Goal, Section, Table
from bench.servers import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.context import Stall

LIMIT_MS = 20
TEXT = """\
A task in every server's event loop asks for its turn every 4 ms and notes how late it came:
the longest delay in each measurement in which the server was asked for something, in ms.
*Own work*: the most processor time that the loop's own thread used between two turns.
The rest of a delay was waiting, for a processor or for another thread.
*An empty loop*: the longest delay, meanwhile, in a process beside the server that does nothing
but ask its own loop for turns: what the machine, busy as it is, makes every loop wait.
Each server has read one notebook before, as it has for everybody who clicks in one.
`nice=0`: executions compete with the server as its equals, so that times beside a floor are fair;
by default they yield to it, and the goal is about that."""


def summarise(sections: Iterable[Section]) -> Section:
    """Tell what the servers of these benches noted."""
    found = {
        f"{section.name}: {name}": stalls
        for section in sections
        for name, stalls in section.stalls_ms.items()
    }
    ours = [stalls for name, stalls in found.items() if name.endswith(f": {OURS}")]
    table = tabulate("Bench", found)
    return Section("stalls", "Halts of the event loop", TEXT, [table], _goals(ours))


def tabulate(what: str, found: Mapping[str, Sequence[Stall]]) -> Table:
    """Return a row for everything that was measured several times."""
    table = Table([what, "Measured", "Longest delay", "Own work", "An empty loop"])
    for name, stalls in found.items():
        table.add(name, str(len(stalls)), *(spread(each, digits=3) for each in _samples(stalls)))
    return table


def _samples(stalls: Iterable[Stall]) -> list[Sample]:
    """Return all delays, all work, and all delays of the empty loop."""
    return [
        Sample.of(value for value in values if not math.isnan(value))
        for values in zip(*stalls, strict=True)
    ]


def _goals(ours: Sequence[Sequence[Stall]]) -> list[Goal]:
    if not ours:
        return []
    samples = [_samples(stalls) for stalls in ours]
    delays, _work, empty = max(samples, key=lambda found: found[0].median)
    work = max((found[1] for found in samples), key=lambda sample: sample.high)
    beside = f"; an empty loop meanwhile {spread(empty, digits=3)}" if empty.values else ""
    return [
        Goal(
            "longest halt of the loop, in the bench where it is worst",
            f"≤ {LIMIT_MS} ms",
            f"{spread(delays, 'ms', digits=3)}{beside}",
            delays.median <= LIMIT_MS,
        ),
        Goal(
            "longest own work of the loop, of all",
            f"≤ {LIMIT_MS} ms",
            f"{number(work.high, digits=3)} ms",
            work.high <= LIMIT_MS,
        ),
    ]
