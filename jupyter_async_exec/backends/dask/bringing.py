"""What a worker's machine lacks of a snapshot is brought there."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.dask.parcels import pack, rest_of
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.backends.dask.connection import Connection
    from jupyter_async_exec.backends.dask.parcels import Lacking
    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.backends.dask.shared import Way
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore


class Bringer:
    """Brings objects to the machines of workers; lives in the link's thread.

    Parameters
    ----------
    connection
        To the cluster.
    objects
        Where snapshots are.
    way
        How workers reach `objects` by themselves; None if they cannot.
    cache_bytes
        Room for snapshots on each machine.
    """

    def __init__(
        self, connection: Connection, objects: ObjectStore, way: Way | None, *, cache_bytes: int
    ) -> None:
        self._connection = connection
        self._objects = objects
        self._way = way
        self._cache_bytes = cache_bytes
        #: By place: one execution brings what is lacking, the others wait for it.
        self._under_way: dict[str, asyncio.Lock] = {}

    async def bring(self, worker: Worker, execution: Execution, check: Callable[[], None]) -> None:
        """Bring what is lacking of a snapshot, and of what is handed to its execution.

        Parameters
        ----------
        worker
            One of the machine.
        execution
            What is about to run there.
        check
            Called again and again; what it raises ends this.
        """
        async with self._under_way.setdefault(worker.place, asyncio.Lock()):
            await self._bring(worker, execution, check)

    async def _bring(self, worker: Worker, execution: Execution, check: Callable[[], None]) -> None:
        manifest = await asyncio.to_thread(load_manifest, self._objects, execution.snapshot_id)
        handed = execution.provenance.get("handed") or {"files": []}
        its = [str(file["object_id"]) for file in handed["files"]]
        ids = [execution.snapshot_id, *manifest.object_ids, *its]
        answer, _ = await self._connection.ask(worker, "lacking", {"object_ids": ids})
        lacking = _lacking_from_json(answer["lacking"])
        if lacking and self._way is not None:
            lacking = await self._have_fetched(worker, ids, self._way, check)
        while lacking:
            check()
            pieces, content = await asyncio.to_thread(pack, self._objects, lacking)
            lacking = rest_of(lacking, pieces)
            fields: JSONObject = {
                "pieces": [astuple(piece) for piece in pieces],
                "is_last": not lacking,
                "cache_bytes": self._cache_bytes,
            }
            await self._connection.ask(worker, "give", fields, content)

    async def _have_fetched(
        self, worker: Worker, ids: Sequence[str], way: Way, check: Callable[[], None]
    ) -> list[Lacking]:
        """Have the worker fetch objects by itself; return what is lacking then."""
        fields: JSONObject = {"object_ids": list(ids), "way": asdict(way)}
        while True:
            answer, _ = await self._connection.ask(worker, "fetch", fields)
            # However much it is: no call stays open for long.
            if not answer.get("is_working"):
                self._connection.note_problem(worker, answer["problem"])
                return _lacking_from_json(answer["lacking"])
            check()


def _lacking_from_json(fields: Sequence[Any]) -> list[Lacking]:
    return [(str(object_id), int(offset)) for object_id, offset in fields]
