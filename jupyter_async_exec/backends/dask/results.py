"""What attempts on this worker left, until it has travelled or is thrown away."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.dask.protocol import PIECE_BYTES
from jupyter_async_exec.objects.lending import N_LENT, LendingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from jupyter_async_exec.backends.base import Harvest

#: Whoever asks for what is still being gathered or fetched is told so after this time (s).
PATIENCE_S = 20.0
#: An object of at least this size (as it is kept) travels while the others are gathered.
EARLY_BYTES = PIECE_BYTES


@dataclass(frozen=True, slots=True)
class Gathered:
    """What an attempt left, and where its objects are besides here."""

    harvest: Harvest
    #: Whether they are where the server keeps objects: why not (empty: they are), or None if
    #: that was not asked for.
    problem: str | None = None

    @property
    def object_ids(self) -> list[str]:
        """The objects that are only here; journal and log are with the server already."""
        its = [self.harvest.output_object, *(each.object_id for each in self.harvest.artifacts)]
        return [each for each in dict.fromkeys(its) if each]


class Results:
    """What one attempt left; made and asked in one event loop.

    Parameters
    ----------
    directory
        For its objects. They need not outlive this process: the attempt's folder does, and is
        gathered again then.
    loop
        The event loop.
    lends
        Whether large files may travel from where they lie; else all are copied first.
    """

    def __init__(self, directory: Path, loop: asyncio.AbstractEventLoop, *, lends: bool) -> None:
        self._directory = directory
        self._loop = loop
        self.store = LendingStore(directory, kept=self._note, n_lent=N_LENT if lends else 0)
        self._ready: list[str] = []
        self._news = asyncio.Event()
        #: What is being gathered, at the end and late.
        self._tasks: dict[bool, asyncio.Task[Gathered]] = {}

    async def gather(
        self,
        gather: Callable[[], Coroutine[Any, Any, Gathered]],
        *,
        is_late: bool,
        n_known: int | None,
    ) -> Gathered | None:
        """Return what the attempt left; None when it is not all there yet.

        Parameters
        ----------
        gather
            Does it; called once, however often this is asked.
        is_late
            Whether it is only what was made since.
        n_known
            Return as soon as more large objects than so many are ready; None: when all are.
        """
        if is_late not in self._tasks:
            # What was ready before may be gone.
            self._ready.clear()
            self._tasks[is_late] = asyncio.create_task(gather())
        task = self._tasks[is_late]
        self._news.clear()
        if n_known is None or len(self._ready) <= n_known:
            news = asyncio.create_task(self._news.wait())
            asked = [task] if n_known is None else [task, news]
            await asyncio.wait(asked, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
        if not task.done():
            return None
        self._tasks.pop(is_late, None)
        return task.result()

    def ready(self, n_known: int) -> list[str]:
        """Return the large objects that are ready, without the first so many."""
        return self._ready[n_known:]

    async def discard(self) -> None:
        """Throw everything away."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self.store.close()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    def _note(self, object_id: str) -> None:
        """Hear of a new object; in any thread."""
        _, packed_bytes = self.store.read_packed(object_id, offset=0, limit_bytes=0)
        if packed_bytes >= EARLY_BYTES:
            self._loop.call_soon_threadsafe(self._add, object_id)

    def _add(self, object_id: str) -> None:
        self._ready.append(object_id)
        self._news.set()
