"""Many short executions at once: how fast the queue empties, and what it weighs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, duration, ratio, size, spread
from bench.peers.child import ChildPeer
from bench.peers.ours import Ours
from bench.peers.scheduler import Scheduler
from bench.processes import MemoryWatch
from bench.report import Goal, Section, Table, within
from bench.servers import OURS, SCHEDULER, serve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.context import Context

US, POOL, SCHEDULER_NAME = "ours, 2 slots", "papermill, 2 processes", "jupyter-scheduler"
N_SLOTS = 2
#: Requests under way at a time while the queue is filled.
N_CLIENTS = 8
LIMIT_S = 300
TEXT = """\
Executions of three trivial cells, all submitted at once (8 requests at a time),
from the first request until the last end is known.
Two long-lived papermill processes with everything imported share the same notebooks.
jupyter-scheduler knows no limit and starts them all.
Memory: all processes together, shared memory counted once, beyond what they had before;
weighed in a round of its own, because weighing takes time."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst."""

    n_asked: int
    took_s: float
    first_s: float
    n_failed: int
    extra_bytes: int = 0

    @property
    def per_s(self) -> float:
        """Executions per second."""
        return self.n_asked / self.took_s


def measure(context: Context) -> Section:
    """Measure every length of the queue."""
    lengths = context.choose((10, 40, 160), (10,))
    notebook = notebooks.write(context.folder, "trivial", notebooks.TRIVIAL)
    found: dict[int, dict[str, list[Burst]]] = {}
    weighed: dict[str, Burst] = {}
    with ExitStack() as stack:
        server = stack.enter_context(
            serve(context, OURS, options=[f"--AsyncExecApp.slots={N_SLOTS}"])
        )
        ours = stack.enter_context(Ours(server))
        ours.run(notebook)
        pool = [
            stack.enter_context(ChildPeer(context, POOL, "papermill_in_process", may_fail=True))
            for _ in range(N_SLOTS)
        ]
        for length in lengths:
            asked = {US: partial(_ours, ours, notebook, length)}
            if length <= 40 and not context.quick:
                asked[POOL] = partial(_pool, pool, notebook, length)
            found[length] = context.alternate(
                asked,
                at_most={POOL: 3},
            )
        weighed[US] = _ours(ours, notebook, context.choose(40, 10), is_weighed=True)
    if context.has_scheduler and not context.quick:
        with serve(context, SCHEDULER) as server:
            weighed[SCHEDULER_NAME] = _scheduler(Scheduler(server), notebook, 40)
            found[40][SCHEDULER_NAME] = [weighed[SCHEDULER_NAME]]
    return _section(found, weighed)


def _ours(ours: Ours, notebook: Path, length: int, *, is_weighed: bool = False) -> Burst:
    path = ours.place(notebook)
    ours.family.wait_until_quiet()
    before_bytes = sum(ours.family.pss_bytes().values())
    with ExitStack() as stack:
        if is_weighed:
            watch = stack.enter_context(MemoryWatch(ours.family.pss_bytes, interval_s=0.1))
        began_at = time.time()
        with ThreadPoolExecutor(N_CLIENTS) as clients:
            numbers = list(clients.map(lambda _: ours.submit(path), range(length)))
        ours.events.wait_for_end(*numbers, limit_s=LIMIT_S)
    ends = [ours.events.ended[number] for number in numbers]
    return Burst(
        n_asked=length,
        took_s=max(at for _, at in ends) - began_at,
        first_s=min(at for _, at in ends) - began_at,
        n_failed=sum(status != "succeeded" for status, _ in ends),
        extra_bytes=watch.peak_bytes() - before_bytes if is_weighed else 0,
    )


def _pool(pool: Sequence[ChildPeer], notebook: Path, length: int) -> Burst:
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(length):
        waiting.put(index)
    ends: list[tuple[str, float]] = []

    def work(peer: ChildPeer) -> None:
        while True:
            try:
                waiting.get_nowait()
            except Empty:
                return
            outcome = peer.run(notebook)
            ends.append((outcome.status, outcome.known_at))

    began_at = time.time()
    with ThreadPoolExecutor(len(pool)) as threads:
        list(threads.map(work, pool))
    return Burst(
        n_asked=length,
        took_s=max(at for _, at in ends) - began_at,
        first_s=min(at for _, at in ends) - began_at,
        n_failed=sum(status != "succeeded" for status, _ in ends),
    )


def _scheduler(scheduler: Scheduler, notebook: Path, length: int) -> Burst:
    path = scheduler.place(notebook)
    before_bytes = sum(scheduler.family.pss_bytes().values())
    ends: dict[str, tuple[str, float]] = {}
    with MemoryWatch(scheduler.family.pss_bytes, interval_s=1) as watch:
        began_at = time.time()
        with ThreadPoolExecutor(N_CLIENTS) as clients:
            jobs = list(clients.map(lambda _: scheduler.submit(path), range(length)))
        while len(ends) < length and time.time() - began_at < LIMIT_S:
            for job in jobs:
                if job not in ends and (status := scheduler.find_status(job)):
                    ends[job] = (status, time.time())
            time.sleep(0.1)
    return Burst(
        n_asked=length,
        took_s=max(at for _, at in ends.values()) - began_at,
        first_s=min(at for _, at in ends.values()) - began_at,
        n_failed=length - sum(status == "COMPLETED" for status, _ in ends.values()),
        extra_bytes=watch.peak_bytes() - before_bytes,
    )


def _section(found: dict[int, dict[str, list[Burst]]], weighed: dict[str, Burst]) -> Section:
    table = Table(
        ["Queue", "", "Executions per second", "First end after", "Last end after", "Failed"]
    )
    for length, by_peer in found.items():
        for name, bursts in by_peer.items():
            table.add(
                str(length),
                name,
                spread(_rate(bursts), digits=3),
                duration(_first(bursts)),
                duration(Sample.of(burst.took_s for burst in bursts)),
                str(sum(burst.n_failed for burst in bursts)),
            )
    memory = Table(["", "Peak of extra memory"])
    for name, burst in weighed.items():
        memory.add(f"{name}, {burst.n_asked} at once", size(Sample.of([burst.extra_bytes])))
    return Section("burst", "Many at once", TEXT, [table, memory], _goals(found, weighed[US]))


def _rate(bursts: Sequence[Burst]) -> Sample:
    return Sample.of(burst.per_s for burst in bursts)


def _first(bursts: Sequence[Burst]) -> Sample:
    return Sample.of(burst.first_s for burst in bursts)


def _goals(found: dict[int, dict[str, list[Burst]]], weighed: Burst) -> list[Goal]:
    length = 40 if 40 in found else max(found)
    bursts = found[length][US]
    rate = _rate(bursts)
    failed = sum(burst.n_failed for by_peer in found.values() for burst in by_peer[US])
    goals = [
        Goal(f"{length} at once on 2 slots", "≥ 10 per second", spread(rate), rate.median >= 10),
        within(0.5, "s", f"{length} at once, first end", _first(bursts)),
        within(
            0.6,
            "GB",
            f"{weighed.n_asked} at once, extra memory",
            Sample.of([weighed.extra_bytes * 1e-9]),
        ),
        Goal(f"{length} at once, failed", "0", str(failed), failed == 0),
    ]
    if 160 in found:
        growth = ratio(_rate(found[40][US]), _rate(found[160][US]))
        goals.append(
            Goal("160 at once", "as fast as 40", f"{spread(growth)} × slower", growth.median <= 1.1)
        )
    return goals
