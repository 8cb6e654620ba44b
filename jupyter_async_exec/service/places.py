"""Where executions run: how many at once, how each place is, and why somebody waits for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import Health
from jupyter_async_exec.core.execution import LOCAL
from jupyter_async_exec.core.resources import describe_resources, fits, most
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.resources import Resources, Room
    from jupyter_async_exec.service.ports import KernelCatalog
    from jupyter_async_exec.store import ExecutionStore

#: Reasons to wait hold for so long (s) unless something changes here.
REASON_AGE_S = 0.1
#: Its backend was there when it was submitted.
NOT_CONFIGURED = "Waits for its backend, which is not configured here any more."
_TURN = "Waits for its turn."


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why queued executions wait, as sentences."""

    #: By backend, why it takes no more; None: it does.
    full: Mapping[str, str | None] = field(default_factory=dict)
    healths: Mapping[str, Health] = field(default_factory=dict)

    @property
    def here(self) -> str:
        """Why one waits for this machine that needs nothing but a slot."""
        return self.full[LOCAL] or _TURN

    def of(self, execution: Execution) -> str:
        """Return why this one waits."""
        name = execution.backend
        if name not in self.full:
            return NOT_CONFIGURED
        needed, kernel_name = execution.resources, execution.kernel_name
        if self.full[name] is not None:
            return self.full[name] or _TURN
        rooms = self.healths.get(name, Health()).rooms
        if rooms and not any(room.takes(kernel_name) for room in rooms):
            return f"Waits for a free slot where the kernel {kernel_name[:100]!r} is installed."
        if not needed:
            return _TURN
        if rooms and not any(fits(needed, room.most) for room in rooms):
            return f"Waits for {_lack(name, needed, rooms)}."
        return f"Waits until {describe_resources(needed)} is free."


#: Where nobody waits.
NO_REASONS = Reasons()


class Places:
    """The backends, as people see them.

    Parameters
    ----------
    store
        Tells what runs.
    backends
        By name.
    slots
        Gives how many executions may run at once on a backend that does not say so itself.
    kernels
        What is installed on this machine.
    """

    def __init__(
        self,
        store: ExecutionStore,
        backends: Mapping[str, Backend],
        slots: Callable[[], int],
        kernels: KernelCatalog,
    ) -> None:
        self._store = store
        self._backends = backends
        self._slots = slots
        self._kernels = kernels
        self._healths: dict[str, Health] = {}
        #: When reasons were found the last time, and by backend what.
        self._found: tuple[float, Reasons] | None = None

    def forget(self) -> None:
        """Find reasons anew the next time: something has changed."""
        self._found = None

    async def reasons(self) -> Reasons:
        """Return why queued executions wait at this moment."""
        found = self._found
        if found is not None and time.monotonic() - found[0] < REASON_AGE_S:
            return found[1]
        await self._look()
        return await asyncio.to_thread(self.find_reasons)

    async def describe(self) -> list[JSONObject]:
        """Return the JSON of every backend."""
        await self._look()
        return await asyncio.to_thread(self._describe)

    async def describe_for(self, kernel_name: str | None) -> list[JSONObject]:
        """Return the same, and whether each can run a notebook of that kernel.

        Parameters
        ----------
        kernel_name
            What the notebook names; `None` for the kernel of notebooks that name none.
        """
        await self._look()
        return await asyncio.to_thread(self._describe_for, kernel_name)

    async def check(self, name: str, needed: Resources) -> None:
        """Refuse what this machine will never have; of others that cannot be known.

        Raises
        ------
        InvalidRequestError
            It has not so much.
        """
        if name != LOCAL:
            return
        await self._look()
        rooms = self._of(name)[0].rooms
        if not any(fits(needed, room.most) for room in rooms):
            raise InvalidRequestError(
                f"It would wait for ever, for {_lack(name, needed, rooms)}; ask for less."
            )

    def find_reasons(self) -> Reasons:
        """Do what `reasons` does, in a thread, with the health known last."""
        busy = self._count_busy()
        full = {name: self._reason(name, busy[name]) for name in self._backends}
        reasons = Reasons(full, dict(self._healths))
        self._found = (time.monotonic(), reasons)
        return reasons

    async def _look(self) -> None:
        for name, backend in self._backends.items():
            self._healths[name] = await backend.health()

    def _reason(self, name: str, busy: int) -> str | None:
        health, slots = self._of(name)
        if busy >= slots > 0:
            return f"Waits for a free slot ({busy} of {slots} busy)."
        if health.problem is not None and not slots:
            return f"Waits for {health.problem}"
        return None

    def _describe(self) -> list[JSONObject]:
        busy = self._count_busy()
        described: list[JSONObject] = []
        for name in self._backends:
            health, slots = self._of(name)
            described.append(
                {
                    "name": name,
                    "slots": slots,
                    "running": busy[name],
                    "resources": most(health.rooms),
                    "problem": health.problem,
                }
            )
        return described

    def _describe_for(self, kernel_name: str | None) -> list[JSONObject]:
        wanted = kernel_name or self._kernels.default_name()
        found = []
        for described in self._describe():
            why_not = self._why_not(str(described["name"]), wanted)
            found.append({**described, "can_run": why_not is None, "why_not": why_not})
        return found

    def _why_not(self, name: str, kernel_name: str) -> str | None:
        """Return, as a sentence, why a backend cannot run what needs that kernel."""
        health, _ = self._of(name)
        kernels: Collection[str] | None = health.kernels
        if name == LOCAL:
            kernels = self._kernels.find().keys()
        if kernels is not None and kernel_name not in kernels:
            return f"The kernel {kernel_name[:100]!r} is not installed there."
        if health.is_usable:
            return None
        problem = health.problem or "It cannot be used now."
        return _sentence(problem.removeprefix(f"{name}: "))

    def _of(self, name: str) -> tuple[Health, int]:
        health = self._healths.get(name, Health())
        return health, self._slots() if health.slots is None else health.slots

    def _count_busy(self) -> dict[str, int]:
        if len(self._backends) == 1 and not self._store.is_shared:
            # The usual case, and cheaper.
            return dict.fromkeys(self._backends, self._store.counts().running)
        return {**dict.fromkeys(self._backends, 0), **self._store.count_running()}


def _lack(name: str, needed: Resources, rooms: Sequence[Room]) -> str:
    """Return what no machine of a backend has, and what they have."""
    where = "this machine" if name == LOCAL else f"a machine of {name}"
    has = describe_resources(most(rooms)) or "nothing of the kind"
    return f"{where} that has {describe_resources(needed)}: the most there is, is {has}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
