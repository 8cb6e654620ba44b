"""What belongs to one store on the machine of a worker."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.dask.results import Results
from jupyter_async_exec.backends.dask.shared import SharedObjects, Way
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.objects.local_cache import Cache
from jupyter_async_exec.runner.processes import identify
from jupyter_async_exec.runner.vault import SECRETS, Vault

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.backends.base import AttemptKey
    from jupyter_async_exec.backends.gpus import Gpus
    from jupyter_async_exec.core.json_types import JSONObject

ATTEMPTS = "attempts"
#: So many attempts that were thrown away are remembered.
N_DISCARDED = 10_000


@dataclass(slots=True)
class Room:
    """What belongs to one store."""

    directory: Path
    backend: LocalBackend
    cache: Cache
    #: What attempts left, and where it is kept until it has travelled.
    results: dict[AttemptKey, Results]
    results_directory: Path
    vault: Vault
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    locks: dict[AttemptKey, asyncio.Lock] = field(default_factory=dict)
    #: Attempts being laid out, whose runner takes the life lock only when that is done.
    beginning: set[AttemptKey] = field(default_factory=set)
    #: Attempts that were thrown away, or never came: a begin that comes late finds them here.
    discarded: dict[AttemptKey, None] = field(default_factory=dict)
    #: What is being fetched, by the snapshot it belongs to; why not all of it could be.
    fetches: dict[str, asyncio.Task[str]] = field(default_factory=dict)
    _shared: dict[str, SharedObjects] = field(default_factory=dict)

    def attempt(self, key: AttemptKey) -> Path:
        """Return the folder of an attempt."""
        return self.directory / ATTEMPTS / str(key)

    async def results_of(self, key: AttemptKey, *, lends: bool) -> Results:
        """Return where what an attempt left is gathered; `lends` holds for a new one."""
        if key not in self.results:
            directory = self.results_directory / str(key)
            loop = asyncio.get_running_loop()
            made = await asyncio.to_thread(Results, directory, loop, lends=lends)
            self.results.setdefault(key, made)
        return self.results[key]

    def shared(self, way: JSONObject | None) -> SharedObjects | None:
        """Return the objects that the server says this machine may reach itself, if it does."""
        if way is None:
            return None
        found = Way.from_json(way)
        if str(found) not in self._shared:
            assert self.cache.local_directory is not None
            self._shared[str(found)] = SharedObjects(found, self.cache.local_directory)
        return self._shared[str(found)]

    def bar(self, key: AttemptKey) -> None:
        """Never begin an attempt from here on."""
        self.discarded[key] = None
        if len(self.discarded) > N_DISCARDED:
            del self.discarded[next(iter(self.discarded))]


def make_room(base: Path, store: str, options: JSONObject, gpus: Gpus | None) -> Room:
    """Return the room of a store in the folder of this machine.

    Parameters
    ----------
    base
        Folder of this machine that all its workers share.
    store
        Names whose attempts they are.
    options
        What its server wishes: `nice`, `spares`.
    gpus
        Those of the worker; `None` leaves them as they are.
    """
    directory = base / "stores" / store
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    cache = Cache(base / "objects")
    results: dict[AttemptKey, Results] = {}
    backend = LocalBackend(
        directory / ATTEMPTS,
        objects=cache,
        results=lambda key: results[key].store,
        nice=int(options.get("nice", 0)),
        spares=int(options.get("spares", 0)),
        owner=identify(os.getpid()),
        gpus=gpus,
    )
    results_directory = _clear_results(directory / "results")
    return Room(directory, backend, cache, results, results_directory, Vault(directory / SECRETS))


def _clear_results(directory: Path) -> Path:
    """Return where this process keeps results; those of processes that are gone are removed."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in directory.iterdir():
        pid, _, _ = path.name.partition("-")
        if not (pid.isdecimal() and path.name == _process_name(int(pid))):
            shutil.rmtree(path, ignore_errors=True)
    return directory / _process_name(os.getpid())


def _process_name(pid: int) -> str:
    process = identify(pid)
    return "" if process is None else f"{pid}-{process.started}"
