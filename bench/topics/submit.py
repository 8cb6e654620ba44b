"""How long a person waits for the answer to a click, with and without a full queue."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, number
from bench.peers.ours import Ours
from bench.peers.scheduler import Scheduler
from bench.report import Goal, Section, Table
from bench.servers import OURS, SCHEDULER, serve

if TYPE_CHECKING:
    from pathlib import Path

    from bench.context import Context

US, THEM = "ours", "jupyter-scheduler"
#: Between two clicks.
PAUSE_S = 0.1
LIMIT_S = 300
TEXT = """\
One POST of a small notebook by path, until it is answered; p50, p95 and the longest, in ms.
*Idle*: each after the one before is over and the server has rested.
*Busy*: one every 100 ms while a queue is worked off (ours: 40 on 2 slots;
jupyter-scheduler: 8, because it starts all of them at once)."""


def measure(context: Context) -> Section:
    """Measure both, in turns."""
    notebook = notebooks.write(context.folder, "small", notebooks.TRIVIAL)
    n_clicks = context.choose(20, 5)
    with ExitStack() as stack:
        server = stack.enter_context(serve(context, OURS, options=["--AsyncExecApp.slots=2"]))
        ours = stack.enter_context(Ours(server))
        ours.run(notebook)
        idle = {US: partial(_ours_idle, ours, notebook, n_clicks)}
        busy = {US: partial(_ours_busy, ours, notebook, context.choose(40, 10))}
        if context.has_scheduler and not context.quick:
            scheduler = Scheduler(stack.enter_context(serve(context, SCHEDULER)))
            idle[THEM] = partial(_scheduler_idle, scheduler, notebook, 5)
            busy[THEM] = partial(_scheduler_busy, scheduler, notebook)
        at_most = {THEM: 2}
        found_idle = context.alternate(idle, rounds=context.choose(None, 1), at_most=at_most)
        found_busy = context.alternate(busy, rounds=context.choose(None, 1), at_most={THEM: 1})
    return _section(found_idle, found_busy)


def _ours_idle(ours: Ours, notebook: Path, n_clicks: int) -> list[float]:
    path = ours.place(notebook)
    took = []
    for _ in range(n_clicks):
        began = time.perf_counter()
        submitted = ours.submit(path)
        took.append(time.perf_counter() - began)
        ours.events.wait_for_end(submitted, limit_s=LIMIT_S)
        # What follows an end (the kernel's, a new spare) is not idleness yet.
        time.sleep(0.3)
    return took


def _ours_busy(ours: Ours, notebook: Path, length: int) -> list[float]:
    path = ours.place(notebook)
    queued = [ours.submit(path) for _ in range(length)]
    took = []
    while not ours.events.ended.keys() >= set(queued):
        began = time.perf_counter()
        last = ours.submit(path)
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE_S)
        if len(took) > 100:
            break
    ours.events.wait_for_end(last, limit_s=LIMIT_S)
    ours.family.wait_until_quiet()
    return took


def _scheduler_idle(scheduler: Scheduler, notebook: Path, n_clicks: int) -> list[float]:
    outcomes = [scheduler.run(notebook) for _ in range(n_clicks)]
    return [outcome.answered_at - outcome.asked_at for outcome in outcomes]


def _scheduler_busy(scheduler: Scheduler, notebook: Path) -> list[float]:
    path = scheduler.place(notebook)
    jobs = [scheduler.submit(path) for _ in range(8)]
    took = []
    for _ in range(12):
        began = time.perf_counter()
        jobs.append(scheduler.submit(path))
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE_S)
    deadline = time.monotonic() + LIMIT_S
    while jobs and time.monotonic() < deadline:
        jobs = [job for job in jobs if scheduler.find_status(job) is None]
        time.sleep(0.2)
    return took


def _section(idle: dict[str, list[list[float]]], busy: dict[str, list[list[float]]]) -> Section:
    table = Table(["", "", "Requests", "p50", "p95", "Longest"])
    goals = []
    for state, found, limit_ms in (("idle", idle, 15), ("busy", busy, 50)):
        for name, rounds in found.items():
            took = Sample.of(each for round_ in rounds for each in round_).times(1e3)
            p95 = took.quantile(0.95)
            table.add(
                state,
                name,
                str(len(took.values)),
                number(took.median, digits=3),
                number(p95, digits=3),
                number(took.high, digits=3),
            )
            if name == US:
                reached = f"{number(p95, digits=3)} ms"
                goals.append(
                    Goal(f"POST, {state}, p95", f"≤ {limit_ms} ms", reached, p95 <= limit_ms)
                )
    return Section("submit", "Submitting", TEXT, [table], goals)
