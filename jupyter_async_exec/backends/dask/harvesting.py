"""What attempts on workers left is brought here and kept."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING

from jupyter_async_exec.backends import attempt_folder
from jupyter_async_exec.backends.base import Harvest
from jupyter_async_exec.backends.dask.parcels import (
    Arrivals,
    Asking,
    choose_pieces,
    pieces_from_json,
)
from jupyter_async_exec.backends.dask.protocol import harvest_from_json
from jupyter_async_exec.core.execution import Remark
from jupyter_async_exec.errors import CorruptObjectError, NotFoundError, UnavailableError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.backends.base import AttemptKey
    from jupyter_async_exec.backends.dask.connection import Connection
    from jupyter_async_exec.backends.dask.following import Follower
    from jupyter_async_exec.backends.dask.mirror import Mirror
    from jupyter_async_exec.backends.dask.parcels import Lacking, Parcel
    from jupyter_async_exec.backends.dask.protocol import Content
    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.backends.dask.shared import Way
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore

#: Pieces of results that are asked for before the first of them has come.
N_UNDER_WAY = 3
#: Transfers of large files at the same time, while others are gathered: one is being written to
#: the disk when the next has begun.
N_EARLY = 2
#: What arrives damaged is asked for so often before it is given up.
N_TRIES = 4


class Harvester:
    """Keeps what attempts left; lives in the link's thread.

    Parameters
    ----------
    connection
        To the cluster.
    follower
        Knows the attempts.
    objects
        Where results go.
    way
        How workers reach `objects` by themselves; None if they cannot.
    """

    def __init__(
        self, connection: Connection, follower: Follower, objects: ObjectStore, way: Way | None
    ) -> None:
        self._connection = connection
        self._follower = follower
        self._objects = objects
        self._way = way

    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        """Keep what an attempt left, as `Backend.harvest` has it."""
        mirror = await self._follower.adopt(key)
        if not mirror.directory.exists():
            return Harvest()
        if mirror.is_gone:
            return await self._harvest_here(mirror)
        worker = self._follower.worker_of(mirror)
        try:
            # Journal and log are here already, if nothing went wrong on their way.
            keeping = asyncio.create_task(asyncio.to_thread(self._keep_mirrored, mirror))
            asking = self._ask_harvest(worker, mirror, keeping, probe=execution.snapshot_id)
            (found, first), here = await asyncio.gather(asking, keeping)
        except NotFoundError:
            mirror.is_gone = True
            return await self._harvest_here(mirror)
        named = [found.output_object, found.journal_object, found.log_object]
        wanted = [each for each in named if each and each not in here]
        wanted += [artifact.object_id for artifact in found.artifacts]
        await self._fetch(worker, key, wanted, first)
        return found

    def _keep_mirrored(self, mirror: Mirror) -> set[str]:
        paths = [mirror.directory / files.JOURNAL, mirror.directory / files.LOG]
        # Of an empty one nothing ever came.
        paths[1].touch(mode=0o600)
        return {each for each in self._objects.put_files(paths) if each}

    async def _harvest_here(self, mirror: Mirror) -> Harvest:
        """Keep what is known of an attempt whose machine is gone."""
        async with mirror.pulling:
            return await asyncio.to_thread(self._keep_what_came, mirror)

    def _keep_what_came(self, mirror: Mirror) -> Harvest:
        attempt_folder.conclude(mirror.directory)
        attempt_folder.rebuild_output(mirror.directory)
        names = (files.OUTPUT, files.JOURNAL, files.LOG)
        output, journal, log = self._objects.put_files([mirror.directory / each for each in names])
        sentence = f"The files it made are not kept: they were on {mirror.worker}, which is gone."
        remarks = (Remark(kind="files_lost", message=sentence),) if journal else ()
        return Harvest(
            output_object=output, journal_object=journal, log_object=log, remarks=remarks
        )

    async def harvest_late(self, key: AttemptKey) -> Harvest:
        """Keep what it made since, as `Backend.harvest_late` has it."""
        mirror = await self._follower.adopt(key)
        if mirror.is_gone:
            return Harvest()
        worker = self._follower.worker_of(mirror)
        try:
            found, first = await self._ask_harvest(worker, mirror, is_late=True)
        except NotFoundError:
            return Harvest()
        ids = [artifact.object_id for artifact in found.artifacts]
        await self._fetch(worker, key, ids, first)
        return found

    async def _ask_harvest(
        self,
        worker: Worker,
        mirror: Mirror,
        here: asyncio.Task[set[str]] | None = None,
        *,
        probe: str = "",
        is_late: bool = False,
    ) -> tuple[Harvest, Parcel]:
        """Return what an attempt left, and what of it came with the answer.

        Large files come while the worker still gathers the others; those that are `here` do not.
        """
        fields: JSONObject = {
            "key": str(mirror.key),
            "is_late": is_late,
            "way": self._way and asdict(self._way),
            "probe": probe,
            "n_ready": 0,
        }
        early: set[asyncio.Task[None]] = set()
        try:
            while True:
                answer, content = await self._connection.ask(worker, "harvest", fields)
                # However much it is to hash: no call stays open for long.
                if not answer.get("is_working"):
                    await asyncio.gather(*early)
                    mirror.is_discarded = bool(answer.get("is_discarded"))
                    self._connection.note_problem(worker, answer["problem"])
                    pieces = pieces_from_json(answer["pieces"])
                    return harvest_from_json(answer["harvest"]), (pieces, content)
                ready = [str(object_id) for object_id in answer["ready"]]
                fields["n_ready"] += len(ready)
                known = set() if here is None else await here
                wanted = [each for each in ready if each not in known]
                if len(early) >= N_EARLY:
                    done, early = await asyncio.wait(early, return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.gather(*done)
                fetching = self._fetch(worker, mirror.key, wanted, ([], b""))
                early.add(asyncio.create_task(fetching))
        finally:
            for task in early:
                task.cancel()
            await asyncio.gather(*early, return_exceptions=True)

    async def _fetch(
        self, worker: Worker, key: AttemptKey, object_ids: Sequence[str], first: Parcel
    ) -> None:
        """Bring objects here, in pieces, and verify them; the `first` have come already."""
        arrivals = Arrivals(self._objects, str(key))
        n_damaged = 0
        while True:
            try:
                lacking = await asyncio.to_thread(_take_in, arrivals, object_ids, first)
                if not lacking:
                    return
                await self._carry(worker, key, arrivals, lacking, is_doubted=n_damaged > 0)
            except CorruptObjectError:
                n_damaged += 1
                if n_damaged >= N_TRIES:
                    raise
            except NotFoundError as error:
                # Its process is another one now; what the attempt left is gathered again.
                raise UnavailableError(f"{worker.address} begins anew: {error}") from error
            first = [], b""

    async def _carry(
        self,
        worker: Worker,
        key: AttemptKey,
        arrivals: Arrivals,
        lacking: Sequence[Lacking],
        *,
        is_doubted: bool,
    ) -> None:
        """Bring what is lacking: pieces travel while others are written, and those verified.

        What is doubted has come damaged before; where it lies it is looked at first.
        """
        asking = Asking(lacking)
        under_way: deque[asyncio.Task[tuple[JSONObject, Content]]] = deque()
        keeping: asyncio.Task[None] | None = None
        try:
            while True:
                while len(under_way) < N_UNDER_WAY and (wanted := asking.choose()):
                    fields: JSONObject = {
                        "key": str(key),
                        "wanted": wanted,
                        # Before its beginning comes once more.
                        "is_doubted": is_doubted and not wanted[0][1],
                    }
                    question = self._connection.ask(worker, "take", fields)
                    under_way.append(asyncio.create_task(question))
                if not under_way:
                    break
                answer, content = await under_way.popleft()
                pieces = pieces_from_json(answer["pieces"])
                if not pieces:
                    raise UnavailableError(f"{worker.address} sends nothing.")
                asking.note(pieces)
                whole = await asyncio.to_thread(arrivals.gather, pieces, content)
                if whole:
                    if keeping is not None:
                        await keeping
                    keeping = asyncio.create_task(asyncio.to_thread(arrivals.keep, whole))
            if keeping is not None:
                await keeping
        finally:
            for each in under_way:
                each.cancel()
            left = [*under_way, *([keeping] if keeping else [])]
            await asyncio.gather(*left, return_exceptions=True)


def _take_in(arrivals: Arrivals, object_ids: Sequence[str], first: Parcel) -> list[Lacking]:
    """Keep what has come already; return what is lacking then."""
    lacking = arrivals.lacking(object_ids)
    pieces, content = choose_pieces(*first, lacking)
    if not pieces:
        return lacking
    arrivals.add(pieces, content)
    return arrivals.lacking(object_ids)
