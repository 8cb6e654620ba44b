"""One cluster and who works there, reached when they are first needed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_async_exec.backends.dask.protocol import CALL_TIMEOUT_S
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from jupyter_async_exec.backends.dask.link import Link
    from jupyter_async_exec.backends.dask.protocol import Content
    from jupyter_async_exec.backends.dask.roster import Roster, Worker
    from jupyter_async_exec.backends.dask.settings import DaskSettings
    from jupyter_async_exec.core.json_types import JSONObject

STORE_ID = "store-id"
#: What was said of a worker is not said again for so long.
SAID_S = 3_600.0

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Connection:
    """Has the link to a cluster and the roster of its workers.

    Parameters
    ----------
    name
        What people call the backend.
    directory
        Of the backend, on this machine.
    settings
        What was chosen.
    scheduler_file
        Where the scheduler of a cluster of our own says who it is; None for one that others keep.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        settings: DaskSettings,
        *,
        scheduler_file: Path | None,
    ) -> None:
        self.name = name
        self._directory = directory
        self._settings = settings
        self._scheduler_file = scheduler_file
        #: Called in the link's thread with each worker that has introduced itself.
        self.arrived: Callable[[Worker], None] = lambda _: None
        self._opening = threading.Lock()
        #: Made when it is first needed: Dask takes a while to import, and many never ask.
        self.opened: tuple[Link, Roster] | None = None
        #: Address of a worker to when it was said last why it does not reach the objects (s).
        self._said: dict[str, float] = {}

    async def run(self, act: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Act in the link's thread; called in the server's event loop."""
        link = self.opened[0] if self.opened else await asyncio.to_thread(self._open)
        return await link.run(act())

    def close(self) -> None:
        """End the link, if there is one."""
        if self.opened is not None:
            self.opened[0].close()

    @property
    def link(self) -> Link:
        """What carries calls; in the link's thread only."""
        assert self.opened is not None
        return self.opened[0]

    @property
    def roster(self) -> Roster:
        """Who works there; in the link's thread only."""
        assert self.opened is not None
        return self.opened[1]

    async def ask(
        self,
        worker: Worker,
        verb: str,
        fields: JSONObject,
        content: Content = b"",
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> tuple[JSONObject, Content]:
        """Have the agent of a worker do something; in the link's thread, as `Link.ask`."""
        return await self.link.ask(
            worker.address,
            verb,
            fields,
            content,
            is_direct=worker.is_direct,
            timeout_s=timeout_s,
        )

    def note_problem(self, worker: Worker, problem: str | None) -> None:
        """Say now and then why a worker does not reach the objects by itself, if it does not."""
        now_s = time.monotonic()
        if problem and now_s - self._said.get(worker.address, -SAID_S) >= SAID_S:
            self._said[worker.address] = now_s
            _log.warning(
                "%s: objects travel through Dask to and from %s: %s",
                self.name,
                worker.address,
                problem,
            )

    def _open(self) -> Link:
        from jupyter_async_exec.backends.dask.link import Link
        from jupyter_async_exec.backends.dask.roster import Roster

        with self._opening:
            if self.opened is None:
                settings = self._settings
                if self._scheduler_file is not None:
                    there = str(self._scheduler_file)
                    settings = replace(settings, cluster=None, scheduler_file=there)
                link = Link(settings, store_id=_read_store_id(self._directory))
                roster = Roster(
                    link,
                    name=self.name,
                    slots=settings.slots,
                    options={"nice": settings.nice, "spares": settings.spares},
                    arrived=self.arrived,
                    grows=self._scheduler_file is not None,
                )
                self.opened = link, roster
            return self.opened[0]


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
