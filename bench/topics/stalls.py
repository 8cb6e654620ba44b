"""The longest halts of the event loop in all benches, from inside their servers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.figures import Sample, number, spread
from bench.report import Goal, Section, Table
from bench.servers import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT_MS = 20
TEXT = """\
A task in every server's event loop asks for its turn every 4 ms and notes how late it came:
the longest delay in each measurement in which the server was asked for something, in ms.
*Own work*: the most processor time that the loop's own thread used between two turns.
The rest of a delay was waiting, for a processor or for another thread.
*An empty loop*: the longest delay, meanwhile, in a process beside the server that does nothing
but ask its own loop for turns: what the machine, busy as it is, makes every loop wait.
Each server has read one notebook before, as it has for everybody who clicks in one."""


def summarise(sections: Iterable[Section]) -> Section:
    """Tell what the servers of these benches noted."""
    table = Table(["Bench", "", "Measured", "Longest delay", "Own work", "An empty loop"])
    ours: list[tuple[Sample, Sample, Sample]] = []
    for section in sections:
        for name, found in section.stalls_ms.items():
            delays = Sample.of(each.longest_ms for each in found)
            works = Sample.of(each.own_ms for each in found)
            empty = Sample.of(each.empty_ms for each in found if not math.isnan(each.empty_ms))
            table.add(
                section.name,
                name,
                str(len(found)),
                *(spread(sample, digits=3) for sample in (delays, works, empty)),
            )
            if name == OURS:
                ours.append((delays, works, empty))
    return Section("stalls", "Halts of the event loop", TEXT, [table], _goals(ours))


def _goals(ours: list[tuple[Sample, Sample, Sample]]) -> list[Goal]:
    if not ours:
        return []
    delays, _works, empty = max(ours, key=lambda found: found[0].median)
    work = max((found[1] for found in ours), key=lambda sample: sample.high)
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
