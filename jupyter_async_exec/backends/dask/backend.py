"""Runners below the workers of a Dask cluster, as the dispatcher sees them.

The store owns queue and attempts; Dask places nothing, repeats nothing and
keeps nothing. It is asked which workers there are, and carries calls to the
agents on them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import threading
import time
from collections import deque
from dataclasses import astuple, dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from jupyter_async_exec.backends import attempt_folder
from jupyter_async_exec.backends.base import AttemptKey, Backend, Harvest, Health, Observation
from jupyter_async_exec.backends.dask.cluster import Cluster
from jupyter_async_exec.backends.dask.mirror import Mirror, News
from jupyter_async_exec.backends.dask.parcels import (
    Arrivals,
    Asking,
    choose_pieces,
    pack,
    pieces_from_json,
    rest_of,
)
from jupyter_async_exec.backends.dask.protocol import (
    CALL_TIMEOUT_S,
    State,
    UnansweredError,
    UnreachableError,
    order_of,
)
from jupyter_async_exec.backends.dask.settings import DaskSettings, read_settings
from jupyter_async_exec.core.execution import Artifact, Remark
from jupyter_async_exec.core.secret_names import hidden_names
from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    CorruptObjectError,
    InvalidRequestError,
    NotFoundError,
    StartCancelledError,
    UnavailableError,
)
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.vault import read_secrets
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from jupyter_async_exec.backends.dask.link import Link
    from jupyter_async_exec.backends.dask.parcels import Lacking, Parcel
    from jupyter_async_exec.backends.dask.roster import Roster, Worker
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.runner.vault import Vault

ATTEMPTS = "attempts"
CLUSTER = "cluster"
STORE_ID = "store-id"
#: How long a watch waits for news; the connection is taken for broken some time later.
WATCH_S = 5.0
WATCH_MARGIN_S = 5.0
#: A pause before what failed is tried again.
RETRY_S = 0.5
#: A worker that is about to be told to begin something answers within this time.
HEAR_S = 5.0
#: Pieces of results that are asked for before the first of them has come.
N_UNDER_WAY = 3
#: Whoever is told to throw something away does so within this time, or is told again later.
DISCARD_S = 20.0
#: Objects are offered so often before a worker is given up.
N_TRIES = 4

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """A machine on which attempts of ours are."""

    task: asyncio.Task[None] | None = None
    #: What it said last of each attempt.
    known: dict[str, Any] = field(default_factory=dict)
    #: One execution brings what is lacking, the others wait for it.
    bringing: asyncio.Lock = field(default_factory=asyncio.Lock)


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
        self._settings = settings
        self._objects = objects
        self._vault = vault
        self._opening = threading.Lock()
        #: Made when it is first needed: Dask takes a while to import, and many never ask.
        self._opened: tuple[Link, Roster] | None = None
        self._mirrors: dict[AttemptKey, Mirror] = {}
        self._places: dict[str, _Place] = {}
        self._early_cancels: set[AttemptKey] = set()
        self._background: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ from the server's event loop

    @override
    async def health(self) -> Health:
        cluster = self._cluster
        if cluster is None:
            return await self._run(self._health)
        # What runs needs it as well, also after a restart of the server.
        held = await self.attempts()
        await asyncio.to_thread(cluster.want, self._n_waiting, len(held))
        if not await asyncio.to_thread(cluster.scheduler_file.exists):
            return await asyncio.to_thread(self._describe_absent, cluster)
        found = await self._run(self._health)
        return found if found.slots else replace(found, is_usable=True)

    def _describe_absent(self, cluster: Cluster) -> Health:
        problem = None if cluster.is_kept() else cluster.problem()
        if problem is not None:
            return Health(slots=0, problem=f"{self.name}: {problem}", is_usable=False)
        return Health(slots=0, problem=f"{self.name}: its cluster is started when it is needed.")

    @override
    async def expect(self, n_waiting: int) -> None:
        self._n_waiting = n_waiting

    @override
    async def start(self, execution: Execution) -> None:
        await self._run(lambda: self._start(execution))

    @override
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        mirror = self._mirrors.get(key)
        if mirror is None and not await asyncio.to_thread(self._path(key).exists):
            mirror = Mirror(key, self._path(key))
            mirror.note_barred("")
        if mirror is None:
            mirror = await self._run(lambda: self._adopt(key))
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
            await asyncio.to_thread(files.request_cancel, self._path(key))
        except FileNotFoundError:
            self._early_cancels.add(key)
            return
        await self._run(lambda: self._pass_on_cancel(key))

    @override
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        return await self._run(lambda: self._harvest(key))

    @override
    async def harvest_late(self, key: AttemptKey) -> Harvest:
        return await self._run(lambda: self._harvest_late(key))

    @override
    async def discard(self, key: AttemptKey) -> None:
        self._early_cancels.discard(key)
        if key not in self._mirrors and not await asyncio.to_thread(self._path(key).exists):
            return
        await self._run(lambda: self._discard(key))

    @override
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        return await asyncio.to_thread(attempt_folder.read_notebook, self._path(key))

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
        if self._opened is not None:
            await asyncio.to_thread(self._opened[0].close)

    def _path(self, key: AttemptKey) -> Path:
        return self._directory / str(key)

    def _open(self) -> Link:
        from jupyter_async_exec.backends.dask.link import Link
        from jupyter_async_exec.backends.dask.roster import Roster

        with self._opening:
            if self._opened is None:
                store_id = _read_store_id(self._directory.parent)
                settings = self._settings
                if self._cluster is not None:
                    there = str(self._cluster.scheduler_file)
                    settings = replace(settings, cluster=None, scheduler_file=there)
                link = Link(settings, store_id=store_id)
                roster = Roster(
                    link,
                    name=self.name,
                    slots=self._settings.slots,
                    options={"nice": self._settings.nice, "spares": self._settings.spares},
                    arrived=self._arrived,
                )
                self._opened = link, roster
            return self._opened[0]

    async def _run(self, act: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Act in the link's thread."""
        link = self._opened[0] if self._opened else await asyncio.to_thread(self._open)
        return await link.run(act())

    # ------------------------------------------------------------ in the link's thread

    @property
    def _link(self) -> Link:
        assert self._opened is not None
        return self._opened[0]

    @property
    def _roster(self) -> Roster:
        assert self._opened is not None
        return self._opened[1]

    async def _health(self) -> Health:
        self._roster.start()
        return self._roster.health()

    async def _start(self, execution: Execution) -> None:
        key = AttemptKey(execution.id, execution.attempt)
        if key in self._mirrors or self._path(key).exists():
            await self._adopt(key)
            return
        self._roster.start()
        worker = await self._roster.choose(execution.kernel_name, execution.resources)
        worker.ours[key] = execution.resources
        mirror = Mirror(key, self._path(key))
        mirror.is_starting = True
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
        self._follow(mirror)

    def _check_cancel(self, key: AttemptKey) -> None:
        if key in self._early_cancels or (self._path(key) / files.CANCEL).exists():
            self._early_cancels.discard(key)
            raise StartCancelledError("Cancelled before it started.")

    async def _hear(self, worker: Worker, execution: Execution) -> bool:
        """Hear of the worker before it is told to begin; return whether it lacks the snapshot.

        What gets no answer to this has not begun, so that it need not be lost.
        """
        fields: JSONObject = {"object_ids": [execution.snapshot_id]}
        answer, _ = await self._ask(worker, "lacking", fields, timeout_s=HEAR_S)
        return bool(answer["lacking"])

    async def _begin(
        self, worker: Worker, mirror: Mirror, execution: Execution, *, is_lacking: bool
    ) -> None:
        order = order_of(execution, await self._read_secrets(execution, worker))
        for _ in range(N_TRIES):
            if is_lacking:
                place = self._places.setdefault(worker.place, _Place())
                async with place.bringing:
                    await self._bring(worker, mirror.key, execution)
            try:
                answer, _ = await self._ask(worker, "begin", {"order": order})
            except UnansweredError as error:
                _log.warning("Whether %s has begun is asked again: %s", mirror.key, error)
                return
            self._check_cancel(mirror.key)
            if answer.get("is_full"):
                worker.busy = worker.slots
                raise UnavailableError(f"{self.name}: the worker {worker.address} is full.")
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
        if not _is_private(worker.address):
            raise InvalidRequestError(
                f"Secret parameters are not sent to {worker.address}, because everybody on the "
                "way could read them; use TLS."
            )
        return dict(await asyncio.to_thread(read_secrets, self._vault.path(execution.id)))

    async def _bring(self, worker: Worker, key: AttemptKey, execution: Execution) -> None:
        """Bring what the worker's machine lacks of a snapshot, and of what is handed to it."""
        manifest = await asyncio.to_thread(load_manifest, self._objects, execution.snapshot_id)
        handed = execution.provenance.get("handed") or {"files": []}
        its = [str(file["object_id"]) for file in handed["files"]]
        ids = [execution.snapshot_id, *manifest.object_ids, *its]
        answer, _ = await self._ask(worker, "lacking", {"object_ids": ids})
        lacking = [(str(object_id), int(offset)) for object_id, offset in answer["lacking"]]
        while lacking:
            self._check_cancel(key)
            pieces, content = await asyncio.to_thread(pack, self._objects, lacking)
            lacking = rest_of(lacking, pieces)
            fields: JSONObject = {
                "pieces": [astuple(piece) for piece in pieces],
                "is_last": not lacking,
                "cache_bytes": self._settings.cache_bytes,
            }
            await self._ask(worker, "give", fields, content)

    async def _ask(
        self,
        worker: Worker,
        verb: str,
        fields: JSONObject,
        content: bytes = b"",
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> tuple[JSONObject, bytes]:
        return await self._link.ask(
            worker.address,
            verb,
            fields,
            content,
            is_direct=worker.is_direct,
            timeout_s=timeout_s,
        )

    def _worker_of(self, mirror: Mirror) -> Worker:
        worker = self._roster.find(mirror.place)
        if worker is None:
            raise UnreachableError(f"{self.name}: {mirror.worker} does not answer.")
        return worker

    # ------------------------------------------------------------ following

    async def _adopt(self, key: AttemptKey) -> Mirror:
        """Return the mirror of an attempt, also of one that an earlier server began."""
        mirror = self._mirrors.get(key)
        if mirror is None:
            mirror = Mirror(key, self._path(key))
            if not mirror.directory.exists():
                mirror.note_barred("")
                return mirror
            await asyncio.to_thread(mirror.read_where)
            self._mirrors.setdefault(key, mirror)
            self._roster.start()
        self._follow(mirror)
        return mirror

    def _follow(self, mirror: Mirror) -> None:
        place = self._places.setdefault(mirror.place, _Place())
        if place.task is None or place.task.done():
            place.known = {}
            place.task = asyncio.get_running_loop().create_task(self._watch(mirror.place, place))

    def _at(self, place: str) -> list[Mirror]:
        return [mirror for mirror in self._mirrors.values() if mirror.place == place]

    async def _watch(self, name: str, place: _Place) -> None:
        """Follow all attempts of one machine, as long as there are some."""
        while mirrors := self._at(name):
            worker = self._roster.find(name)
            try:
                if worker is None:
                    raise UnreachableError(f"{self.name}: nobody answers for {mirrors[0].worker}.")
                answer, content = await self._link.ask(
                    worker.address,
                    "watch",
                    {"known": place.known, "wait_s": WATCH_S},
                    is_direct=worker.is_direct,
                    timeout_s=WATCH_S + WATCH_MARGIN_S,
                )
            except AsyncExecError as error:
                place.known = {}
                self._note_silence(name, str(error))
                await asyncio.sleep(RETRY_S)
                continue
            worker.busy = int(answer["busy"])
            worker.used = {str(each): float(n) for each, n in answer["used"].items()}
            place.known = answer["states"]
            # Those that began while it answered are heard of next time.
            news = _news_from_json(answer["news"], content)
            await self._note_states(worker, mirrors, answer["states"], news)

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
                self._spawn(self._pass_on_cancel(mirror.key))
            if not mirror.state.is_alive:
                self._roster.let_go(mirror.key)
            pulls.append(self._pull(worker, mirror, news.get(str(mirror.key))))
        await asyncio.gather(*pulls)
        await self._clear_strangers(worker, states)

    async def _make_sure(self, mirror: Mirror) -> None:
        """Find out whether it began, after nobody has answered that.

        Only the worker that was told to begin knows what is still under way to it; once that
        worker is gone, any other of the machine does. Without an answer it is asked again.
        """
        with contextlib.suppress(AsyncExecError):
            told = self._roster.get(mirror.worker) or self._worker_of(mirror)
            answer, _ = await self._ask(told, "bar", {"key": str(mirror.key)}, timeout_s=HEAR_S)
            if answer["is_here"]:
                mirror.is_sure = True
                # What was said before may be older than it is.
                self._places[mirror.place].known = {}
            else:
                mirror.note_barred("It never arrived at its worker.")
                self._roster.let_go(mirror.key)
                mirror.ring()

    def _note_absence(self, mirror: Mirror) -> None:
        if not mirror.is_gone:
            mirror.is_gone = True
            mirror.why_gone = f"Nothing is left of it on {mirror.worker}."
            self._roster.let_go(mirror.key)
        mirror.ring()

    async def _pull(self, worker: Worker, mirror: Mirror, news: News | None) -> None:
        """Write here what is new there: what came with the state, and what did not fit."""
        async with mirror.pulling:
            state = mirror.state
            assert state is not None
            try:
                while not mirror.is_over():
                    offsets = await asyncio.to_thread(mirror.offsets)
                    if news is not None and news.offsets == offsets:
                        await asyncio.to_thread(mirror.take_in, state, news)
                        mirror.ring()
                        news = None
                        continue
                    is_behind = (
                        offsets[files.JOURNAL] < state.journal_bytes
                        or offsets[files.LOG] < state.log_bytes
                    )
                    if not is_behind and not state.has_result and state.is_alive:
                        return
                    # The end is only read when all before it is here, or comes with it.
                    is_end = state.has_result or not state.is_alive
                    fields: JSONObject = {
                        "key": str(mirror.key),
                        "offsets": offsets,
                        "is_end": is_end,
                    }
                    answer, content = await self._ask(worker, "read", fields)
                    if mirror.is_over():  # It was given up meanwhile.
                        break
                    read = News(offsets, _lengths_from_json(answer["lengths"]), content)
                    await asyncio.to_thread(mirror.take_in, state, read)
                    mirror.ring()
            except (AsyncExecError, OSError) as error:
                # The state is told again with the next watch.
                self._places[mirror.place].known = {}
                _log.info("What %s has written is read again: %s", mirror.key, error)
                await asyncio.sleep(RETRY_S)
        mirror.ring()

    def _note_silence(self, name: str, why: str) -> None:
        now_s = time.monotonic()
        for mirror in self._at(name):
            if mirror.silent_since_s is None:
                mirror.silent_since_s = now_s
            elif now_s - mirror.silent_since_s > self._settings.lost_after_s and not mirror.is_gone:
                _log.warning("The attempt %s is given up: %s", mirror.key, why)
                mirror.is_gone = True
                mirror.why_gone = (
                    f"Its worker {mirror.worker} has not been heard of for "
                    f"{self._settings.lost_after_s:.0f} s."
                )
                self._roster.let_go(mirror.key)
                mirror.ring()

    async def _clear_strangers(self, worker: Worker, states: JSONObject) -> None:
        """Have thrown away what was given up here while its machine was silent.

        An attempt has its folder here before it is begun there, and until it is discarded there.
        """
        for name in states:
            if not await asyncio.to_thread((self._directory / name).exists):
                _log.info("The attempt %s on %s is not wanted any more.", name, worker.address)
                with contextlib.suppress(AsyncExecError):
                    await self._ask(worker, "discard", {"key": name})

    def _arrived(self, worker: Worker) -> None:
        self._spawn(self._look_for_strangers(worker))

    async def _look_for_strangers(self, worker: Worker) -> None:
        with contextlib.suppress(AsyncExecError):
            answer, _ = await self._ask(worker, "watch", {"known": {}, "wait_s": 0})
            await self._clear_strangers(worker, answer["states"])

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # ------------------------------------------------------------ cancel, harvest, discard

    async def _pass_on_cancel(self, key: AttemptKey) -> None:
        """Tell the worker; when it cannot be told now, it is as soon as it answers."""
        mirror = await self._adopt(key)
        if mirror.is_gone:
            return
        mirror.cancel_sent = True
        try:
            await self._ask(self._worker_of(mirror), "cancel", {"key": str(key)})
        except AsyncExecError:
            mirror.cancel_sent = False

    async def _harvest(self, key: AttemptKey) -> Harvest:
        mirror = await self._adopt(key)
        if not mirror.directory.exists():
            return Harvest()
        if mirror.is_gone:
            return await self._harvest_here(mirror)
        worker = self._worker_of(mirror)
        try:
            # Journal and log are here already, if nothing went wrong on their way.
            (found, first), here = await asyncio.gather(
                self._ask_harvest(worker, key), asyncio.to_thread(self._keep_mirrored, mirror)
            )
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

    async def _harvest_late(self, key: AttemptKey) -> Harvest:
        mirror = await self._adopt(key)
        if mirror.is_gone:
            return Harvest()
        worker = self._worker_of(mirror)
        try:
            found, first = await self._ask_harvest(worker, key, is_late=True)
        except NotFoundError:
            return Harvest()
        ids = [artifact.object_id for artifact in found.artifacts]
        await self._fetch(worker, key, ids, first)
        return found

    async def _ask_harvest(
        self, worker: Worker, key: AttemptKey, *, is_late: bool = False
    ) -> tuple[Harvest, Parcel]:
        """Return what an attempt left, and what of it came at once."""
        fields: JSONObject = {"key": str(key), "is_late": is_late}
        while True:
            answer, content = await self._ask(worker, "harvest", fields)
            # However much it is to hash: no call stays open for long.
            if not answer.get("is_working"):
                pieces = pieces_from_json(answer["pieces"])
                return _harvest_from_json(answer["harvest"]), (pieces, content)

    async def _fetch(
        self, worker: Worker, key: AttemptKey, object_ids: Sequence[str], first: Parcel
    ) -> None:
        """Bring objects here, in pieces, and verify them; the `first` have come already."""
        arrivals = Arrivals(self._objects, str(key))
        n_damaged = 0
        while lacking := await asyncio.to_thread(arrivals.lacking, object_ids):
            first = choose_pieces(*first, lacking)
            try:
                if first[0]:
                    await asyncio.to_thread(arrivals.add, *first)
                else:
                    await self._carry(worker, arrivals, lacking)
            except CorruptObjectError:
                n_damaged += 1
                if n_damaged >= N_TRIES:
                    raise
            first = [], b""

    async def _carry(self, worker: Worker, arrivals: Arrivals, lacking: Sequence[Lacking]) -> None:
        """Bring what is lacking: pieces travel while others are written, and those verified."""
        asking = Asking(lacking)
        under_way: deque[asyncio.Task[tuple[JSONObject, bytes]]] = deque()
        keeping: asyncio.Task[None] | None = None
        try:
            while True:
                while len(under_way) < N_UNDER_WAY and (wanted := asking.choose()):
                    question = self._ask(worker, "take", {"wanted": wanted})
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

    async def _discard(self, key: AttemptKey) -> None:
        self._roster.let_go(key)
        mirror = self._mirrors.get(key) or Mirror(key, self._path(key))
        if mirror.directory.exists() and not mirror.place:
            await asyncio.to_thread(mirror.read_where)
        worker = self._roster.find(mirror.place)
        if worker is not None:
            # Who cannot be told now is told as soon as it answers: see `_clear_strangers`.
            with contextlib.suppress(UnreachableError, ConflictError):
                await self._ask(worker, "discard", {"key": str(key)}, timeout_s=DISCARD_S)
        self._mirrors.pop(key, None)
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


def _lengths_from_json(fields: JSONObject) -> dict[str, int]:
    return {str(name): int(length) for name, length in fields.items()}


def _news_from_json(fields: JSONObject, content: bytes) -> dict[str, News]:
    """Return what came with the states of attempts, by their names."""
    found = {}
    for name, each in fields.items():
        lengths = _lengths_from_json(each["lengths"])
        n_bytes = sum(lengths.values())
        found[name] = News(_lengths_from_json(each["offsets"]), lengths, content[:n_bytes])
        content = content[n_bytes:]
    return found


def _harvest_from_json(fields: JSONObject) -> Harvest:
    """Read what an agent says of a harvest; it comes from a machine that is not ours."""
    return Harvest(
        output_object=fields["output_object"],
        journal_object=fields["journal_object"],
        log_object=fields["log_object"],
        artifacts=tuple(
            Artifact(
                name=str(name),
                object_id=str(object_id),
                size_bytes=int(size_bytes),
                media_type=str(media_type),
            )
            for name, object_id, size_bytes, media_type in fields["artifacts"]
        ),
        remarks=tuple(
            Remark(kind=str(kind), message=str(message), cell_index=cell_index)
            for kind, message, cell_index in fields["remarks"]
        ),
    )


def _is_private(address: str) -> bool:
    """Whether nobody else can read what goes there: it is encrypted, or does not leave us."""
    scheme, _, rest = address.partition("://")
    host = rest.rpartition(":")[0]
    return scheme in ("tls", "wss", "inproc") or host in ("127.0.0.1", "[::1]", "localhost")


def _read_store_id(directory: Path) -> str:
    """Return what names our attempts on the workers, made once."""
    path = directory / STORE_ID
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        mine = path.with_name(f".{STORE_ID}-{secrets.token_hex(4)}")
        files.write_whole(mine, secrets.token_hex(16).encode("ascii"))
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    return path.read_text(encoding="ascii")
