"""Which workers there are, what each can take, and what to say when none can."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import Health
from jupyter_async_exec.backends.dask.link import distributed_version
from jupyter_async_exec.backends.dask.protocol import (
    PROTOCOL,
    UnreachableError,
    installed_release,
)
from jupyter_async_exec.core.resources import Room, describe_resources, fits, take, total
from jupyter_async_exec.errors import (
    AsyncExecError,
    KernelMissingError,
    NoRoomError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jupyter_async_exec.backends.base import AttemptKey
    from jupyter_async_exec.backends.dask.link import Link
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.resources import Resources

#: How often scheduler and workers are asked how they are, in seconds.
LOOK_S = 2.0
#: So many workers that are well are asked in one look, those first that were not for longest:
#: of attempts they tell by themselves, and who is there the scheduler knows.
N_GREETED = 20
#: The first look may take so long before somebody who asks is told that there is no answer yet.
FIRST_LOOK_S = 30.0
#: So long is waited for workers that answer late, which the next look hears of otherwise (s).
GREETING_S = 0.5
#: The first time, when they import our part.
FIRST_GREETING_S = 20.0
#: A worker that says nothing for longer is not used (s).
SILENCE_S = 10.0
#: A worker that could not be used is tried again after so many looks.
RETRY_LOOKS = 5

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """A worker, as it introduced itself."""

    address: str
    #: What its cluster calls it.
    name: object = None
    #: Names the folder of its machine; workers that share it see the same attempts.
    place: str = ""
    host: str = ""
    slots: int = 0
    #: Attempts below it, of whichever store, when it was last asked.
    busy: int = 0
    #: Those beside which another may begin, because they only end.
    n_ending: int = 0
    kernels: frozenset[str] = frozenset()
    #: What its attempts share, and what they have of it, of whichever store, when last asked.
    resources: Resources = field(default_factory=dict)
    used: Resources = field(default_factory=dict)
    is_direct: bool = True
    #: Why nothing is started there.
    problem: str | None = None
    n_looks: int = 0
    #: When it was asked how it is (s, monotonic).
    asked_s: float = -math.inf
    #: When it last answered about attempts (s, monotonic).
    heard_s: float = -math.inf
    #: Ours that are being started there, or run there, by key: what each needs.
    ours: dict[AttemptKey, Resources] = field(default_factory=dict)
    #: Those of ours that only end.
    ending: set[AttemptKey] = field(default_factory=set)

    @property
    def n_free(self) -> int:
        """How many more it takes."""
        if self.problem:
            return 0
        ours = len(self.ours) - self.n_lent
        return max(0, self.slots - max(self.busy - self.n_ending, ours))

    @property
    def n_lent(self) -> int:
        """How many of ours only end, so that others may have their slots already."""
        return min(len(self.ending), self.n_ending)

    @property
    def n_ours(self) -> int:
        """How many of its slots are for us: all but those that others hold."""
        return max(0, self.slots - max(0, self.busy - len(self.ours)))

    @property
    def has_memory_for_ending(self) -> bool:
        """Whether others may begin beside all of ours that only end."""
        return len(self.ending) <= self.n_ending

    @property
    def room(self) -> Room:
        """What there is for us: all but what others run there."""
        ours = total(self.ours.values())
        others = {name: max(0.0, n - ours.get(name, 0.0)) for name, n in self.used.items()}
        return Room(
            # What ends is held there as well, and nobody has to wait for it.
            slots=self.n_ours + self.n_lent,
            kernels=self.kernels,
            resources=take(others, self.resources),
            held=frozenset(key.execution_id for key in self.ours),
        )

    def takes(self, needed: Resources) -> bool:
        """Whether there is room for one more of ours."""
        ours = total(self.ours.values())
        return self.n_free > 0 and fits(needed, take(ours, self.room.resources))


class Roster:
    """Looks after the workers of one scheduler; lives in the link's thread.

    Parameters
    ----------
    link
        To the scheduler and its workers.
    name
        Of the backend, for sentences.
    slots
        At most so many executions at once; None: as many as the workers take.
    options
        What agents are told about how to run.
    arrived
        Called with each worker that has introduced itself.
    grows
        Whether workers come when they are needed.
    """

    def __init__(
        self,
        link: Link,
        *,
        name: str,
        slots: int | None,
        options: JSONObject,
        arrived: Callable[[Worker], None],
        grows: bool = False,
    ) -> None:
        self._link = link
        self._name = name
        self._slots = slots
        self._options = options
        self._arrived = arrived
        self._grows = grows
        self._workers: dict[str, Worker] = {}
        self._problem: str | None = f"{name}: the scheduler has not answered yet."
        self._first = asyncio.Event()
        self._greetings: dict[str, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._scheduler_version = ""
        #: Since when the scheduler does not answer (s, monotonic).
        self.silent_since_s: float | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    def health(self) -> Health:
        """Return how many executions are taken, and why not more, from what is known."""
        ready = [worker for worker in self._workers.values() if worker.problem is None]
        # What others run there is no room for us.
        rooms = tuple(worker.room for worker in ready)
        # Who cannot be looked after now gets nothing more.
        slots = 0 if self._problem else sum(worker.n_ours for worker in ready)
        if self._slots is not None:
            slots = min(slots, self._slots)
        kernels = frozenset(name for worker in ready for name in worker.kernels)
        return Health(
            slots=slots,
            problem=self._explain(ready, slots),
            is_usable=self._problem is None and bool(ready),
            rooms=rooms,
            has_memory_for_ending=all(worker.has_memory_for_ending for worker in ready),
            kernels=kernels if ready and self._are_all_known() else None,
        )

    def _explain(self, ready: list[Worker], slots: int) -> str | None:
        if self._problem is not None:
            return self._problem
        if not self._workers:
            none = "no worker has come yet" if self._grows else "the scheduler has no workers"
            return f"{self._name}: {none}."
        if not ready:
            worker = next(iter(self._workers.values()))
            why = worker.problem or "it has not the kernel"
            return f"{self._name}: {worker.address}: {why}"
        if slots == 0:
            return f"{self._name}: every worker is busy with executions of others."
        unused = [each for each in self._workers.values() if each.problem and each.place]
        if unused:
            n_all = len(self._workers)
            first = f"{unused[0].address}: {unused[0].problem}"
            return f"{self._name}: {len(unused)} of {n_all} workers cannot be used: {first}"
        return None

    async def choose(self, kernel_name: str, needed: Resources | None = None) -> Worker:
        """Return the worker with the most room that has the kernel, and all that is needed.

        Raises
        ------
        KernelMissingError
            There are workers, and none has it.
        NoRoomError
            No worker has room now.
        """
        await self._await_first()
        if self._problem is not None:
            raise NoRoomError(self._problem)
        ready = [worker for worker in self._workers.values() if worker.problem is None]
        able = [worker for worker in ready if kernel_name in worker.kernels]
        if ready and not able and self._are_all_known():
            installed = sorted({name for worker in ready for name in worker.kernels})
            raise KernelMissingError(
                f"No worker of {self._name} has the kernel {kernel_name!r}; install it there, or "
                f"choose one of: {', '.join(installed)}.",
                {"installed": installed},
            )
        free = [worker for worker in able if worker.takes(needed or {})]
        if not free:
            lacking = f" has {describe_resources(needed)} free" if needed else "is free"
            why = self._explain(able, 1) or f"{self._name}: no worker {lacking.strip()}."
            raise NoRoomError(why)
        return max(free, key=lambda worker: worker.n_free)

    def _are_all_known(self) -> bool:
        """Whether every worker has said what it is, or that it is of no use."""
        return all(worker.place for worker in self._workers.values())

    @property
    def workers(self) -> list[Worker]:
        """Those that can be used."""
        return [worker for worker in self._workers.values() if worker.problem is None]

    def find(self, place: str) -> Worker | None:
        """Return a worker that sees the attempts of a place."""
        for worker in self._workers.values():
            if worker.place == place and worker.problem is None:
                return worker
        return None

    def get(self, address: str) -> Worker | None:
        """Return the worker at an address, also one that does not answer now."""
        return self._workers.get(address)

    def note_ending(self, key: AttemptKey) -> None:
        """Note that an attempt has its result, and only ends."""
        for worker in self._workers.values():
            if key in worker.ours:
                worker.ending.add(key)

    def let_go(self, key: AttemptKey) -> None:
        """Note that an attempt takes no room any more."""
        for worker in self._workers.values():
            needed = worker.ours.pop(key, None)
            if key in worker.ending:
                worker.ending.discard(key)
                worker.n_ending = max(0, worker.n_ending - 1)
            if needed is not None:
                worker.busy = max(0, worker.busy - 1)
                worker.used = take(needed, worker.used)

    async def _await_first(self) -> None:
        if not self._first.is_set():
            try:
                async with asyncio.timeout(FIRST_LOOK_S):
                    await self._first.wait()
            except TimeoutError:
                return

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
                self._problem = None
            except AsyncExecError as error:
                self._problem = f"{self._name}: {error}"
            except Exception as error:  # noqa: BLE001  it goes on looking
                _log.exception("The workers of %s cannot be looked at.", self._name)
                self._problem = f"{self._name}: {error}"
            self._first.set()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        try:
            identity = await self._link.identity()
        except UnavailableError:
            self._scheduler_version = ""
            if self.silent_since_s is None:
                self.silent_since_s = time.monotonic()
            raise
        self.silent_since_s = None
        if not self._scheduler_version:
            self._scheduler_version = await self._link.scheduler_version()
        _check_versions(self._scheduler_version)
        addresses = [str(address) for address in identity["workers"]]
        for gone in set(self._workers) - set(addresses):
            _log.info("The worker %s of %s is gone.", gone, self._name)
            del self._workers[gone]
            self._greetings.pop(gone).cancel()
        for address in self._due(addresses):
            greeting = self._greetings.get(address)
            # One that does not answer holds up nobody else.
            if greeting is None or greeting.done():
                self._greetings[address] = asyncio.ensure_future(self._greet(address))
        for address, described in identity["workers"].items():
            self._workers.setdefault(
                str(address), Worker(str(address), problem="not asked yet")
            ).name = (described or {}).get("name")
        running = [task for task in self._greetings.values() if not task.done()]
        if running:
            limit_s = GREETING_S if self._first.is_set() else FIRST_GREETING_S
            await asyncio.wait(running, timeout=limit_s)

    def _due(self, addresses: Sequence[str]) -> Iterable[str]:
        """Return who is to be asked now: those that are new or not well, and some of the others."""
        known = {each: self._workers.get(each) for each in addresses}
        well = [worker for worker in known.values() if worker and worker.problem is None]
        others = sorted(well, key=lambda worker: worker.asked_s)[N_GREETED:]
        return known.keys() - {worker.address for worker in others}

    async def _greet(self, address: str) -> None:
        worker = self._workers.setdefault(address, Worker(address, problem="not asked yet"))
        worker.n_looks += 1
        worker.asked_s = time.monotonic()
        is_new = not worker.place
        if worker.problem is not None and not is_new and worker.n_looks % RETRY_LOOKS:
            return
        try:
            if is_new or worker.problem is not None:
                worker.is_direct, fields = await self._link.introduce(address, self._options)
            else:
                fields, _ = await self._link.ask(
                    address,
                    "introduce",
                    {"options": self._options},
                    is_direct=worker.is_direct,
                    timeout_s=SILENCE_S,
                )
            had_problem = worker.problem is not None
            _fill(worker, fields)
        except AsyncExecError as error:
            if not isinstance(error, UnreachableError):
                worker.place = worker.place or "-"
            worker.problem = str(error)
            return
        if had_problem and worker.problem is None:
            self._arrived(worker)


def _fill(worker: Worker, fields: JSONObject) -> None:
    worker.place = str(fields["place"])
    worker.host = str(fields["host"])
    worker.slots = int(fields["slots"])
    worker.busy, worker.n_ending = int(fields["busy"]), int(fields["ending"])
    worker.resources = {str(name): float(n) for name, n in fields["resources"].items()}
    worker.used = {str(name): float(n) for name, n in fields["used"].items()}
    worker.kernels = frozenset(str(name) for name in fields["kernels"])
    theirs, ours = str(fields["version"]), installed_release()
    worker.problem = None
    if theirs != ours or fields["protocol"] != PROTOCOL:
        worker.problem = (
            f"it has jupyter_async_exec {theirs} and this server {ours}; "
            "install the same release on both."
        )


def _check_versions(theirs: str) -> None:
    ours = distributed_version()
    if _release(theirs) != _release(ours):
        raise UnavailableError(
            f"the scheduler has distributed {theirs} and this server {ours}; "
            "install the same release on both."
        )


def _release(version: str) -> tuple[str, ...]:
    """Return year and month: Dask promises nothing between them."""
    return tuple(version.split(".")[:2])
