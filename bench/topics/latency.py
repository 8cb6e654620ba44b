"""Three trivial cells: from the request until the end is known."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, duration, ratio, spread
from bench.peers.child import ChildPeer
from bench.peers.ours import Ours
from bench.peers.papermill_cli import PapermillCli
from bench.peers.scheduler import Scheduler
from bench.report import Section, Table, at_most, within
from bench.servers import OURS, SCHEDULER, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.context import Context
    from bench.peers.base import Outcome
    from bench.report import Goal

WARM = "ours, warm"
COLD = "ours, no spare"
FIRST = "ours, the very first"
CLI = "papermill CLI"
SCHEDULER_NAME = "jupyter-scheduler"

TEXT = """\
A notebook of three trivial cells, from sending the request until the end is known:
through our REST interface until the final event arrives on the server's websocket;
through jupyter-scheduler's until a poll every 20 ms reads `COMPLETED`;
until the process ends (papermill CLI) or the call returns.
*Warm*: an execution on the same kernel came before, and the server has rested since.
*No spare*: the same with spare runners switched off.
*The very first*: nothing was ever executed on this machine;
the database is made, every part imported, a kernel started."""


def measure(context: Context) -> Section:
    """Measure all of them."""
    notebook = notebooks.write(context.folder, "trivial", notebooks.TRIVIAL)
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], Outcome]] = {FIRST: partial(_first, context, notebook)}
        for name, options in ((WARM, ()), (COLD, ("--AsyncExecApp.spares=0",))):
            ours = _warm_server(context, stack, notebook, options)
            contenders[name] = partial(_rested, ours, notebook)
        contenders[CLI] = partial(stack.enter_context(PapermillCli(context)).run, notebook)
        if not context.quick:
            for name, module in (
                ("papermill in process", "papermill_in_process"),
                ("nbclient", "nbclient_alone"),
            ):
                peer = stack.enter_context(ChildPeer(context, name, module))
                contenders[name] = partial(peer.run, notebook)
        if context.has_scheduler:
            server = stack.enter_context(serve(context, SCHEDULER))
            contenders[SCHEDULER_NAME] = partial(Scheduler(server).run, notebook)
        found = context.alternate(
            contenders, at_most={SCHEDULER_NAME: context.choose(5, 1), FIRST: context.choose(5, 1)}
        )
    return _section(found)


def _warm_server(
    context: Context, stack: ExitStack, notebook: Path, options: tuple[str, ...]
) -> Ours:
    ours = stack.enter_context(Ours(stack.enter_context(serve(context, OURS, options=options))))
    ours.run(notebook)
    return ours


def _rested(ours: Ours, notebook: Path) -> Outcome:
    ours.family.wait_until_quiet()
    return ours.run(notebook)


def _first(context: Context, notebook: Path) -> Outcome:
    with serve(context, OURS) as server, Ours(server) as ours:
        server.family.wait_until_quiet()
        return ours.run(notebook)


def _section(found: dict[str, list[Outcome]]) -> Section:
    took = {name: Sample.of(each.took_s for each in runs) for name, runs in found.items()}
    table = Table(["", "Time", "of papermill CLI", "of jupyter-scheduler"])
    for name, sample in took.items():
        table.add(
            name,
            duration(sample),
            spread(ratio(sample, took[CLI])),
            spread(ratio(sample, took.get(SCHEDULER_NAME, Sample(())))),
        )
    parts = Table(
        ["", "POST answered", "until the first cell starts", "the cells", "until the end is known"],
        caption="Where our time goes, one after the other:",
    )
    for name in (WARM, COLD, FIRST):
        parts.add(name, *(duration(Sample.of(times)) for times in _parts(found[name])))
    section = Section("latency", "Three trivial cells", TEXT, [table, parts])
    section.goals = _goals(found, took)
    return section


def _parts(runs: list[Outcome]) -> list[list[float]]:
    return [
        [run.answered_at - run.asked_at for run in runs],
        [run.cells_began_at - run.answered_at for run in runs],
        [run.cells_s for run in runs],
        [run.known_at - run.cells_ended_at for run in runs],
    ]


def _goals(found: dict[str, list[Outcome]], took: dict[str, Sample]) -> list[Goal]:
    goals = [
        at_most(limit, peer, f"3 trivial cells: {name}", ratio(took[name], took[peer]))
        for name, peer, limit in (
            (WARM, CLI, 0.10),
            (WARM, SCHEDULER_NAME, 0.06),
            (COLD, CLI, 0.25),
        )
        if peer in took
    ]
    _, before, _, after = (Sample.of(times).times(1e3) for times in _parts(found[WARM]))
    return [
        *goals,
        within(60, "ms", "before the first cell starts, warm", before),
        within(60, "ms", "from the last cell until the final status is visible, warm", after),
    ]
