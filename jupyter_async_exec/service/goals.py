"""Which metric counts, named once per notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.metrics import LONGEST_NAME, is_name
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.store import ExecutionStore

#: Begins the names of these store-wide choices; the path of the notebook follows.
PREFIX = "goal:"


class Goals:
    """Keeps the goal of each notebook; synchronous and thread-safe.

    Parameters
    ----------
    store
        Where store-wide choices are kept.
    """

    def __init__(self, store: ExecutionStore) -> None:
        self._store = store

    def get(self, path: str) -> Goal | None:
        """Return the goal of the notebook at `path`; `None` while nobody named one."""
        return _read(self._store.settings.get(f"{PREFIX}{path}"))

    def all(self) -> dict[str, Goal]:
        """Return all goals by path of their notebooks."""
        kept = self._store.settings.find(PREFIX)
        goals = {name.removeprefix(PREFIX): _read(value) for name, value in kept.items()}
        return {path: goal for path, goal in goals.items() if goal is not None}

    def put(self, path: str, goal: Goal | None) -> None:
        """Name the goal of a notebook, or, with `None`, forget it.

        Raises
        ------
        InvalidRequestError
            No metric has such a name.
        """
        if goal is not None and not is_name(goal.metric):
            raise InvalidRequestError(
                f"A metric has a name of 1 to {LONGEST_NAME} printable characters."
            )
        kept: JSONValue = None
        if goal is not None:
            kept = {"metric": goal.metric, "direction": goal.direction.value}
        self._store.settings.put(f"{PREFIX}{path}", kept)

    def move(self, old_path: str, new_path: str) -> None:
        """Let the goal of a notebook, or those of all in a folder, follow to another path."""
        for path, goal in self.all().items():
            if path == old_path or path.startswith(f"{old_path}/"):
                self.put(new_path + path.removeprefix(old_path), goal)
                self.put(path, None)


def _read(kept: JSONValue | None) -> Goal | None:
    if not isinstance(kept, dict):
        return None
    return Goal(str(kept["metric"]), Direction(kept["direction"]))
