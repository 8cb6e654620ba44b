"""On the worker: runs attempts below it and answers the server's calls.

The agent is a `LocalBackend` that can be asked from afar. It knows neither the
server nor its database, and it starts nothing by itself. What it runs ends
with the worker; what that left in its folders is found by the next worker of
the same machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import platform
import secrets
import socket
from dataclasses import astuple
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import AttemptKey, Harvest
from jupyter_async_exec.backends.dask.news import (
    GROWING,
    await_news,
    find_states,
    has_ended,
    has_result,
    read_files,
    read_news,
    tell,
)
from jupyter_async_exec.backends.dask.parcels import Arrivals, pack, pieces_from_json
from jupyter_async_exec.backends.dask.protocol import (
    PROTOCOL,
    decode,
    encode,
    error_to_json,
    execution_of,
    harvest_to_json,
    installed_release,
)
from jupyter_async_exec.backends.dask.results import PATIENCE_S, Gathered
from jupyter_async_exec.backends.dask.room import make_room
from jupyter_async_exec.backends.local import has_memory_for_ending
from jupyter_async_exec.core.resources import GPU, fits, take, total
from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from jupyter_async_exec.backends.dask.news import Answer
    from jupyter_async_exec.backends.dask.protocol import State
    from jupyter_async_exec.backends.dask.room import Room
    from jupyter_async_exec.backends.gpus import Gpus
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.objects.local_cache import Cache

#: What a watch that hears no bell looks at by itself, in seconds.
LOOK_S = 1.0
#: The same while the processes of an attempt with a result are being taken down: nothing rings
#: when they are gone, and the next execution waits for it.
ENDING_LOOK_S = 0.05
#: What attempts write is gathered for so long (s) before it is told, unless one of them ends:
#: so what a short one has to say is one answer, and one transaction for whoever asked.
GATHER_S = 0.1
#: No watch takes longer, so that a broken connection is noticed.
LONGEST_WATCH_S = 30.0

_log = logging.getLogger(__name__)


class Agent:
    """Answers for one Dask worker.

    Parameters
    ----------
    base
        Folder of this machine that all its workers share.
    slots
        Attempts that may run below this worker at once.
    find_resources
        Gives what they share besides, by name; asked often, in a thread.
    gpus
        The GPUs among that; `None` leaves them as they are.
    """

    def __init__(
        self,
        base: Path,
        *,
        slots: int,
        find_resources: Callable[[], Resources] = dict,
        gpus: Gpus | None = None,
    ) -> None:
        self._base = base
        self._slots = slots
        self._find_resources = find_resources
        self._gpus = gpus
        self._rooms: dict[str, Room] = {}
        #: Begun by this worker: the store's id with the attempt, and what that needs.
        self._begun: dict[tuple[str, AttemptKey], Resources] = {}
        self._counting = asyncio.Lock()
        #: Whether it may be ended at any moment, and takes nothing more.
        self._is_retired = False
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._place = _read_place(base)
        self._verbs: dict[str, Callable[[str, JSONObject, bytes], Awaitable[Answer]]] = {
            "introduce": self._introduce,
            "begin": self._begin,
            "bar": self._bar,
            "lacking": self._lacking,
            "fetch": self._fetch,
            "give": self._give,
            "take": self._take,
            "watch": self._watch,
            "read": self._read,
            "cancel": self._cancel,
            "harvest": self._harvest,
            "retire": self._retire,
            "discard": self._discard,
        }

    async def answer(self, verb: str, store: str, fields: bytes, content: bytes) -> JSONObject:
        """Do what is asked; return the fields and bytes of the answer, or the error."""
        try:
            act = self._verbs.get(verb)
            if act is None or not store.isalnum():
                raise InvalidRequestError(f"The worker does not know how to {verb[:50]!r}.")
            answer, sent = await act(store, decode(fields), content)
        except (AsyncExecError, OSError, LookupError, TypeError, ValueError) as error:
            if not isinstance(error, AsyncExecError):
                _log.exception("%s failed", verb)
            return {"error": encode(error_to_json(error))}
        return {"fields": encode(answer), "content": sent}

    async def close(self) -> None:
        """Let spare runners go; attempts end with the process."""
        for room in self._rooms.values():
            await room.backend.close()

    # ------------------------------------------------------------ who we are

    async def _introduce(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        await self._room(store, fields["options"])
        return await asyncio.to_thread(self._describe), b""

    def _describe(self) -> JSONObject:
        from jupyter_client.kernelspec import KernelSpecManager

        return {
            "protocol": PROTOCOL,
            "version": installed_release(),
            "python": platform.python_version(),
            "host": socket.gethostname(),
            "place": self._place,
            "slots": 0 if self._is_retired else self._slots,
            "busy": self._count_busy(),
            "ending": self._count_ending(),
            "resources": dict(self._find_resources()),
            "used": self._find_used(),
            "kernels": sorted(KernelSpecManager().find_kernel_specs()),
        }

    def _count_busy(self) -> int:
        for store, key in tuple(self._begun):
            room = self._rooms[store]
            if key not in room.beginning and not is_held(room.attempt(key)):
                self._begun.pop((store, key), None)
        return len(self._begun)

    def _count_ending(self) -> int:
        """Return beside how many another may begin, because they only end."""
        ending = sum(
            has_result(self._rooms[store].attempt(key)) for store, key in tuple(self._begun)
        )
        return min(ending, self._slots) if ending and has_memory_for_ending(self._gpus) else 0

    def _find_why_not(self, room: Room, execution: Execution) -> JSONObject:
        """Return why one more cannot begin, as far as that is seen before it is tried."""
        if self._is_full_for(execution.resources):
            return {"is_full": True}
        return {} if room.cache.contains(execution.snapshot_id) else {"is_lacking": True}

    def _is_full_for(self, needed: Resources) -> bool:
        """Whether there is no room for one more, now."""
        if self._is_retired or self._count_busy() - self._count_ending() >= self._slots:
            return True
        return not fits(needed, take(self._find_used(), self._find_resources()))

    def _find_used(self) -> dict[str, float]:
        """Return what is not free of what attempts here share."""
        used = total(self._begun.values())
        n_gpus = self._find_resources().get(GPU, 0.0)
        if self._gpus is not None and n_gpus:
            # Other workers of the machine give out the same ones.
            used[GPU] = max(used.get(GPU, 0.0), n_gpus - self._gpus.count_free())
        return used

    async def _retire(self, _store: str, fields: JSONObject, _content: bytes) -> Answer:
        """Take nothing more from now on, if nothing runs here; or take some again."""
        async with self._counting:
            if fields.get("is_over"):
                self._is_retired = False
            elif await asyncio.to_thread(self._count_busy) == 0:
                self._is_retired = True
        return {"is_retired": self._is_retired}, b""

    async def _room(self, store: str, options: JSONObject | None = None) -> Room:
        if store not in self._rooms:
            made = await asyncio.to_thread(make_room, self._base, store, options or {}, self._gpus)
            self._rooms.setdefault(store, made)
        return self._rooms[store]

    # ------------------------------------------------------------ the life of an attempt

    async def _begin(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        execution = execution_of(fields["order"])
        key = AttemptKey(execution.id, execution.attempt)
        room = await self._room(store)
        async with room.locks.setdefault(key, asyncio.Lock()):
            if key in room.discarded:
                raise ConflictError("The attempt was given up before it began.")
            mark = (store, key)
            async with self._counting:
                # Another that begins meanwhile has to count it.
                if not room.attempt(key).exists():
                    why_not = await asyncio.to_thread(self._find_why_not, room, execution)
                    if why_not:
                        return why_not, b""
                room.beginning.add(key)
                self._begun[mark] = execution.resources
            hidden = fields["order"]["secrets"]
            try:
                if hidden:
                    await asyncio.to_thread(room.vault.put, execution.id, hidden)
                await room.backend.start(execution)
            except NotFoundError:
                # Its objects have to be brought, then it is asked again.
                self._give_up(room, mark)
                return {"is_lacking": True}, b""
            except BaseException:
                self._give_up(room, mark)
                raise
            finally:
                room.beginning.discard(key)
            room.changed.set()
        # Whoever asked need not wait for that.
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, _touch, room.cache, execution.snapshot_id)
        return {}, b""

    async def _bar(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        """Tell whether an attempt is here; one that is not will not begin here any more.

        What was told to begin and is still under way comes too late then.
        """
        room, key = await self._room(store), _key(fields)
        async with room.locks.setdefault(key, asyncio.Lock()):
            is_here = room.attempt(key).exists()
            if not is_here:
                room.bar(key)
        room.locks.pop(key, None)
        return {"is_here": is_here}, b""

    def _give_up(self, room: Room, mark: tuple[str, AttemptKey]) -> None:
        self._begun.pop(mark, None)
        room.vault.discard(mark[1].execution_id)

    async def _cancel(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        room = await self._room(store)
        await room.backend.cancel(_key(fields))
        return {}, b""

    async def _harvest(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        """Return what an attempt left, with as much of it as fits; or that this is under way.

        Where nothing came late there is nothing to stay for: it is thrown away at once.
        """
        room, key, is_late = await self._room(store), _key(fields), bool(fields["is_late"])
        if key not in room.results and not room.attempt(key).exists():
            raise NotFoundError(f"Nothing is left here of the attempt {key}.")
        # What goes into a bucket goes there as files.
        results = await room.results_of(key, lends=fields["way"] is None)
        # What is late is little.
        n_known = None if fields["way"] or is_late else int(fields["n_ready"])
        gathered = await results.gather(
            lambda: _gather(room, key, is_late, fields["way"], str(fields["probe"])),
            is_late=is_late,
            n_known=n_known,
        )
        if gathered is None:
            ready = [] if n_known is None else results.ready(n_known)
            return {"is_working": True, "ready": ready}, b""
        found: JSONObject = {
            "harvest": harvest_to_json(gathered.harvest),
            "pieces": [],
            "problem": gathered.problem,
        }
        if is_late and gathered.harvest == Harvest():
            await self._discard(store, fields, b"")
            return {**found, "is_discarded": True}, b""
        if gathered.problem == "":
            return found, b""
        wanted = [(object_id, 0) for object_id in gathered.object_ids]
        try:
            pieces, content = await asyncio.to_thread(pack, results.store, wanted)
        except NotFoundError as error:
            # A file changed before it was read; the attempt itself is here.
            raise UnavailableError(f"Its files are gathered again: {error}") from error
        found["pieces"] = [astuple(piece) for piece in pieces]
        return found, content

    async def _discard(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        room, key = await self._room(store), _key(fields)
        # Also while it begins, which then finds that it need not.
        await room.backend.cancel(key)
        async with room.locks.setdefault(key, asyncio.Lock()):
            room.bar(key)
            results = room.results.pop(key, None)
            if results is not None:
                await results.discard()
            await room.backend.discard(key)
            room.vault.discard(key.execution_id)
            self._begun.pop((store, key), None)
        room.locks.pop(key, None)
        room.changed.set()
        return {}, b""

    # ------------------------------------------------------------ what is new

    async def _watch(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        """Return the states of all attempts, and what they wrote, as soon as there is news."""
        room = await self._room(store)
        known = fields["known"]
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + min(float(fields["wait_s"]), LONGEST_WATCH_S)
        is_gathering = False
        while True:
            room.changed.clear()
            left_s = deadline_s - loop.time()
            states, answer = await asyncio.to_thread(self._look, room, known, is_due=left_s <= 0)
            if answer is not None:
                return answer
            if not is_gathering and tell(states) != known:
                is_gathering, deadline_s = True, min(deadline_s, loop.time() + GATHER_S)
                left_s = min(left_s, GATHER_S)
            living = {key: state for key, state in states.items() if state.is_alive}
            is_ending = any(state.has_result for state in living.values())
            look_s = ENDING_LOOK_S if is_ending else LOOK_S
            await await_news(room, list(living), min(left_s, look_s))

    def _look(
        self, room: Room, known: JSONObject, *, is_due: bool
    ) -> tuple[dict[AttemptKey, State], Answer | None]:
        """Return the states of all attempts, and the answer if there is one to give."""
        states = find_states(room)
        if not is_due and not has_ended(known, states):
            return states, None
        busy, ending = self._count_busy(), self._count_ending()
        news, content = read_news(room, known, states)
        answer: JSONObject = {
            "states": tell(states),
            "busy": busy,
            "ending": ending,
            "news": news,
        }
        return states, ({**answer, "used": self._find_used()}, content)

    async def _read(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        """Return what is new in the growing files and, when asked, the others whole."""
        room, key = await self._room(store), _key(fields)
        offsets = {name: int(fields["offsets"][name]) for name in GROWING}
        lengths, content = await asyncio.to_thread(
            read_files, room.attempt(key), offsets, is_end=fields["is_end"]
        )
        return {"lengths": lengths}, content

    # ------------------------------------------------------------ objects

    async def _lacking(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        room = await self._room(store)
        arrivals = Arrivals(room.cache, store)
        found = await asyncio.to_thread(arrivals.lacking, fields["object_ids"])
        return {"lacking": found}, b""

    async def _fetch(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        """Have this machine fetch objects itself; return what is lacking then, and why."""
        room = await self._room(store)
        shared, ids = room.shared(fields["way"]), [str(each) for each in fields["object_ids"]]
        assert shared is not None
        if ids[0] not in room.fetches:
            fetching = asyncio.to_thread(shared.bring, ids)
            room.fetches[ids[0]] = asyncio.create_task(fetching)
        task = room.fetches[ids[0]]
        await asyncio.wait([task], timeout=PATIENCE_S)
        if not task.done():
            return {"is_working": True}, b""
        room.fetches.pop(ids[0], None)
        lacking, _ = await self._lacking(store, fields, b"")
        return {"problem": task.result(), **lacking}, b""

    async def _give(self, store: str, fields: JSONObject, content: bytes) -> Answer:
        room = await self._room(store)
        limit_bytes = int(fields["cache_bytes"])

        def add() -> None:
            Arrivals(room.cache, store).add(pieces_from_json(fields["pieces"]), content)
            if fields["is_last"]:
                room.cache.make_room(limit_bytes)

        await asyncio.to_thread(add)
        return {}, b""

    async def _take(self, store: str, fields: JSONObject, _content: bytes) -> Answer:
        room = await self._room(store)
        key = _key(fields)
        if key not in room.results:
            raise NotFoundError(f"Nothing is gathered here of the attempt {key}.")
        results = room.results[key].store
        wanted = [(str(object_id), int(offset)) for object_id, offset in fields["wanted"]]
        if fields["is_doubted"]:
            await asyncio.to_thread(results.recheck, [object_id for object_id, _ in wanted])
        pieces, content = await asyncio.to_thread(pack, results, wanted)
        return {"pieces": [astuple(piece) for piece in pieces]}, content


async def _gather(
    room: Room, key: AttemptKey, is_late: bool, way: JSONObject | None, probe: str
) -> Gathered:
    if not room.attempt(key).exists():
        raise NotFoundError(f"Nothing is left here of the attempt {key}.")
    if is_late:
        harvest = await room.backend.harvest_late(key)
    else:
        # It uses nothing but the attempt's folder.
        harvest = await room.backend.harvest(key, execution=None)  # type: ignore[arg-type]
    gathered, shared = Gathered(harvest), room.shared(way)
    if shared is None:
        return gathered
    store = room.results[key].store
    problem = await asyncio.to_thread(shared.send, gathered.object_ids, store, probe=probe)
    return Gathered(harvest, problem)


def _key(fields: JSONObject) -> AttemptKey:
    execution_id, _, attempt = str(fields["key"]).partition("-")
    if not execution_id.isalnum() or not attempt.isdecimal():
        raise InvalidRequestError(f"{fields['key']!r:.100} is not the name of an attempt.")
    return AttemptKey(execution_id, int(attempt))


def _touch(cache: Cache, snapshot_id: str) -> None:
    """Note that all of a snapshot was used now."""
    with contextlib.suppress(AsyncExecError):
        for object_id in (snapshot_id, *load_manifest(cache, snapshot_id).object_ids):
            cache.touch(object_id)


def _read_place(base: Path) -> str:
    """Return what names this machine's folder, the same for all its workers, now and later."""
    path = base / "place.json"
    if not path.exists():
        mine = base / f".place-{secrets.token_hex(8)}"
        files.write_whole(mine, json.dumps({"place": secrets.token_hex(16)}).encode())
        with contextlib.suppress(FileExistsError):
            # Whoever is first wins, whole.
            os.link(mine, path)
        mine.unlink()
    return str(json.loads(path.read_bytes())["place"])
