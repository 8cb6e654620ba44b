"""A store one of whose writes gets no answer: it was done, or it was not, and nobody knows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jupyter_async_exec.errors import OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.store import ExecutionStore

Fate: TypeAlias = Literal["done", "not done"]


class Uncertain:
    """Stands before the writer of a store, as a database does that is lost at a COMMIT.

    Parameters
    ----------
    store
        All its parts write through one writer.
    place
        Which of the writes from now on, from 0.
    fate
        Whether that one is done.
    """

    def __init__(self, store: ExecutionStore, *, place: int, fate: Fate) -> None:
        self._write = store._writer.run
        self._place = place
        self._fate = fate
        self._lock = threading.Lock()
        #: What was written, in order, by the names of the functions.
        self.writes: list[str] = []
        self._writer = store._writer
        # A test may take the place of a method.
        setattr(self._writer, "run", self._run)  # noqa: B010

    @property
    def has_struck(self) -> bool:
        """Whether the one write has come."""
        return len(self.writes) > self._place

    def end(self) -> None:
        """Stand aside."""
        del self._writer.run

    def _run(self, work: Callable[[Any], Any], *, is_essential: bool = True) -> Any:
        with self._lock:
            place = len(self.writes)
            self.writes.append(work.__qualname__.partition(".<locals>")[0])
        if place != self._place:
            return self._write(work, is_essential=is_essential)
        if self._fate == "done":
            self._write(work, is_essential=is_essential)
        raise OutcomeUnknownError("It was lost while it recorded this.")
