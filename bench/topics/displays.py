"""Many display messages: new ones, updates of one, and a progress bar."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench import notebooks
from bench.figures import Sample, duration, ratio, spread
from bench.rebuild import equals_rebuild
from bench.report import Goal, Section, Table, at_most
from bench.topics.outputs import FLOOR, NBCLIENT, PAPERMILL, US, Weighed, open_runners

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Context

TEXT = """\
`display` of numbers, `update` of one display, and a bar drawn anew with `\\r` as tqdm does it.
Time: as with flushed lines.
Exact: every display is there in its order, the updated one shows the last value,
the bar shows its end.
Ours is also compared with the notebook rebuilt from its journal."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of message."""

    name: str
    n_messages: int
    sources: Callable[[int], list[str]]
    #: Whether nothing is missing from what the peer made.
    is_exact: Callable[[dict[str, Any], int], bool]


def measure(context: Context) -> Section:
    """Measure each kind."""
    found: list[tuple[Case, dict[str, list[Weighed]], bool]] = []
    with ExitStack() as stack:
        runners = open_runners(context, stack)
        for case in _cases(context):
            context.say(f"{case.n_messages:,} {case.name}")
            sources = case.sources(case.n_messages)
            path = notebooks.write(
                context.folder, f"{case.sources.__name__}-{case.n_messages}", sources
            )
            runs = context.alternate(
                {
                    name: partial(runner.weigh, path)
                    for name, runner in runners.items()
                    if case.n_messages <= 20_000 or name in (FLOOR, US)
                },
                at_most={PAPERMILL: 1, NBCLIENT: 1},
            )
            ours: Any = runners[US].peer
            rebuilt = all(equals_rebuild(ours.server, run.outcome) for run in runs[US])
            found.append((case, runs, rebuilt))
    return _section(found)


def _cases(context: Context) -> list[Case]:
    displays = Case("`display`", 0, notebooks.displays, _all_displays)
    updates = Case("`update_display`", 0, notebooks.updates, _last_update)
    bar = Case("updates of a bar", 0, notebooks.progress_bar, _end_of_bar)

    sizes = context.choose(
        [(displays, 2_000), (displays, 20_000), (updates, 2_000), (bar, 10_000), (bar, 100_000)],
        [(displays, 2_000), (updates, 2_000), (bar, 10_000)],
    )
    return [replace(case, n_messages=n_messages) for case, n_messages in sizes]


def _all_displays(notebook: dict[str, Any], n_messages: int) -> bool:
    return notebooks.values(notebook) == [str(index) for index in range(n_messages)]


def _last_update(notebook: dict[str, Any], n_messages: int) -> bool:
    return notebooks.values(notebook) == [str(n_messages)]


def _end_of_bar(notebook: dict[str, Any], n_messages: int) -> bool:
    shown = notebooks.stream_text(notebook, 1).rstrip("\r").rpartition("\r")[2]
    return shown == f"100%|{n_messages}/{n_messages}"


def _section(found: list[tuple[Case, dict[str, list[Weighed]], bool]]) -> Section:
    table = Table(["Messages", "", "Time", "of the floor", "Exact", "Outputs"])
    goals = []
    for case, by_peer, rebuilt in found:
        floor = _times(by_peer[FLOOR])
        for name, runs in by_peer.items():
            exact = [case.is_exact(run.outcome.notebook, case.n_messages) for run in runs]
            kept = [len(notebooks.outputs(run.outcome.notebook, 1)) for run in runs]
            table.add(
                f"{case.n_messages:,} {case.name}",
                name,
                duration(_times(runs)),
                spread(ratio(_times(runs), floor), digits=3),
                f"{sum(exact)} of {len(exact)}" if name != FLOOR else "",
                f"{max(kept):,}" if name != FLOOR else "",
            )
        ours = by_peer[US]
        is_exact = all(case.is_exact(run.outcome.notebook, case.n_messages) for run in ours)
        work = f"{case.n_messages:,} {case.name}"
        reached = ratio(_times(ours), floor)
        goals += [
            at_most(1.10, "floor", work, reached),
            Goal(
                work,
                "nothing lost, equal to the journal's rebuild",
                f"{'nothing' if is_exact else 'something'} lost, "
                f"{'equal' if rebuilt else 'not equal'}",
                is_exact and rebuilt,
            ),
        ]
    return Section("displays", "Many displays", TEXT, [table], goals)


def _times(runs: list[Weighed]) -> Sample:
    return Sample.of(run.outcome.stored_s for run in runs)
