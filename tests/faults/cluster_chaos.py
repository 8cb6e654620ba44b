"""Rounds of random kills and cuts around a cluster; see `chaos` for what has to be true."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.core.execution import TRIED_AGAIN
from tests.backends.dask.clusters import Cluster
from tests.backends.dask.networks import ImpossibleError, hiding, made_networks
from tests.faults.chaos import POLITELY, SERVER, Round
from tests.server import Server, processes_in, wait_for

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping
    from contextlib import ExitStack

    from tests.backends.dask.networks import Networks

NAME = "cluster"
#: An attempt is lost when its machine was silent for longer, and the server has noticed.
LOST_AFTER_S = 5.0
#: What is lost is tried again so often, unless somebody chose otherwise.
LOST_RETRIES = DaskSettings().lost_retries
#: A network is cut for at most so long.
LONGEST_CUT_S = 25.0
MACHINES = ("one", "two")
WORKER, MACHINE, SCHEDULER, CUT, ALL = (
    "worker",
    "machine",
    "scheduler",
    "network",
    "server, scheduler and workers",
)
#: Whoever looks for what is left over finds it within this time, on a busy machine too.
CLEARED_WITHIN_S = 60.0


class Scene:
    """A server, a scheduler and two machines with a worker each, in networks of their own.

    Where networks cannot be made, all are in ours, and none is cut.

    Parameters
    ----------
    folder
        Everything is below.
    stack
        Ends what is begun here.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.networks: Networks | None = None
        with suppress(ImpossibleError):
            self.networks = stack.enter_context(made_networks())
        host = self.networks.host if self.networks else "127.0.0.1"
        self._hidden = folder / "server"
        self._hidden.mkdir()
        self.cluster = stack.enter_context(Cluster(folder, host=host))
        self._timers: list[threading.Timer] = []
        stack.callback(self.mend_networks)
        self.start_workers()
        settings = {
            "class": "dask",
            "scheduler_file": str(self.cluster.scheduler_file),
            "lost_after_s": LOST_AFTER_S,
        }
        self.server = Server(self._hidden, f"--AsyncExecApp.backends={ {NAME: settings} }")
        stack.callback(self.server.close)
        self.server.start()

    @property
    def has_networks(self) -> bool:
        return self.networks is not None

    def start_workers(self) -> None:
        """Start the workers of all machines that have none, as a nanny does."""
        for name in MACHINES:
            if self.cluster.runs(name):
                continue
            below = []
            if self.networks is not None:
                below = hiding(self._hidden, self.networks.names[MACHINES.index(name)])
            self.cluster.start_worker(name, slots=2, below=below)

    def restart_scheduler(self) -> None:
        """Kill the scheduler and start another; workers end with their scheduler."""
        self.cluster.kill("scheduler")
        for name in MACHINES:
            self.cluster.kill(name)
        self.cluster.start_scheduler()

    def cut(self, name: str, lasts_s: float) -> None:
        """Cut a machine off for a while, which begins now; returns at once."""
        assert self.networks is not None
        index = MACHINES.index(name)
        self.networks.cut(index)
        timer = threading.Timer(lasts_s, self.networks.mend, [index])
        timer.start()
        self._timers.append(timer)

    def mend_networks(self) -> None:
        """Wait until every cable is whole again."""
        for timer in self._timers:
            timer.join()
        self._timers.clear()

    def attempts(self) -> Iterator[Path]:
        """Give the folders of attempts, on every machine."""
        for below in (*(self.cluster.directory / each for each in MACHINES), self.server.data_dir):
            for folder in _find_attempts(below):
                yield from folder.glob("*-*")

    def processes(self) -> list[int]:
        """Return who stands in an attempt's folder, on whatever machine."""
        folders = [*_find_attempts(self.cluster.directory), self.server.data_dir]
        return [pid for folder in folders for pid in processes_in(folder)]


def _find_attempts(below: Path) -> Iterator[Path]:
    """Give the folders in which attempts stand, while others around them come and go."""
    for folder, names, _ in os.walk(below):
        if "attempts" in names:
            yield Path(folder, "attempts")


@dataclass(slots=True)
class ClusterRound(Round):
    """One round on a cluster."""

    victims: ClassVar[tuple[str, ...]] = (WORKER, MACHINE, SCHEDULER, CUT, SERVER, POLITELY, ALL)
    options: ClassVar[dict[str, Any]] = {"backend": NAME}
    scene: Scene = field(kw_only=True)
    n_executions: int = 10
    n_kills: int = 2
    span_s: float = 8.0
    longest_pause_s: float = 0.2
    #: Whether something happened that may cost executions.
    is_costly: bool = False

    def _kill(self, server: Server, victim: str, dice: random.Random) -> None:
        scene, name = self.scene, dice.choice(MACHINES)
        lasts_s = dice.uniform(0.5, LONGEST_CUT_S)
        if victim == CUT and not scene.has_networks:
            victim = WORKER
        self.is_costly |= victim in (WORKER, MACHINE, SCHEDULER, ALL)
        told = victim
        if victim == CUT:
            told = f"network of {name} for {lasts_s:.1f} s"
            self.is_costly |= lasts_s >= LOST_AFTER_S
            scene.cut(name, lasts_s)
        elif victim in (WORKER, MACHINE):
            told = f"{victim} {name}"
            scene.cluster.kill(name)
        elif victim in (SCHEDULER, ALL):
            scene.restart_scheduler()
        self.killed.append(told)
        if victim in (SERVER, POLITELY, ALL):
            server.end(signal.SIGTERM if victim == POLITELY else signal.SIGKILL)
            server.start()
        if victim != MACHINE:
            # That comes back only later.
            scene.start_workers()

    def _mend(self, server: Server) -> None:
        self.scene.mend_networks()
        self.scene.start_workers()

    def _may_have_cost(self) -> bool:
        return self.is_costly

    def _most_starts(self, execution: Mapping[str, Any]) -> int:
        remarks = [each for each in execution["remarks"] if each["kind"] == TRIED_AGAIN]
        told = f"#{execution['number']} {remarks} after {self.killed}"
        assert len(remarks) <= LOST_RETRIES, told
        assert not remarks or (execution["attempt"] > 1 and self._may_have_cost()), told
        assert execution["reason"] != "lost" or len(remarks) == LOST_RETRIES, told
        self.ends["tried again"] += len(remarks)
        return 1 + len(remarks)

    def _check_processes(self, server: Server) -> None:
        """Nobody is left on any machine, nor anything of an attempt."""
        wait_for(
            lambda: not self.scene.processes(), limit_s=CLEARED_WITHIN_S, what="ended everybody"
        )
        wait_for(self._is_cleared, limit_s=CLEARED_WITHIN_S, what="removed everything")

    def _is_cleared(self) -> bool:
        # Some time after a cut a worker may find its connections broken and end.
        self.scene.start_workers()
        return not any(self.scene.attempts())
