"""Many flushed lines: time, and what is lost on the way."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, duration, ratio, size, spread
from bench.report import Goal, Section, Table, at_most
from bench.topics.outputs import FLOOR, NBCLIENT, PAPERMILL, US, Weighed, open_runners

if TYPE_CHECKING:
    from bench.context import Context

TEXT = """\
One cell prints numbered lines and flushes each.
Time: from the kernel's first *busy* until everything is kept and the end is known;
for the floor, which keeps nothing, until the last message was read.
Lines lost: counted in the notebook afterwards; all of them where one is out of order.
Memory: the most that the runner's processes had together, without the kernel,
beyond what they have with a notebook that prints one line."""


def measure(context: Context) -> Section:
    """Measure every size, largest last."""
    sizes = context.choose((2_000, 20_000, 200_000), (20_000,))
    found: dict[int, dict[str, list[Weighed]]] = {}
    with ExitStack() as stack:
        runners = open_runners(context, stack)
        for n_lines in sizes:
            context.say(f"{n_lines} lines")
            path = notebooks.write(context.folder, f"lines-{n_lines}", notebooks.lines(n_lines))
            asked = {
                name: partial(runner.weigh, path)
                for name, runner in runners.items()
                if n_lines <= 20_000 or name in (FLOOR, US)
            }
            found[n_lines] = context.alternate(
                asked,
                rounds=context.rounds_of(10) if n_lines == 20_000 else None,
                at_most={FLOOR: context.rounds, PAPERMILL: 3, NBCLIENT: 3},
            )
    return _section(found)


def _section(found: dict[int, dict[str, list[Weighed]]]) -> Section:
    table = Table(
        ["Lines", "", "Status", "Time", "of the floor", "Lines lost", "Outputs", "Memory"]
    )
    for n_lines, by_peer in found.items():
        floor = _times(by_peer[FLOOR])
        for name, runs in by_peer.items():
            times = _times(runs)
            table.add(
                f"{n_lines:,}",
                name,
                ", ".join(sorted({run.outcome.status for run in runs})) if name != FLOOR else "",
                duration(times),
                spread(ratio(times, floor), digits=3),
                *(_kept(runs, n_lines) if name != FLOOR else ("", "")),
                size(Sample.of(run.extra_bytes for run in runs)) if name != FLOOR else "",
            )
    return Section("lines", "Many flushed lines", TEXT, [table], _goals(found))


def _times(runs: list[Weighed]) -> Sample:
    return Sample.of(run.outcome.stored_s for run in runs)


def _kept(runs: list[Weighed], n_lines: int) -> tuple[str, str]:
    lost = [notebooks.lost_lines(run.outcome.notebook, n_lines) for run in runs]
    outputs = Sample.of(len(notebooks.outputs(run.outcome.notebook, 1)) for run in runs)
    affected = f", in {sum(map(bool, lost))} of {len(lost)} runs" if any(lost) else ""
    return f"{sum(lost):,}{affected}", f"{outputs.median:,.0f}"


def _goals(found: dict[int, dict[str, list[Weighed]]]) -> list[Goal]:
    goals = []
    for n_lines, by_peer in found.items():
        if n_lines < 20_000:
            continue
        runs = by_peer[US]
        reached = ratio(_times(runs), _times(by_peer[FLOOR]))
        lost = sum(notebooks.lost_lines(run.outcome.notebook, n_lines) for run in runs)
        outputs = max(len(notebooks.outputs(run.outcome.notebook, 1)) for run in runs)
        goals.append(at_most(1.10, "floor", f"{n_lines:,} flushed lines", reached))
        goals.append(
            Goal(
                f"{n_lines:,} flushed lines, {len(runs)} runs",
                "0 lost, in order, one output",
                f"{lost} lost, {outputs} output{'s' * (outputs != 1)}",
                lost == 0 and outputs == 1,
            )
        )
    return goals
