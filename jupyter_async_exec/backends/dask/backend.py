"""Runners below the workers of a Dask cluster, as the dispatcher sees them.

The store owns queue and attempts; Dask places nothing, repeats nothing and
keeps nothing. It is asked which workers there are, and carries calls to the
agents on them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jupyter_async_exec.backends import attempt_folder
from jupyter_async_exec.backends.base import AttemptKey, Backend, Harvest, Health, Observation
from jupyter_async_exec.backends.dask.bringing import Bringer
from jupyter_async_exec.backends.dask.cluster import Cluster
from jupyter_async_exec.backends.dask.connection import Connection
from jupyter_async_exec.backends.dask.following import HEAR_S, Follower
from jupyter_async_exec.backends.dask.harvesting import Harvester
from jupyter_async_exec.backends.dask.mirror import Mirror
from jupyter_async_exec.backends.dask.privacy import find_open
from jupyter_async_exec.backends.dask.protocol import (
    UnansweredError,
    UnreachableError,
    order_of,
)
from jupyter_async_exec.backends.dask.settings import DaskSettings, read_settings
from jupyter_async_exec.backends.dask.shared import Way
from jupyter_async_exec.backends.dask.so_far import SoFar
from jupyter_async_exec.core.secret_names import hidden_names
from jupyter_async_exec.errors import (
    ConflictError,
    InvalidRequestError,
    NoRoomError,
    StartCancelledError,
    UnavailableError,
)
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.end_requests import request_cancel
from jupyter_async_exec.runner.vault import read_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.runner.vault import Vault

ATTEMPTS = "attempts"
CLUSTER = "cluster"
#: Whoever is told to throw something away does so within this time, or is told again later.
DISCARD_S = 20.0
#: So long after an answer a worker counts as heard of (s).
HEARD_S = 1.0
#: Objects are offered so often before a worker is given up.
N_TRIES = 4

_log = logging.getLogger(__name__)


class DaskBackend(Backend):
    """Run below the workers of a Dask cluster.

    Parameters
    ----------
    name
        What people call it.
    directory
        Where what attempts write is mirrored.
    settings
        What was chosen.
    objects
        Where snapshots come from and results go.
    vault
        Where secret parameters wait.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        settings: DaskSettings,
        objects: ObjectStore,
        vault: Vault,
    ) -> None:
        self.name = name
        self.lost_retries = settings.lost_retries
        self._directory = directory / ATTEMPTS
        cluster = settings.cluster
        self._cluster = None if cluster is None else Cluster(directory / CLUSTER, settings)
        self.grows = cluster is not None
        self._n_waiting = 0
        self._objects = objects
        self._vault = vault
        self._connection = Connection(
            name,
            directory,
            settings,
            scheduler_file=None if self._cluster is None else self._cluster.scheduler_file,
        )
        self._follower = Follower(
            self._connection, self._directory, lost_after_s=settings.lost_after_s
        )
        self._mirrors = self._follower.mirrors
        cache_bytes = settings.cache_bytes
        way = Way.to(objects.address, cache_bytes=cache_bytes)
        self._bringer = Bringer(self._connection, objects, way, cache_bytes=cache_bytes)
        self._harvester = Harvester(self._connection, self._follower, objects, way)
        self._so_far = SoFar()
        self._early_cancels: set[AttemptKey] = set()

    # ------------------------------------------------------------ from the server's event loop

    @override
    async def health(self) -> Health:
        cluster = self._cluster
        if cluster is None:
            return await self._connection.run(self._health)
        # What runs needs it as well, also after a restart of the server.
        held = await self.attempts()
        await asyncio.to_thread(cluster.want, self._n_waiting, len(held))
        is_there = await asyncio.to_thread(cluster.scheduler_file.exists)
        found = await self._connection.run(self._health) if is_there else None
        if found is not None and found.slots:
            return found
        problem = await asyncio.to_thread(cluster.problem)
        if problem is not None:
            return Health(slots=0, problem=f"{self.name}: {problem}", is_usable=False)
        if found is None:
            when = "being started" if self._n_waiting or held else "started when it is needed"
            return Health(slots=0, problem=f"{self.name}: its cluster is {when}.")
        # Who waits makes it grow.
        return replace(found, is_usable=True)

    @override
    async def expect(self, n_waiting: int) -> None:
        self._n_waiting = n_waiting

    @override
    async def start(self, execution: Execution) -> None:
        await self._connection.run(lambda: self._start(execution))

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        mirror = self._mirrors.get(key)
        if mirror is None and not await asyncio.to_thread(self._path(key).exists):
            mirror = Mirror(key, self._path(key))
            mirror.note_barred("")
        if mirror is None:
            mirror = await self._connection.run(lambda: self._follower.adopt(key))
        return await asyncio.to_thread(mirror.observe, offset)

    @override
    async def wait(self, key: AttemptKey, *, timeout_s: float) -> None:
        mirror = self._mirrors.get(key)
        if mirror is None:
            await asyncio.sleep(timeout_s)
        else:
            await mirror.wait(timeout_s)

    @override
    async def cancel(self, key: AttemptKey) -> None:
        try:
            await asyncio.to_thread(request_cancel, self._path(key))
        except FileNotFoundError:
            self._early_cancels.add(key)
            return
        await self._connection.run(lambda: self._follower.pass_on_cancel(key))

    @override
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        return await self._connection.run(lambda: self._harvester.harvest(key, execution))

    @override
    async def harvest_late(self, key: AttemptKey) -> Harvest:
        return await self._connection.run(lambda: self._harvester.harvest_late(key))

    @override
    async def discard(self, key: AttemptKey) -> None:
        self._early_cancels.discard(key)
        if key not in self._mirrors and not await asyncio.to_thread(self._path(key).exists):
            return
        await self._connection.run(lambda: self._discard(key))

    @override
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        return await asyncio.to_thread(self._so_far.read, self._path(key))

    @override
    async def read_log(
        self, key: AttemptKey, *, offset: int, limit_bytes: int
    ) -> tuple[bytes, int]:
        return await asyncio.to_thread(
            attempt_folder.read_log, self._path(key), offset=offset, limit_bytes=limit_bytes
        )

    @override
    async def attempts(self) -> tuple[AttemptKey, ...]:
        return await asyncio.to_thread(attempt_folder.keys_in, self._directory)

    @override
    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)

    def _path(self, key: AttemptKey) -> Path:
        return self._follower.path(key)

    # ------------------------------------------------------------ in the link's thread

    async def _health(self) -> Health:
        self._connection.roster.start()
        return self._connection.roster.health()

    async def _start(self, execution: Execution) -> None:
        key = AttemptKey(execution.id, execution.attempt)
        if key in self._mirrors or self._path(key).exists():
            await self._follower.adopt(key)
            return
        self._connection.roster.start()
        worker = await self._connection.roster.choose(execution.kernel_name, execution.resources)
        worker.ours[key] = execution.resources
        mirror = Mirror(key, self._path(key))
        mirror.is_starting = mirror.is_counted = True
        try:
            heard = asyncio.create_task(self._hear(worker, execution))
            try:
                await asyncio.to_thread(
                    mirror.prepare,
                    execution,
                    self._objects,
                    place=worker.place,
                    worker=worker.address,
                )
            finally:
                is_lacking = await heard
            self._mirrors[key] = mirror
            self._check_cancel(key)
            await self._begin(worker, mirror, execution, is_lacking=is_lacking)
        except asyncio.CancelledError:
            # This server stops; the next one finds what became of it.
            raise
        except BaseException:
            await self._discard(key)
            raise
        mirror.is_starting = False
        self._follower.follow(mirror)

    def _check_cancel(self, key: AttemptKey) -> None:
        if key in self._early_cancels or (self._path(key) / files.CANCEL).exists():
            self._early_cancels.discard(key)
            raise StartCancelledError("Cancelled before it started.")

    async def _hear(self, worker: Worker, execution: Execution) -> bool:
        """Hear of the worker before it is told to begin; return whether it lacks the snapshot.

        What gets no answer to this has not begun, so that it need not be lost. Who has just
        been heard of is not asked; whether it lacks something it says when it is to begin.
        """
        if time.monotonic() - worker.heard_s < HEARD_S:
            return False
        fields: JSONObject = {"object_ids": [execution.snapshot_id]}
        try:
            answer, _ = await self._connection.ask(worker, "lacking", fields, timeout_s=HEAR_S)
        except UnreachableError as error:
            # Nobody else is sent there until it answers again.
            worker.problem = str(error)
            raise
        return bool(answer["lacking"])

    async def _begin(
        self, worker: Worker, mirror: Mirror, execution: Execution, *, is_lacking: bool
    ) -> None:
        order = order_of(execution, await self._read_secrets(execution, worker))
        for _ in range(N_TRIES):
            if is_lacking:
                await self._bringer.bring(
                    worker, execution, check=lambda: self._check_cancel(mirror.key)
                )
            try:
                answer, _ = await self._connection.ask(worker, "begin", {"order": order})
            except UnansweredError as error:
                _log.warning("Whether %s has begun is asked again: %s", mirror.key, error)
                return
            self._check_cancel(mirror.key)
            if answer.get("is_full"):
                worker.busy = worker.slots
                raise NoRoomError(f"{self.name}: the worker {worker.address} is full.")
            is_lacking = bool(answer.get("is_lacking"))
            if not is_lacking:
                mirror.silent_since_s, mirror.is_sure = None, True
                return
        raise UnavailableError(
            f"{self.name}: the files of the snapshot do not stay on {worker.address}; "
            "give its cache more room."
        )

    async def _read_secrets(self, execution: Execution, worker: Worker) -> JSONObject:
        if not hidden_names(execution.parameters):
            return {}
        # What does not go to the worker directly goes through the scheduler.
        scheduler = "" if worker.is_direct else self._connection.link.scheduler_address()
        open_address = find_open(worker, scheduler)
        if open_address is not None:
            raise InvalidRequestError(
                f"Secret parameters are not sent to {open_address}, because everybody on the "
                "way could read them; use TLS."
            )
        return dict(await asyncio.to_thread(read_secrets, self._vault.path(execution.id)))

    async def _discard(self, key: AttemptKey) -> None:
        self._connection.roster.let_go(key)
        mirror = self._mirrors.get(key) or Mirror(key, self._path(key))
        if mirror.directory.exists() and not mirror.place:
            await asyncio.to_thread(mirror.read_where)
        # What is heard of it meanwhile is too late.
        mirror.is_counted = True
        worker = self._connection.roster.find(mirror.place)
        if worker is not None and not mirror.is_discarded:
            # Who cannot be told now is told as soon as it answers: see `_clear_strangers`.
            with contextlib.suppress(UnreachableError, ConflictError):
                await self._connection.ask(
                    worker, "discard", {"key": str(key)}, timeout_s=DISCARD_S
                )
        self._mirrors.pop(key, None)
        # Before its folder: whoever finds that does all of this again.
        await asyncio.to_thread(self._objects.discard_arrivals, str(key))
        await asyncio.to_thread(attempt_folder.remove, mirror.directory)
        mirror.is_gone = True
        mirror.ring()


def make_backend(
    name: str,
    options: Mapping[str, Any],
    *,
    directory: Path,
    objects: ObjectStore,
    vault: Vault,
) -> DaskBackend:
    """Return the backend that the configuration describes; see `configured.MakeBackend`."""
    if find_spec("distributed") is None:
        raise InvalidRequestError(
            f"The backend {name!r} needs Dask: pip install 'jupyter_async_exec[dask]'."
        )
    settings = read_settings(name, options)
    return DaskBackend(name, directory, settings=settings, objects=objects, vault=vault)
