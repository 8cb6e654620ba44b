"""Many trivial cells: what one costs, and whether the next costs the same."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.figures import Sample, duration, ratio, spread
from bench.peers.child import ChildPeer
from bench.peers.ours import Ours
from bench.report import Section, Table, at_most
from bench.servers import OURS, SAME_NICENESS, serve

if TYPE_CHECKING:
    from pathlib import Path

    from bench.context import Context
    from bench.peers.base import Peer

FLOOR, US, NBCLIENT, PAPERMILL = "floor", "ours", "nbclient", "papermill"
TEXT = """\
Notebooks of trivial cells (`7 + 1`), each with a result.
Per cell: from the kernel's first *busy* to its last *idle*, by its own clock,
divided by their number.
The floor is a client that only sends code and reads message headers."""


def measure(context: Context) -> Section:
    """Measure every size, largest last."""
    sizes = context.choose((50, 200, 1_000, 2_000), (50, 200))
    # Papermill's time grows with the square: beyond this one run takes minutes.
    largest = {PAPERMILL: context.choose(400, 50), NBCLIENT: context.choose(2_000, 200)}
    per_cell: dict[int, dict[str, Sample]] = {}
    with ExitStack() as stack:
        ours = Ours(stack.enter_context(serve(context, OURS, options=SAME_NICENESS)))
        peers: dict[str, Peer] = {
            FLOOR: ChildPeer(context, FLOOR, "floor"),
            US: ours,
        }
        if not context.quick:
            peers[NBCLIENT] = ChildPeer(context, NBCLIENT, "nbclient_alone")
            peers[PAPERMILL] = ChildPeer(context, PAPERMILL, "papermill_in_process")
        for peer in peers.values():
            stack.enter_context(peer)
        for n_cells in sorted({*sizes, largest[PAPERMILL]}):
            context.say(f"{n_cells} cells")
            path = notebooks.write(
                context.folder, f"cells-{n_cells}", notebooks.trivial_cells(n_cells)
            )
            asked = {
                name: partial(_per_cell_s, peer, path, n_cells)
                for name, peer in peers.items()
                if n_cells <= largest.get(name, n_cells)
                and (n_cells in sizes or name in (FLOOR, PAPERMILL))
            }
            found = context.alternate(
                asked,
                at_most={PAPERMILL: 2, NBCLIENT: 3 if n_cells < 2_000 else 1},
            )
            per_cell[n_cells] = {name: Sample.of(times) for name, times in found.items()}
    return _section(per_cell)


def _per_cell_s(peer: Peer, notebook: Path, n_cells: int) -> float:
    return peer.run(notebook).cells_s / n_cells


def _section(per_cell: dict[int, dict[str, Sample]]) -> Section:
    table = Table(
        ["Cells", "floor, per cell", "ours", "of the floor", "nbclient", "papermill"],
        caption="Growth: the same time per cell in every row is a straight line.",
    )
    for n_cells, found in per_cell.items():
        table.add(
            f"{n_cells:,}",
            duration(found[FLOOR]),
            duration(found.get(US, Sample(()))),
            spread(ratio(found.get(US, Sample(())), found[FLOOR]), digits=3),
            *(duration(found.get(name, Sample(()))) for name in (NBCLIENT, PAPERMILL)),
        )
    goals = []
    if 200 in per_cell:
        reached = ratio(per_cell[200][US], per_cell[200][FLOOR])
        goals.append(at_most(1.15, "floor", "200 trivial cells, per cell", reached))
    if 2_000 in per_cell:
        reached = ratio(per_cell[2_000][US], per_cell[200][US])
        goals.append(at_most(1.20, "one of 200", "2,000 trivial cells, per cell", reached))
    return Section("cells", "Many cells", TEXT, [table], goals)
