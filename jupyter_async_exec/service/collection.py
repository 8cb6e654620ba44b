"""Making room: which executions go, and the objects that nothing refers to any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_async_exec.core.retention import select
from jupyter_async_exec.errors import AsyncExecError, ConflictError, NotFoundError
from jupyter_async_exec.runner.lock import try_lock
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.retention import Collectable, Retention
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.store import ExecutionStore

#: Held while somebody removes.
LOCK_FILE = "gc.lock"
#: Between moving to the trash and removing: every server hears of the former (it asks each second).
SETTLE_S = 2.5
#: A use is written down once in so long.
USE_INTERVAL_S = 3_600.0
#: More are not remembered as written down.
MAX_KNOWN_USES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What would go, or has gone."""

    executions: tuple[Collectable, ...] = ()
    n_objects: int = 0
    #: Room that is free now (or would be).
    freed_bytes: int = 0
    #: Room of objects that nothing will refer to, but that are too new to be removed yet.
    later_bytes: int = 0
    #: Room that all objects take before.
    used_bytes: int = 0
    #: Why objects were left alone.
    message: str | None = None


@dataclass(slots=True)
class _References:
    """What executions refer to."""

    #: By those that stay for certain.
    kept: set[str] = field(default_factory=set)
    #: Of those that may go: number to what it refers to.
    own: dict[int, tuple[str, ...]] = field(default_factory=dict)
    #: How many of those that may go refer to an object.
    counts: Counter[str] = field(default_factory=Counter)


class Uses:
    """Remembers when executions were last of use; synchronous and thread-safe.

    Parameters
    ----------
    note
        Writes a use down.
    monotonic
        Seconds that never go back.
    """

    def __init__(
        self,
        note: Callable[[Sequence[int]], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self._monotonic = monotonic
        self._known: dict[int, float] = {}

    def note(self, execution: Execution) -> None:
        """Say that an execution that is over was opened or reused; errors are of no interest."""
        now_s = self._monotonic()
        last_s = self._known.get(execution.number)
        is_known = last_s is not None and now_s - last_s < USE_INTERVAL_S
        if is_known or not execution.is_final:
            return
        if len(self._known) >= MAX_KNOWN_USES:
            self._known.clear()
        self._known[execution.number] = now_s
        with contextlib.suppress(AsyncExecError):
            self._note((execution.number,))


class Collector:
    """Removes what a person lets go, and what nothing refers to.

    Rows go first and objects later, so that whoever dies in between leaves
    objects too many and never one too few; the next one takes them.

    Parameters
    ----------
    store, objects
        Where executions are recorded and where bytes are.
    data_dir
        Where the lock is: one at a time removes.
    changed
        Called, in the caller's event loop, after something went to the trash.
    clock
        Gives the present moment.
    settle_s
        How long everybody has to hear of what went to the trash.
    """

    def __init__(
        self,
        store: ExecutionStore,
        objects: ObjectStore,
        *,
        data_dir: Path,
        changed: Callable[[], None],
        clock: Clock,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._store = store
        self._objects = objects
        self._data_dir = data_dir
        self._changed = changed
        self._clock = clock
        self._settle_s = settle_s
        #: Whose executions may go; none named: everybody's.
        self._owners: frozenset[str] = frozenset()
        #: Remembers when executions were last of use.
        self.uses = Uses(store.collect.note_uses)

    async def plan(self, retention: Retention) -> Collection:
        """Return what would go; nothing is changed."""
        return await asyncio.to_thread(self._plan, retention)

    async def collect(self, retention: Retention) -> Collection:
        """Remove what the retention lets go, and objects that nothing refers to.

        What was not in the trash goes there first and is removed shortly
        afterwards. What may not go at that moment stays.

        Raises
        ------
        ConflictError
            Somebody else is at it.
        """
        lock = await asyncio.to_thread(self._take_lock)
        try:
            planned = await asyncio.to_thread(self._plan, retention)
            numbers = [each.number for each in planned.executions]
            fresh = [each.number for each in planned.executions if each.deleted_at is None]
            if fresh:
                await asyncio.to_thread(self._store.collect.trash, fresh)
                self._changed()
                await asyncio.sleep(self._settle_s)
            await asyncio.to_thread(self._store.collect.remove, numbers)
            self._changed()
            swept = await asyncio.to_thread(self._sweep, retention)
            return replace(swept, executions=await asyncio.to_thread(self._gone, planned))
        finally:
            os.close(lock)

    def _take_lock(self) -> int:
        lock = try_lock(self._data_dir / LOCK_FILE)
        if lock is None:
            raise ConflictError("Room is being made already; try again when that is done.")
        return lock

    def _gone(self, planned: Collection) -> tuple[Collectable, ...]:
        """Return those that are really gone: somebody may have kept one meanwhile."""
        return tuple(each for each in planned.executions if not self._is_there(each.number))

    def _is_there(self, number: int) -> bool:
        try:
            self._store.get(number, include_deleted=True)
        except NotFoundError:
            return False
        return True

    # ------------------------------------------------------------ looking

    def _plan(self, retention: Retention) -> Collection:
        there = self._store.collect.collectable(owners=self._owners)
        candidates = select(there, retention, self._clock())
        references = self._refer(candidates)
        used_bytes = self._objects.used_bytes()
        if references is None:
            return Collection(
                executions=tuple(candidates), used_bytes=used_bytes, message=_UNREADABLE
            )
        if retention.max_bytes is not None:
            candidates = self._until_small(candidates, references, used_bytes, retention.max_bytes)
        going = {each.number for each in candidates}
        staying = references.kept.union(
            *(ids for number, ids in references.own.items() if number not in going)
        )
        found = self._unused(staying, retention)
        return replace(found, executions=tuple(candidates), used_bytes=used_bytes)

    def _refer(self, candidates: Sequence[Collectable]) -> _References | None:
        """Return what refers to what; `None` when a snapshot cannot be read, so nobody knows."""
        numbers = {each.number for each in candidates}
        references = _References()
        snapshots: dict[str, tuple[str, ...]] = {}

        def contents(snapshot_id: str) -> tuple[str, ...]:
            if snapshot_id not in snapshots:
                manifest = load_manifest(self._objects, snapshot_id)
                files = (file.object_id for file in manifest.files)
                snapshots[snapshot_id] = (snapshot_id, manifest.notebook_object, *files)
            return snapshots[snapshot_id]

        try:
            for execution in self._store.iterate():
                handed = self._store.fan_in.handed_objects(execution)
                ids = frozenset((*contents(execution.snapshot_id), *_results(execution), *handed))
                if execution.number in numbers:
                    references.own[execution.number] = tuple(ids)
                    references.counts.update(ids)
                else:
                    references.kept.update(ids)
            for snapshot_id in self._store.collect.sweep_snapshots():
                if snapshot_id not in snapshots:
                    references.kept.update(contents(snapshot_id))
        except (AsyncExecError, OSError):
            return None
        return references

    def _until_small(
        self,
        candidates: Sequence[Collectable],
        references: _References,
        used_bytes: int,
        max_bytes: int,
    ) -> list[Collectable]:
        """Return the first of them that have to go until no more room is used.

        Those from the trash go anyway.
        """
        chosen: list[Collectable] = []
        counts = references.counts.copy()
        for each in candidates:
            if used_bytes <= max_bytes and each.deleted_at is None:
                break
            chosen.append(each)
            for object_id in references.own.get(each.number, ()):
                counts[object_id] -= 1
                if not counts[object_id] and object_id not in references.kept:
                    used_bytes -= self._room(object_id)[0]
        return chosen

    def _room(self, object_id: str) -> tuple[int, float]:
        try:
            return self._objects.room(object_id)
        except (AsyncExecError, OSError):
            return 0, 0.0

    # ------------------------------------------------------------ objects

    def _unused(self, staying: set[str], retention: Retention) -> Collection:
        """Return how much room the objects take to which nothing would refer."""
        before_s = time.time() - retention.grace_s
        n_objects = freed_bytes = later_bytes = 0
        for object_id in self._objects.ids():
            if object_id not in staying:
                room_bytes, touched_s = self._room(object_id)
                if touched_s < before_s:
                    n_objects += 1
                    freed_bytes += room_bytes
                else:
                    later_bytes += room_bytes
        return Collection(n_objects=n_objects, freed_bytes=freed_bytes, later_bytes=later_bytes)

    def _sweep(self, retention: Retention) -> Collection:
        """Remove the objects to which nothing refers, except new ones.

        Whoever submits meanwhile touches what is there already, and so keeps it.
        """
        self._objects.remove_leftovers()
        used_bytes = self._objects.used_bytes()
        references = self._refer(())
        if references is None:
            return Collection(used_bytes=used_bytes, message=_UNREADABLE)
        since_s = time.time() - retention.grace_s
        n_objects = freed_bytes = later_bytes = 0
        for object_id in self._objects.ids():
            if object_id in references.kept:
                continue
            room_bytes = self._objects.discard_unused(object_id, since_s=since_s)
            freed_bytes += room_bytes
            n_objects += room_bytes > 0
            if not room_bytes:
                later_bytes += self._room(object_id)[0]
        return Collection(
            n_objects=n_objects,
            freed_bytes=freed_bytes,
            later_bytes=later_bytes,
            used_bytes=used_bytes,
        )


_UNREADABLE = (
    "Not every snapshot can be read, so no objects are removed; "
    "`jupyter async-exec verify --repair` says more."
)


def _results(execution: Execution) -> Iterator[str]:
    kept = (execution.output_object, execution.journal_object, execution.log_object)
    yield from (object_id for object_id in kept if object_id is not None)
    yield from (artifact.object_id for artifact in execution.artifacts)
