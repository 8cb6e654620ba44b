"""The longest halts of the event loop in all benches of this run, from inside the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import Sample, number, spread
from bench.report import Goal, Section, Table

if TYPE_CHECKING:
    from bench.context import Context

LIMIT_MS = 20
TEXT = """\
A task in every server's event loop asks for its turn every 4 ms and notes how late it came:
the longest delay of each server between its first answer and its end, in ms.
*Own work*: the most processor time that the loop's own thread used between two turns.
The rest of a delay was waiting, for a processor or for another thread.
Each server has read one notebook before, as it has for everybody who clicks in one."""


def measure(context: Context) -> Section:
    """Tell what was collected."""
    table = Table(["Bench", "", "Servers", "Longest delay", "Own work"])
    for name, by_topic in context.stalls_ms.items():
        for topic, found in by_topic.items():
            delays, works = (Sample.of(values) for values in zip(*found, strict=True))
            table.add(
                topic, name, str(len(found)), spread(delays, digits=3), spread(works, digits=3)
            )
    ours = context.stalls_ms.get("jupyter_async_exec", {})
    longest = max((delay for found in ours.values() for delay, _ in found), default=0.0)
    goals = []
    if ours:
        reached = f"{number(longest, digits=3)} ms"
        goal = Goal("longest halt of the loop", f"≤ {LIMIT_MS} ms", reached, longest <= LIMIT_MS)
        goals.append(goal)
    return Section("stalls", "Halts of the event loop", TEXT, [table], goals)
