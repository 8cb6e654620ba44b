"""What the extension costs while nobody uses it: start-up and memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, duration, size
from bench.peers.ours import Ours
from bench.report import Section, Table, within
from bench.servers import OURS, SCHEDULER, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.context import Context

WITHOUT, WITH, USED, THEM = "without", "with us", "with us, after an execution", "jupyter-scheduler"
TEXT = """\
A server with no extension, with ours and with jupyter-scheduler, started in turns.
Start-up: from the start of the process to the first answer of `GET /api/status`,
and the processor time used until it rested.
Memory: of the server process, rested, after collecting garbage three times
(PSS: shared pages divided among those who share them; USS: its own alone).
*Others*: what runs beside it, such as a prepared process or a spare runner."""


@dataclass(frozen=True, slots=True)
class Idle:
    """One server that rests."""

    start_s: float
    cpu_s: float
    pss_bytes: int
    uss_bytes: int
    others_bytes: int


def measure(context: Context) -> Section:
    """Start each in turns."""
    notebook = notebooks.write(context.folder, "trivial", notebooks.TRIVIAL)
    contenders: dict[str, Callable[[], Idle]] = {
        WITHOUT: partial(_rest, context, None, None),
        WITH: partial(_rest, context, OURS, None),
    }
    if not context.quick:
        contenders[USED] = partial(_rest, context, OURS, notebook)
    if context.has_scheduler and not context.quick:
        contenders[THEM] = partial(_rest, context, SCHEDULER, None)
    found = context.alternate(contenders, rounds=context.choose(None, 1), at_most={USED: 2})
    return _section(found)


def _rest(context: Context, extension: str | None, notebook: Path | None) -> Idle:
    with serve(context, extension) as server:
        server.family.wait_until_quiet()
        cpu_s = server.family.cpu_s()
        if notebook is not None:
            with Ours(server) as ours:
                ours.run(notebook)
            server.family.wait_until_quiet()
        memory = server.memory_bytes()
        others = server.family.pss_bytes()
        others.pop(server.pid, None)
        return Idle(
            start_s=server.start_s,
            cpu_s=cpu_s,
            pss_bytes=memory["pss_bytes"],
            uss_bytes=memory["uss_bytes"],
            others_bytes=sum(others.values()),
        )


def _section(found: dict[str, list[Idle]]) -> Section:
    table = Table(
        ["Server", "Start-up", "more", "Processor", "more", "PSS", "more", "USS", "Others"]
    )
    for name, servers in found.items():
        table.add(
            name,
            duration(Sample.of(one.start_s for one in servers)),
            duration(_more(found, name, "start_s")) if name != WITHOUT else "",
            duration(Sample.of(one.cpu_s for one in servers)),
            duration(_more(found, name, "cpu_s")) if name != WITHOUT else "",
            size(Sample.of(one.pss_bytes for one in servers)),
            size(_more(found, name, "pss_bytes")) if name != WITHOUT else "",
            size(Sample.of(one.uss_bytes for one in servers)),
            size(Sample.of(one.others_bytes for one in servers)),
        )
    goals = [
        within(12, "MB", "idle server, more memory", _more(found, WITH, "pss_bytes").times(1e-6)),
        within(0.1, "s", "idle server, longer start-up", _more(found, WITH, "start_s")),
    ]
    return Section("idle", "An idle server", TEXT, [table], goals)


def _more(found: dict[str, list[Idle]], name: str, field: str) -> Sample:
    """Return how much more than without any extension, round by round."""
    return Sample.of(
        getattr(one, field) - getattr(plain, field)
        for one, plain in zip(found[name], found[WITHOUT], strict=False)
    )
