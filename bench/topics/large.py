"""Large outputs: time against writing the notebook once, and memory."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, duration, ratio, size, spread
from bench.report import Goal, Section, Table, at_most
from bench.topics.outputs import FLOOR, NBCLIENT, PAPERMILL, US, Runner, Weighed, open_runners

if TYPE_CHECKING:
    from pathlib import Path

    from bench.context import Context
    from bench.peers.base import Outcome

MB = 1_000_000
TEXT = """\
Cells that each display one output of random base64.
Time: from the kernel's first *busy* until everything is kept and the end is known.
The yardstick is the floor (messages read, nothing kept) plus writing the executed notebook
once: `json.dumps` with indentation, written and synced.
Memory: the most that the runner's processes had together, without the kernel,
beyond what they have with a notebook that prints one line (*base*);
*server*: by how much the server grew meanwhile."""


def measure(context: Context) -> Section:
    """Measure both shapes, and smaller ones for the curve."""
    shapes = context.choose(
        [(1, 5 * MB), (20, 5 * MB), (1, 50 * MB), (1, 200 * MB)], [(20, 5 * MB)]
    )
    found: dict[tuple[int, int], dict[str, list[Weighed]]] = {}
    written: dict[tuple[int, int], Sample] = {}
    with ExitStack() as stack:
        runners = open_runners(context, stack)
        for n_cells, output_bytes in shapes:
            context.say(f"{n_cells} x {output_bytes // MB} MB")
            name = f"large-{n_cells}-{output_bytes // MB}"
            path = notebooks.write(
                context.folder, name, notebooks.large_outputs(n_cells, output_bytes)
            )
            asked = {name: partial(_run, runner, path) for name, runner in runners.items()}
            found[n_cells, output_bytes] = runs = context.alternate(
                asked, at_most={PAPERMILL: 1, NBCLIENT: 2}
            )
            written[n_cells, output_bytes] = Sample.of(run.write_s for run in runs[US])
    return _section(found, written)


def _run(runner: Runner, notebook: Path) -> Weighed:
    """Run, measure the writing, then let go of the executed notebook."""
    run = runner.weigh(notebook)
    outcome = run.outcome
    if outcome.notebook:
        run.write_s = _write_once(outcome, notebook.with_suffix(".written"))
        run.kept_bytes = sum(
            len("".join(output["data"].get("image/png", "")))
            for index in range(2, len(outcome.notebook["cells"]))
            for output in notebooks.outputs(outcome.notebook, index)
        )
    outcome.notebook = {}
    return run


def _write_once(outcome: Outcome, target: Path) -> float:
    began = time.perf_counter()
    text = json.dumps(outcome.notebook, indent=1, ensure_ascii=False)
    with target.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    took_s = time.perf_counter() - began
    target.unlink()
    return took_s


def _section(
    found: dict[tuple[int, int], dict[str, list[Weighed]]], written: dict[tuple[int, int], Sample]
) -> Section:
    table = Table(
        ["Outputs", "", "Status", "Time", "of floor + writing", "Kept", "Base", "Memory", "Server"]
    )
    goals = []
    for shape, by_peer in found.items():
        n_cells, output_bytes = shape
        work = f"{n_cells} × {output_bytes // MB} MB"
        floor = _times(by_peer[FLOOR])
        yardstick = Sample.of([floor.median + written[shape].median])
        table.add(
            work,
            "floor + writing",
            "",
            f"{duration(floor)} + {duration(written[shape])}",
            *[""] * 5,
        )
        for name, runs in by_peer.items():
            if name == FLOOR:
                continue
            table.add(
                work,
                name,
                ", ".join(sorted({run.outcome.status for run in runs})),
                duration(_times(runs)),
                spread(ratio(_times(runs), yardstick)),
                size(Sample.of([min(run.kept_bytes for run in runs)])),
                size(Sample.of(run.base_bytes for run in runs[:1])),
                size(Sample.of(run.extra_bytes for run in runs)),
                size(Sample.of(run.server_growth_bytes for run in runs)) if name == US else "",
            )
        if shape in ((20, 5 * MB), (1, 200 * MB)):
            goals += _goals(work, output_bytes, by_peer[US], ratio(_times(by_peer[US]), yardstick))
    return Section("large", "Large outputs", TEXT, [table], goals)


def _goals(work: str, output_bytes: int, runs: list[Weighed], reached: Sample) -> list[Goal]:
    extra = Sample.of(run.extra_bytes for run in runs)
    times = extra.times(1 / output_bytes)
    return [
        at_most(1.10, "(floor + writing once)", work, reached),
        Goal(
            f"{work}, memory of the runner",
            "≤ 3 × the largest output, beyond the base",
            f"{spread(times)} × ({size(extra)})",
            times.median <= 3,
        ),
    ]


def _times(runs: list[Weighed]) -> Sample:
    return Sample.of(run.outcome.stored_s for run in runs)
