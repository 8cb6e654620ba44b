"""The longest halts of the event loop in all benches, from inside their servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import Sample, number, spread
from bench.report import Goal, Section, Table
from bench.servers import OURS

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT_MS = 20
TEXT = """\
A task in every server's event loop asks for its turn every 4 ms and notes how late it came:
the longest delay of each server between its first answer and its end, in ms.
*Own work*: the most processor time that the loop's own thread used between two turns.
The rest of a delay was waiting, for a processor or for another thread.
Each server has read one notebook before, as it has for everybody who clicks in one."""


def summarise(sections: Iterable[Section]) -> Section:
    """Tell what the servers of these benches noted."""
    table = Table(["Bench", "", "Servers", "Longest delay", "Own work"])
    ours: list[float] = []
    for section in sections:
        for name, found in section.stalls_ms.items():
            delays, works = (Sample.of(values) for values in zip(*found, strict=True))
            table.add(
                section.name,
                name,
                str(len(found)),
                spread(delays, digits=3),
                spread(works, digits=3),
            )
            if name == OURS:
                ours.append(delays.high)
    goals = []
    if ours:
        reached = f"{number(max(ours), digits=3)} ms"
        is_reached = max(ours) <= LIMIT_MS
        goals.append(Goal("longest halt of the loop", f"≤ {LIMIT_MS} ms", reached, is_reached))
    return Section("stalls", "Halts of the event loop", TEXT, [table], goals)
