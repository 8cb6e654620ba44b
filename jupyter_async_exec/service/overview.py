"""The place as a whole: slots, backends, disk, and which metric counts for which notebook."""

from __future__ import annotations

import asyncio
import shutil
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service.suggestions import can_search

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.core.goal import Goal
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.service.disk_use import DiskUse
    from jupyter_async_exec.service.goals import Goals
    from jupyter_async_exec.service.places import Places, Reasons
    from jupyter_async_exec.service.presets import Presets
    from jupyter_async_exec.store import ExecutionStore

#: Store-wide setting that overrides the configured number of slots.
SLOTS_SETTING = "slots"
#: What common file systems allow, and half of it, to leave room for the mirror's own folders.
LONGEST_NAME_BYTES = 255
LONGEST_PATH_BYTES = 2_000


class Overview(ABC):
    """The use cases about no single execution; `ExecutionService` is one."""

    presets: Presets
    _store: ExecutionStore
    _places: Places
    _disk_use: DiskUse
    _goals: Goals
    _default_slots: int
    _data_dir: Path
    _presence: Callable[[], JSONObject]

    @abstractmethod
    def _has_changed(self) -> None:
        """Let everybody know that something was changed."""

    def slots(self) -> int:
        """Return how many executions may run at once (>= 1); reads the store."""
        chosen = self._store.settings.get(SLOTS_SETTING)
        return chosen if isinstance(chosen, int) and chosen >= 1 else self._default_slots

    async def set_slots(self, slots: int) -> None:
        """Change how many executions may run at once; running ones are not disturbed.

        Raises
        ------
        InvalidRequestError
            `slots` is below 1.
        """
        if slots < 1:
            raise InvalidRequestError(f"There must be at least one slot, not {slots}.")
        await asyncio.to_thread(self._store.settings.put, SLOTS_SETTING, int(slots))
        self._has_changed()

    async def status(self) -> JSONObject:
        """Return queue, slots, disk use, and what this process is."""
        places = await self._places.describe()
        here = await asyncio.to_thread(self._status)
        return {**self._presence(), **here, "backends": places}

    async def backends(self, kernel_name: str | None = None) -> list[JSONObject]:
        """Return every backend, and whether it can run a notebook of that kernel.

        Parameters
        ----------
        kernel_name
            What the notebook names; `None` for the kernel of notebooks that name none.
        """
        return await self._places.describe_for(kernel_name)

    async def waiting_reasons(self) -> Reasons:
        """Return why queued executions wait at this moment."""
        return await self._places.reasons()

    def _status(self) -> JSONObject:
        counts = self._store.counts()
        return {
            "queued": counts.queued,
            "running": counts.running,
            "slots": self.slots(),
            "adaptive": can_search(),
            "waiting_reason": self._places.find_reasons().here if counts.queued else None,
            "disk": {
                "used_bytes": self._disk_use.read(),
                "free_bytes": shutil.disk_usage(self._data_dir).free,
                "directory": str(self._data_dir),
            },
        }

    async def goal(self, path: str) -> Goal | None:
        """Return which metric counts for a notebook; `None` while nobody said."""
        check_path(path)
        return await asyncio.to_thread(self._goals.get, path)

    async def goals(self) -> dict[str, Goal]:
        """Return which metric counts, by path of the notebook."""
        return await asyncio.to_thread(self._goals.all)

    async def set_goal(self, path: str, goal: Goal | None) -> None:
        """Say which metric counts for a notebook; `None` forgets it."""
        check_path(path)
        await asyncio.to_thread(self._goals.put, path, goal)

    async def notebook_moved(self, old_path: str, new_path: str) -> None:
        """Let what is kept for a notebook, or for all in a folder, follow to its new path.

        Executions stay what they are: they ran where the notebook lay then.
        """
        await asyncio.to_thread(self._goals.move, old_path, new_path)
        await self.presets.move(old_path, new_path)


def check_path(path: str) -> None:
    """Refuse a path that no file system could hold.

    Raises
    ------
    InvalidRequestError
        It is such a path.
    """
    try:
        n_bytes = len(path.encode())
        longest_bytes = max(len(part.encode()) for part in path.split("/"))
    except UnicodeEncodeError:
        raise InvalidRequestError("The path holds characters that no file name can.") from None
    is_too_long = n_bytes > LONGEST_PATH_BYTES or longest_bytes > LONGEST_NAME_BYTES
    if not path or "\0" in path or is_too_long:
        raise InvalidRequestError(f"{path[:100]!r} is not the path of a notebook.")
