"""What the benches of output have in common: one notebook for everyone, weighed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import notebooks
from bench.peers.child import ChildPeer
from bench.peers.ours import Ours
from bench.processes import MemoryWatch
from bench.servers import OURS, SAME_NICENESS, serve

if TYPE_CHECKING:
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
    #: What they have with a notebook that prints one line.
    base_bytes: int
    #: By how much the server itself grew; 0 where there is none.
    server_growth_bytes: int = 0
    #: Seconds to write the executed notebook once, and bytes of output in it; where asked for.
    write_s: float = 0.0
    kept_bytes: int = 0

    @property
    def extra_bytes(self) -> int:
        """By how much the outputs raised the peak."""
        return self.peak_bytes - self.base_bytes


@dataclass(frozen=True, slots=True)
class Runner:
    """A peer, and what its processes weigh with nearly nothing to do."""

    peer: Peer
    base_bytes: int

    def weigh(self, notebook: Path) -> Weighed:
        """Run a notebook whose first cell is `notebooks.WHO`, and weigh its runner meanwhile."""
        outcome, peak_bytes, grown_bytes = _weigh(self.peer, notebook)
        return Weighed(outcome, peak_bytes, self.base_bytes, grown_bytes)


def open_runners(context: Context, stack: ExitStack) -> dict[str, Runner]:
    """Start floor, us, nbclient and papermill (quick: without these two), until the stack ends."""
    line = notebooks.write(context.folder, "one-line", [notebooks.WHO])
    peers: dict[str, Peer] = {
        FLOOR: ChildPeer(context, FLOOR, "floor"),
        US: Ours(stack.enter_context(serve(context, OURS, options=SAME_NICENESS))),
    }
    for name, module in ((NBCLIENT, "nbclient_alone"), (PAPERMILL, "papermill_in_process")):
        if not context.quick:
            peers[name] = ChildPeer(context, name, module, may_fail=True)
    made = {}
    for name, peer in peers.items():
        stack.enter_context(peer)
        base_bytes = 0
        if name != FLOOR:
            # The first run imports what stays, and lets us prepare for the next.
            peer.run(line)
            peer.family.wait_until_quiet()
            n_runs = context.choose(2, 1)
            base_bytes = max(_weigh(peer, line)[1] for _ in range(n_runs))
        made[name] = Runner(peer, base_bytes)
    return made


def _weigh(peer: Peer, notebook: Path) -> tuple[Outcome, int, int]:
    server = peer.server.pid if isinstance(peer, Ours) else 0
    before = peer.family.rss_bytes().get(server, 0)
    with MemoryWatch(peer.family.rss_bytes) as watch:
        outcome = peer.execute(notebook)
    peer.fetch(outcome)
    # Its supervisor, guard and engine; a library's own process. No kernel, no spare, no server.
    runner = peer.family.session_above(notebooks.kernel_pid(outcome.notebook))
    grown = max((one.get(server, 0) for one in watch.weighed), default=0) - before
    return outcome, watch.peak_bytes(runner), max(0, grown) if server else 0
