"""How long the event loop halts while a notebook with much to tell runs, all as delivered."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.peers.ours import Ours
from bench.report import Section
from bench.servers import OURS, serve
from bench.topics import stalls
from bench.topics.large import MB

if TYPE_CHECKING:
    from bench.context import Context, Stall

TEXT = """\
The notebooks of the benches of cells, lines, displays and large outputs, one at a time,
with executions as nice as they are unless somebody changes it, and nobody weighing them.
For the three columns see [below](#halts-of-the-event-loop)."""


def measure(context: Context) -> Section:
    """Measure each work."""
    works = {
        "2,000 cells": notebooks.trivial_cells(2_000),
        "20,000 flushed lines": notebooks.lines(20_000),
        "200,000 flushed lines": notebooks.lines(200_000),
        "20,000 `display`": notebooks.displays(20_000),
        "10,000 updates of a bar": notebooks.progress_bar(10_000),
        "20 × 5 MB": notebooks.large_outputs(20, 5 * MB),
        "1 × 200 MB": notebooks.large_outputs(1, 200 * MB),
    }
    if context.quick:
        works = {"20,000 flushed lines": works["20,000 flushed lines"]}
    found: dict[str, list[Stall]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(serve(context, OURS))
        ours = stack.enter_context(Ours(server))
        first = notebooks.write(context.folder, "first", notebooks.TRIVIAL)
        ours.run(first)
        for name, cells in works.items():
            path = notebooks.write(context.folder, f"halts-{len(found)}", cells)
            ours.family.wait_until_quiet()
            context.note_stalls()
            n_before = len(context.stalls_ms[OURS])
            context.alternate({name: partial(ours.run, path)})
            found[name] = context.stalls_ms[OURS][n_before:]
    return Section("halts", "While a notebook runs", TEXT, [stalls.tabulate("Work", found)])
