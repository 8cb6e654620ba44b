"""``python -m jupyter_async_exec.backends.dask.keeper FOLDER``: holds a cluster while it is needed.

It starts the cluster that the configuration describes, lets it grow with what
waits, retires workers that are idle, and ends with the last of them. A worker
is only retired when its agent has said that nothing runs below it, and that it
takes nothing more. The server may come and go meanwhile.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import math
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.dask.cluster import (
    LOCK,
    PROBLEM,
    SCHEDULER,
    SETTINGS,
    WANTED,
    read_fields,
)
from jupyter_async_exec.backends.dask.link import Link, security_of
from jupyter_async_exec.backends.dask.roster import Roster, Worker
from jupyter_async_exec.backends.dask.settings import ClusterSettings, DaskSettings
from jupyter_async_exec.errors import AsyncExecError, InvalidRequestError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.lock import try_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How often it looks what is wanted, in seconds.
LOOK_S = 1.0
#: A server that says nothing for longer is not there (s); what runs goes on, what waits waits.
SILENCE_S = 60.0
#: Names us to the agents; we begin nothing there.
_STORE_ID = "keeper"

_log = logging.getLogger(__name__)


class Keeper:
    """Lets one cluster grow and shrink.

    Parameters
    ----------
    cluster
        As Dask's cluster managers are.
    settings
        How large, and how long idle.
    """

    def __init__(self, cluster: Any, settings: ClusterSettings) -> None:
        self._cluster = cluster
        self._settings = settings
        spec = getattr(cluster, "worker_spec", None)
        #: Whether single workers can be ended; else only all of them.
        self._is_exact = spec is not None and hasattr(cluster, "scale_down")
        #: Whether there can be more of them.
        self._can_grow = getattr(cluster, "new_spec", cluster) is not None
        self._n_asked = 0 if spec is None else len(spec)
        self._idle_since_s: dict[str, float] = {}
        self._needless_since_s: float | None = None

    def n_wanted(self, workers: Sequence[Worker], n_waiting: int, n_held: int) -> int:
        """Return how many workers there should be."""
        per_worker = max((worker.slots for worker in workers), default=1) or 1
        n_busy = max(sum(worker.busy for worker in workers), n_held)
        n = math.ceil((n_busy + n_waiting) / per_worker)
        return min(max(n, self._settings.minimum), self._settings.maximum)

    async def step(
        self, link: Link, workers: Sequence[Worker], n_waiting: int, n_held: int, now_s: float
    ) -> bool:
        """Grow or shrink; return whether the cluster is still needed."""
        n_wanted = self.n_wanted(workers, n_waiting, n_held)
        if n_wanted > self._n_asked and self._can_grow:
            _log.info("%d workers instead of %d.", n_wanted, self._n_asked)
            await asyncio.to_thread(self._cluster.scale, n_wanted)
            self._n_asked = n_wanted
        idle = self._find_idle(workers, now_s)
        n_surplus = self._n_asked - n_wanted
        if n_surplus > 0 and idle and (self._is_exact or len(idle) == len(workers)):
            await self._retire(link, idle[:n_surplus] if self._is_exact else idle, n_wanted)
        is_needed = n_wanted > 0 or any(worker.busy for worker in workers)
        if is_needed:
            self._needless_since_s = None
        elif self._needless_since_s is None:
            self._needless_since_s = now_s
        since_s = self._needless_since_s
        return since_s is None or now_s - since_s < self._settings.idle_s

    def _find_idle(self, workers: Sequence[Worker], now_s: float) -> list[Worker]:
        """Return who has been idle for long enough, the longest first."""
        idle = {worker.address for worker in workers if worker.busy == 0}
        self._idle_since_s = {
            address: self._idle_since_s.get(address, now_s) for address in sorted(idle)
        }
        found = [
            worker
            for worker in workers
            if worker.address in idle
            and now_s - self._idle_since_s[worker.address] >= self._settings.idle_s
        ]
        return sorted(found, key=lambda worker: self._idle_since_s[worker.address])

    async def _retire(self, link: Link, idle: Sequence[Worker], n_wanted: int) -> None:
        names = []
        for worker in idle:
            # From its answer on nothing begins there any more.
            answer, _ = await link.ask(worker.address, "retire", {}, is_direct=worker.is_direct)
            if answer.get("is_retired"):
                names.append(worker.name)
        _log.info("The idle workers %s are retired.", names)
        if self._is_exact:
            cluster = self._cluster
            await asyncio.to_thread(cluster.sync, cluster.scale_down, names)
            self._n_asked -= len(names)
        elif len(names) == len(idle):
            await asyncio.to_thread(self._cluster.scale, n_wanted)
            self._n_asked = n_wanted


def make_cluster(settings: DaskSettings) -> Any:
    """Start what the configuration names.

    Raises
    ------
    InvalidRequestError
        There is no such class, or it does not take these options.
    """
    described = settings.cluster
    assert described is not None
    module, _, name = described.kind.rpartition(".")
    options = dict(described.options)
    if settings.tls_ca_file:
        options["security"] = security_of(settings)
    try:
        make = getattr(importlib.import_module(module), name)
        return make(**options)
    except Exception as error:
        # Whatever it is: the person who wrote the configuration has to know.
        raise InvalidRequestError(
            f"{described.kind} could not be started ({type(error).__name__}: {error})."
        ) from error


async def keep(directory: Path, cluster: Any, settings: DaskSettings) -> None:
    """Hold the cluster as long as it is needed."""
    described = settings.cluster
    assert described is not None
    there = replace(settings, cluster=None, address=str(cluster.scheduler_address))
    link = await asyncio.to_thread(Link, there, store_id=_STORE_ID)
    roster = Roster(link, name="", slots=None, options={}, arrived=lambda _: None)
    keeper = Keeper(cluster, described)
    address = json.dumps({"address": there.address, "pid": os.getpid()}).encode()
    files.write_whole(directory / SCHEDULER, address)
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    try:
        is_needed = True
        while is_needed and not ending.is_set():
            n_waiting, n_held = _wanted(directory)
            try:
                workers = await link.run(_look(roster))
                is_needed = await keeper.step(link, workers, n_waiting, n_held, time.monotonic())
            except AsyncExecError as error:
                _log.warning("%s", error)
            except Exception:  # noqa: BLE001  of Dask's many; whatever it was, it is tried again
                _log.exception("The cluster could not be changed.")
            await asyncio.sleep(LOOK_S)
    finally:
        (directory / SCHEDULER).unlink(missing_ok=True)
        await asyncio.to_thread(link.close)
        await asyncio.to_thread(cluster.close)


async def _look(roster: Roster) -> list[Worker]:
    roster.start()
    return [replace(worker) for worker in roster.workers]


def _wanted(directory: Path) -> tuple[int, int]:
    """Return how many wait and how many run, as the server says; without one, nobody."""
    path = directory / WANTED
    try:
        is_old = time.time() - path.stat().st_mtime > SILENCE_S
    except FileNotFoundError:
        is_old = True
    fields = {} if is_old else read_fields(path)
    return int(fields.get("waiting", 0)), int(fields.get("held", 0))


def _take_lock(path: Path) -> int | None:
    """Take the lock; somebody who only looks whether it is held lets go at once."""
    for _ in range(20):
        lock = try_lock(path)
        if lock is not None:
            return lock
        time.sleep(0.05)
    return None


def main(directory: Path) -> int:
    """Start the cluster and hold it; return 0 unless it could not be started."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    lock = _take_lock(directory / LOCK)
    if lock is None:
        return 0
    settings = DaskSettings.from_json(read_fields(directory / SETTINGS))
    (directory / PROBLEM).unlink(missing_ok=True)
    try:
        cluster = make_cluster(settings)
    except InvalidRequestError as error:
        problem = json.dumps({"problem": str(error)}).encode()
        files.write_whole(directory / PROBLEM, problem)
        _log.exception("It could not be started.")
        return 1
    asyncio.run(keep(directory, cluster, settings))
    os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
