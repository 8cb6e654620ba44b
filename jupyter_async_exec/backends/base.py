"""The contract of every backend, and the values that cross it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.core.events import Event
    from jupyter_async_exec.core.execution import Artifact, Execution, Remark
    from jupyter_async_exec.core.resources import Room
    from jupyter_async_exec.runner.result import Result


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Names one attempt; the same everywhere, therefore also the fencing token."""

    execution_id: str
    attempt: int

    def __str__(self) -> str:
        """Return the directory and handle name of the attempt."""
        return f"{self.execution_id}-{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What an attempt has written since the last look."""

    #: What happened, oldest first.
    events: tuple[Event, ...] = ()
    #: Where the next look starts, in bytes of the journal.
    offset: int = 0
    #: The end, once there is one; no event comes after it. The processes may live a little longer.
    result: Result | None = None
    #: Whether a process of the attempt still lives.
    alive: bool = True
    #: The result was found without what the attempt wrote down, which cannot be read any more:
    #: whatever it does not say may have happened.
    is_unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What an ended attempt leaves behind, already in the object store."""

    output_object: str | None = None
    journal_object: str | None = None
    log_object: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    remarks: tuple[Remark, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a backend takes executions, and how many."""

    #: Executions it takes at once (>= 0); None: as many as may run here at once.
    slots: int | None = None
    #: One sentence for people: why it takes none now, or not as many as it might.
    problem: str | None = None
    #: Whether what is sent there starts once there is room, without anybody mending something.
    is_usable: bool = True
    #: Names of the kernels that are installed there; None: those of this machine, or not known.
    kernels: frozenset[str] | None = None
    #: Its machines, as far as they are known; none: nothing can be asked for besides a slot.
    rooms: tuple[Room, ...] = ()
    #: Whether there is memory for executions to start while the processes of others, whose end is
    #: known, are still going; otherwise these keep their slots until they are gone.
    has_memory_for_ending: bool = False


class Backend(ABC):
    """A place where runners run.

    The store owns the queue and the attempts; a backend only starts, observes
    and ends what it is told to. Every method is idempotent, because after a
    restart the dispatcher does not know what it had already asked for.
    """

    #: Recorded with each execution and shown to people.
    name: str
    #: An attempt that was lost after its code may have begun goes back to the queue this often
    #: (>= 0). Where it is more than 0 the code may run more than once, which a remark says.
    lost_retries: int = 0

    #: Whether it wants to hear what waits for it.
    grows: bool = False

    async def expect(self, n_waiting: int) -> None:  # noqa: B027  not everyone grows
        """Hear how many executions wait for it (>= 0); called now and then if it `grows`."""

    async def health(self) -> Health:
        """Return how it is, from what is known already; asked often.

        A backend that is always there need not say so.
        """
        return Health()

    @abstractmethod
    async def start(self, execution: Execution) -> None:
        """Start the current attempt of `execution`.

        Returns when the attempt's processes exist. A second call for the same
        attempt does nothing.

        Raises
        ------
        StartCancelledError
            `cancel` was called meanwhile, and that was soon enough.
        NoRoomError
            There is no room for it now; it goes back to the queue for a while, however often.
        UnavailableError
            It could not be started now; likewise, until that has happened too often.
        AsyncExecError
            The attempt could not be started; nothing of it is left running.
        """

    @abstractmethod
    async def observe(self, key: AttemptKey, *, offset: int) -> Observation:
        """Return what the attempt has written from `offset` (bytes, >= 0) on.

        An attempt that nobody knows (any more) is not alive and has a result
        that says so.
        """

    async def wait(self, key: AttemptKey, *, timeout_s: float) -> None:  # noqa: ARG002
        """Return when there may be something to observe, at the latest after the time.

        A backend that hears of news at once overrides it.
        """
        await asyncio.sleep(timeout_s)

    @abstractmethod
    async def cancel(self, key: AttemptKey) -> None:
        """Ask the attempt to end; it keeps what it has and reports `cancelled`."""

    @abstractmethod
    async def harvest(self, key: AttemptKey, execution: Execution) -> Harvest:
        """Move everything worth keeping of an attempt with a result into the object store."""

    async def harvest_late(self, key: AttemptKey) -> Harvest:  # noqa: ARG002
        """End what still lives of an attempt with a result; keep what came after `harvest`.

        Whatever the notebook has written while its processes were taken down:
        `atexit` functions, other processes. Nobody writes any more when it is
        read. Only artifacts and remarks count. After an error it is asked again.
        A backend whose attempts are over with their result has nothing to keep.
        """
        return Harvest()

    @abstractmethod
    async def discard(self, key: AttemptKey) -> None:
        """Remove every process and file of the attempt."""

    @abstractmethod
    async def read_notebook(self, key: AttemptKey) -> bytes | None:
        """Return the notebook as far as the attempt has come, as JSON; `None` before it began."""

    @abstractmethod
    async def read_log(
        self, key: AttemptKey, *, offset: int, limit_bytes: int
    ) -> tuple[bytes, int]:
        """Return log bytes from `offset` (negative: from the end) and the log's size."""

    @abstractmethod
    async def attempts(self) -> tuple[AttemptKey, ...]:
        """Return every attempt this backend still holds something of."""

    async def close(self) -> None:  # noqa: B027  not everyone has something
        """Let go of what belongs to this process; attempts go on.

        Called once, last. The default has nothing to let go of.
        """
