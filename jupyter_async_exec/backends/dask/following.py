"""What attempts on workers write is followed, and written again here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.dask.mirror import Mirror, News
from jupyter_async_exec.backends.dask.protocol import State, UnreachableError
from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    from jupyter_async_exec.backends.base import AttemptKey
    from jupyter_async_exec.backends.dask.connection import Connection
    from jupyter_async_exec.backends.dask.protocol import Content
    from jupyter_async_exec.backends.dask.roster import Worker
    from jupyter_async_exec.core.json_types import JSONObject

#: How long a watch waits for news; the connection is taken for broken some time later.
WATCH_S = 5.0
WATCH_MARGIN_S = 5.0
#: A pause before what failed is tried again.
RETRY_S = 0.5
#: A worker that is asked how things are answers within this time.
HEAR_S = 5.0

#: As the state of an attempt is told that has only begun.
BEGUN = list(astuple(State(is_alive=True)))

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """A machine on which attempts of ours are."""

    task: asyncio.Task[None] | None = None
    #: What it said last of each attempt.
    known: dict[str, Any] = field(default_factory=dict)


class Follower:
    """Follows attempts with one open question to each machine; lives in the link's thread.

    Parameters
    ----------
    connection
        To the cluster.
    directory
        Where what attempts write is mirrored.
    lost_after_s
        Attempts of a machine that was silent for longer are given up.
    """

    def __init__(self, connection: Connection, directory: Path, *, lost_after_s: float) -> None:
        self._connection = connection
        self._directory = directory
        self._lost_after_s = lost_after_s
        #: Of all attempts that are known here; also read from other threads.
        self.mirrors: dict[AttemptKey, Mirror] = {}
        self._places: dict[str, _Place] = {}
        self._background: set[asyncio.Task[None]] = set()
        connection.arrived = self.arrived

    def path(self, key: AttemptKey) -> Path:
        """Return where the mirror of an attempt is."""
        return self._directory / str(key)

    def worker_of(self, mirror: Mirror) -> Worker:
        """Return a worker that sees the attempt.

        Raises
        ------
        UnreachableError
            There is none now.
        """
        worker = self._connection.roster.find(mirror.place)
        if worker is None:
            raise UnreachableError(f"{self._connection.name}: {mirror.worker} does not answer.")
        return worker

    async def adopt(self, key: AttemptKey) -> Mirror:
        """Return the mirror of an attempt, also of one that an earlier server began."""
        mirror = self.mirrors.get(key)
        if mirror is None:
            mirror = Mirror(key, self.path(key))
            if not mirror.directory.exists():
                mirror.note_barred("")
                return mirror
            await asyncio.to_thread(mirror.read_where)
            self.mirrors.setdefault(key, mirror)
            self._connection.roster.start()
        self.follow(mirror)
        return mirror

    def follow(self, mirror: Mirror) -> None:
        """Begin to follow the attempt, unless its machine is followed already."""
        place = self._places.setdefault(mirror.place, _Place())
        if place.task is None or place.task.done():
            place.known = {}
            place.task = asyncio.get_running_loop().create_task(self._watch(mirror.place, place))

    def _at(self, place: str) -> list[Mirror]:
        return [mirror for mirror in self.mirrors.values() if mirror.place == place]

    async def _kept_at(self, place: str) -> list[Mirror]:
        """Return those of a machine, without what another server has thrown away meanwhile."""
        mirrors = self._at(place)
        kept = await asyncio.to_thread(_names_in, self._directory)
        for mirror in mirrors:
            if kept is not None and mirror.directory.name not in kept:
                self.mirrors.pop(mirror.key, None)
                self._connection.roster.let_go(mirror.key)
                mirror.is_gone = True
                mirror.ring()
        return self._at(place)

    async def _watch(self, name: str, place: _Place) -> None:
        """Follow all attempts of one machine, as long as there are some."""
        while mirrors := await self._kept_at(name):
            worker = self._connection.roster.find(name)
            try:
                if worker is None:
                    raise UnreachableError(
                        f"{self._connection.name}: nobody answers for {mirrors[0].worker}."
                    )
                fields: JSONObject = {"known": place.known, "wait_s": WATCH_S}
                answer, content = await self._connection.ask(
                    worker, "watch", fields, timeout_s=WATCH_S + WATCH_MARGIN_S
                )
            except AsyncExecError as error:
                place.known = {}
                self._note_silence(name, str(error))
                await asyncio.sleep(RETRY_S)
                continue
            worker.heard_s = time.monotonic()
            worker.busy, worker.n_ending = int(answer["busy"]), int(answer["ending"])
            worker.used = {str(each): float(n) for each, n in answer["used"].items()}
            states = answer["states"]
            # Of those that began meanwhile it may speak already, or not yet.
            mirrors += [
                each for each in self._at(name) if each not in mirrors and str(each.key) in states
            ]
            # Whoever is still being started is told of once more.
            begun = {str(each.key): BEGUN for each in mirrors if each.is_starting}
            place.known = {key: begun.get(key, state) for key, state in states.items()}
            news = _news_from_json(answer["news"], content)
            await self._note_states(worker, mirrors, states, news)

    async def _note_states(
        self,
        worker: Worker,
        mirrors: Sequence[Mirror],
        states: JSONObject,
        news: Mapping[str, News],
    ) -> None:
        pulls = []
        for mirror in mirrors:
            if mirror.is_starting:
                continue
            found = states.get(str(mirror.key))
            if mirror.silent_since_s is not None:
                # It was silent, or is new to us; a wish to cancel may have been lost.
                mirror.cancel_sent = False
            mirror.silent_since_s = None
            if not mirror.is_sure:
                pulls.append(self._make_sure(mirror))
                continue
            if found is None:
                self._note_absence(mirror)
                continue
            mirror.state = State.from_json(found)
            if not mirror.cancel_sent and (mirror.directory / files.CANCEL).exists():
                self._spawn(self.pass_on_cancel(mirror.key))
            if not mirror.state.is_alive:
                self._connection.roster.let_go(mirror.key)
            elif not mirror.is_counted:
                self._count(mirror, worker)
            if mirror.state.is_alive and mirror.state.has_result:
                self._connection.roster.note_ending(mirror.key)
            pulls.append(self._pull(worker, mirror, news.get(str(mirror.key))))
        await asyncio.gather(*pulls)
        await self._clear_strangers(worker, states)

    def _count(self, mirror: Mirror, worker: Worker) -> None:
        """Take the room of what an earlier server began for ours, and not for that of others."""
        told = self._connection.roster.get(mirror.worker) or worker
        told.ours.setdefault(mirror.key, mirror.resources)
        mirror.is_counted = True

    async def _make_sure(self, mirror: Mirror) -> None:
        """Find out whether it began, after nobody has answered that.

        Only the worker that was told to begin knows what is still under way to it; once that
        worker is gone, any other of the machine does. Without an answer it is asked again.
        """
        with contextlib.suppress(AsyncExecError):
            told = self._connection.roster.get(mirror.worker) or self.worker_of(mirror)
            answer, _ = await self._connection.ask(
                told, "bar", {"key": str(mirror.key)}, timeout_s=HEAR_S
            )
            if answer["is_here"]:
                mirror.is_sure = True
                # What was said before may be older than it is.
                self._places[mirror.place].known = {}
            else:
                mirror.note_barred("It never arrived at its worker.")
                self._connection.roster.let_go(mirror.key)
                mirror.ring()

    def _note_absence(self, mirror: Mirror) -> None:
        if not mirror.is_gone:
            mirror.is_gone = True
            mirror.why_gone = f"Nothing is left of it on {mirror.worker}."
            self._connection.roster.let_go(mirror.key)
        mirror.ring()

    async def _pull(self, worker: Worker, mirror: Mirror, news: News | None) -> None:
        """Write here what is new there: what came with the state, and what did not fit."""
        async with mirror.pulling:
            state = mirror.state
            assert state is not None
            try:
                while not mirror.is_over():
                    is_told = news is not None
                    news = news or await self._read(worker, mirror, state)
                    if news is None:
                        return
                    if mirror.is_over():  # It was given up meanwhile.
                        break
                    is_taken = await asyncio.to_thread(mirror.take_in, state, news)
                    if is_taken:
                        mirror.ring()
                    if is_taken and news.completes(state):
                        return
                    if not (is_told or mirror.is_over() or news.has_grown):
                        # Something is there that does not come; the next watch tells of more.
                        return
                    news = None
            except (AsyncExecError, OSError) as error:
                # The state is told again with the next watch.
                self._places[mirror.place].known = {}
                _log.info("What %s has written is read again: %s", mirror.key, error)
                await asyncio.sleep(RETRY_S)
        mirror.ring()

    async def _read(self, worker: Worker, mirror: Mirror, state: State) -> News | None:
        """Return what is there and not here; None when that is nothing, and more may come."""
        offsets = await asyncio.to_thread(mirror.offsets)
        if News(offsets, dict.fromkeys(offsets, 0), b"").completes(state):
            return None
        # The end is only read when all before it is here, or comes with it.
        is_end = state.has_result or not state.is_alive
        fields: JSONObject = {"key": str(mirror.key), "offsets": offsets, "is_end": is_end}
        answer, content = await self._connection.ask(worker, "read", fields)
        return News(offsets, _lengths_from_json(answer["lengths"]), content)

    def _note_silence(self, name: str, why: str) -> None:
        now_s = time.monotonic()
        for mirror in self._at(name):
            if mirror.silent_since_s is None:
                mirror.silent_since_s = now_s
            elif now_s - mirror.silent_since_s > self._lost_after_s and not mirror.is_gone:
                _log.warning("The attempt %s is given up: %s", mirror.key, why)
                mirror.is_gone = True
                mirror.why_gone = (
                    f"Its worker {mirror.worker} has not been heard of for "
                    f"{self._lost_after_s:.0f} s."
                )
                self._connection.roster.let_go(mirror.key)
                mirror.ring()

    async def _clear_strangers(self, worker: Worker, states: JSONObject) -> None:
        """Have thrown away what was given up here while its machine was silent.

        An attempt has its folder here before it is begun there, and until it is discarded there.
        """
        known = {str(key) for key in self.mirrors}
        for name in states.keys() - known:
            if not await asyncio.to_thread((self._directory / name).exists):
                _log.info("The attempt %s on %s is not wanted any more.", name, worker.address)
                with contextlib.suppress(AsyncExecError):
                    await self._connection.ask(worker, "discard", {"key": name})

    def arrived(self, worker: Worker) -> None:
        """Look what a worker that is new to us still runs of ours."""
        self._spawn(self._look_for_strangers(worker))

    async def _look_for_strangers(self, worker: Worker) -> None:
        with contextlib.suppress(AsyncExecError):
            answer, _ = await self._connection.ask(worker, "watch", {"known": {}, "wait_s": 0})
            await self._clear_strangers(worker, answer["states"])

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def pass_on_cancel(self, key: AttemptKey) -> None:
        """Tell the worker; when it cannot be told now, it is as soon as it answers."""
        mirror = await self.adopt(key)
        if mirror.is_gone:
            return
        mirror.cancel_sent = True
        try:
            await self._connection.ask(self.worker_of(mirror), "cancel", {"key": str(key)})
        except AsyncExecError:
            mirror.cancel_sent = False


def _names_in(directory: Path) -> set[str] | None:
    """Return what is in a folder; None if that cannot be told now."""
    try:
        return set(os.listdir(directory))  # noqa: PTH208  the names
    except OSError:
        return None


def _lengths_from_json(fields: JSONObject) -> dict[str, int]:
    return {str(name): int(length) for name, length in fields.items()}


def _news_from_json(fields: JSONObject, content: Content) -> dict[str, News]:
    """Return what came with the states of attempts, by their names."""
    found = {}
    for name, each in fields.items():
        lengths = _lengths_from_json(each["lengths"])
        n_bytes = sum(lengths.values())
        found[name] = News(_lengths_from_json(each["offsets"]), lengths, content[:n_bytes])
        content = content[n_bytes:]
    return found
