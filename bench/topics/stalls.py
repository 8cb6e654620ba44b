"""The longest halts of the event loop in all benches of this run, from inside the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import Sample, number, spread
from bench.report import Goal, Section, Table

if TYPE_CHECKING:
    from bench.context import Context

LIMIT_MS = 20
TEXT = """\
A task in every server's event loop asks for its turn every 4 ms and notes how late it came.
The longest delay of each server between its first answer and its end, in ms,
over all benches of the run; whatever else keeps the processor busy is in it."""


def measure(context: Context) -> Section:
    """Tell what was collected."""
    names = list(context.stalls_ms)
    topics = list(dict.fromkeys(topic for found in context.stalls_ms.values() for topic in found))
    table = Table(["Bench", *names])
    for topic in topics:
        table.add(
            topic,
            *(
                spread(Sample.of(context.stalls_ms[name].get(topic, ())), digits=3)
                for name in names
            ),
        )
    ours = context.stalls_ms.get("jupyter_async_exec", {})
    longest = max((each for found in ours.values() for each in found), default=0.0)
    goals = []
    if ours:
        reached = f"{number(longest, digits=3)} ms"
        goal = Goal("longest halt of the loop", f"≤ {LIMIT_MS} ms", reached, longest <= LIMIT_MS)
        goals.append(goal)
    return Section("stalls", "Halts of the event loop", TEXT, [table], goals)
