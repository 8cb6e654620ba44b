"""What the benches of output have in common: one notebook for everyone, weighed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import notebooks
from bench.peers.child import ChildPeer
from bench.peers.ours import Ours
from bench.processes import MemoryWatch
from bench.servers import OURS, serve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack
    from pathlib import Path

    from bench.context import Context
    from bench.peers.base import Outcome, Peer

FLOOR, US, NBCLIENT, PAPERMILL = "floor", "ours", "nbclient", "papermill"


@dataclass(slots=True)
class Weighed:
    """A run, and the most memory that its processes had without kernel and server."""

    outcome: Outcome
    peak_bytes: int
    #: By how much the server itself grew; 0 where there is none.
    server_growth_bytes: int = 0
    #: Seconds to write the executed notebook once, and bytes of output in it; where asked for.
    write_s: float = 0.0
    kept_bytes: int = 0


def open_peers(context: Context, stack: ExitStack, names: Iterable[str]) -> dict[str, Peer]:
    """Start these peers; they end with the stack."""
    made: dict[str, Peer] = {}
    for name in names:
        match name:
            case "ours":
                made[name] = Ours(stack.enter_context(serve(context, OURS)))
            case "nbclient":
                made[name] = ChildPeer(context, name, "nbclient_alone")
            case "papermill":
                made[name] = ChildPeer(context, name, "papermill_in_process")
            case _:
                made[name] = ChildPeer(context, name, "floor")
        stack.enter_context(made[name])
    return made


def weigh(peer: Peer, notebook: Path) -> Weighed:
    """Run a notebook whose first cell is `notebooks.WHO`, and weigh the runner meanwhile.

    What was there before (a server, a library in memory) and is no runner of
    ours is left out for us; a library's own process is its runner.
    """
    server = peer.server.pid if isinstance(peer, Ours) else 0
    before = peer.family.rss_bytes().get(server, 0)
    with MemoryWatch(peer.family.rss_bytes) as watch:
        outcome = peer.run(notebook)
    kernel = notebooks.kernel_pid(outcome.notebook)
    grown = max((one.get(server, 0) for one in watch.weighed), default=0) - before
    return Weighed(outcome, watch.peak_bytes({kernel, server}), max(0, grown) if server else 0)
