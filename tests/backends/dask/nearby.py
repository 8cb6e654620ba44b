"""Agents in this process, called over a link that fails when a test says so; no Dask."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_async_exec.backends.dask.agent import Agent
from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.link import distributed_version
from jupyter_async_exec.backends.dask.protocol import (
    UnansweredError,
    UnreachableError,
    decode,
    encode,
    error_from_json,
)
from jupyter_async_exec.backends.dask.roster import Roster
from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.runner.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from pathlib import Path

    from jupyter_async_exec.backends.dask.protocol import Content
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.objects.base import ObjectStore

_T = TypeVar("_T")

WORKER = "tcp://near:1"
STORE_ID = "0" * 32


class NearLink:
    """Has the place of `Link`; there is one worker, and it is here.

    Parameters
    ----------
    agent
        Of the worker.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        #: Where the scheduler would be.
        self.scheduler = "tcp://127.0.0.1:8786"
        #: Nothing gets through, neither there nor back.
        self.is_cut = False
        #: Verbs that do not get there.
        self.unheard: set[str] = set()
        #: Verbs about something that is not there.
        self.unknown: set[str] = set()
        #: Verbs that are done without an answer.
        self.unanswered: set[str] = set()
        #: Verbs that are done, and whoever asked waits for ever.
        self.hanging: set[str] = set()
        self.hangs = asyncio.Event()
        #: Verbs that get no answer and arrive only with `deliver`.
        self.delayed: set[str] = set()
        self._under_way: list[tuple[str, JSONObject, bytes]] = []
        #: What was asked, in order.
        self.asked: list[str] = []
        #: Bytes beside the fields of questions and answers, by verb.
        self.carried_bytes: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        #: How many of each verb were open at the same time.
        self.most_at_once: Counter[str] = Counter()

    async def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return await coroutine

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def scheduler_address(self) -> str:
        return self.scheduler

    async def identity(self) -> JSONObject:
        if self.is_cut:
            raise UnreachableError("The scheduler does not answer.")
        return {"workers": {WORKER: {}}}

    async def scheduler_version(self) -> str:
        return distributed_version()

    async def introduce(self, worker: str, options: JSONObject) -> tuple[bool, JSONObject]:
        fields, _ = await self.ask(worker, "introduce", {"options": options}, is_direct=True)
        return True, fields

    async def ask(
        self,
        worker: str,
        verb: str,
        fields: JSONObject,
        content: bytes = b"",
        *,
        is_direct: bool,
        timeout_s: float = 60.0,
    ) -> tuple[JSONObject, Content]:
        assert worker == WORKER
        assert is_direct
        assert timeout_s > 0
        self.asked.append(verb)
        if self._fails(self.unheard, verb):
            raise UnreachableError(f"{worker} does not answer.")
        if verb in self.unknown:
            raise NotFoundError("Nothing is gathered here.")
        if verb in self.delayed:
            self._under_way.append((verb, fields, content))
            raise UnansweredError(f"{worker} does not answer.")
        self._open[verb] += 1
        self.most_at_once[verb] = max(self.most_at_once[verb], self._open[verb])
        try:
            answer = await self._deliver(verb, fields, content)
        finally:
            self._open[verb] -= 1
        if verb in self.hanging:
            self.hangs.set()
            await asyncio.Event().wait()
        if self._fails(self.unanswered, verb):
            raise UnansweredError(f"{worker} does not answer.")
        return answer

    def _fails(self, verbs: set[str], verb: str) -> bool:
        return self.is_cut or verb in verbs

    async def deliver(self) -> None:
        """Let arrive what is under way."""
        while self._under_way:
            await self._deliver(*self._under_way.pop(0))

    async def _deliver(
        self, verb: str, fields: JSONObject, content: bytes
    ) -> tuple[JSONObject, Content]:
        # Whoever gives up waiting stops nothing there.
        answer = await asyncio.shield(
            asyncio.ensure_future(self._agent.answer(verb, STORE_ID, encode(fields), content))
        )
        if "error" in answer:
            raise error_from_json(decode(answer["error"]))
        self.carried_bytes[verb] += len(content) + len(answer["content"])
        return decode(answer["fields"]), answer["content"]


@asynccontextmanager
async def nearby(folder: Path, *, resources: Resources | None = None) -> AsyncIterator[NearLink]:
    """Give a link to an agent in `folder`; its attempts end with the block."""
    agent = Agent(folder / "machine", slots=4, find_resources=lambda: resources or {})
    try:
        yield NearLink(agent)
    finally:
        await agent.close()


@asynccontextmanager
async def opened_nearby(
    folder: Path, link: NearLink, objects: ObjectStore, *, lost_after_s: float = 600.0
) -> AsyncIterator[DaskBackend]:
    """Open a backend on a link, as one server after the other does on the same folder."""
    settings = DaskSettings(address=WORKER, spares=0, lost_after_s=lost_after_s)
    backend = DaskBackend(
        "near",
        folder / "dask",
        settings=settings,
        objects=objects,
        vault=Vault(folder / "secrets"),
    )
    roster = Roster(
        link,  # type: ignore[arg-type]
        name="near",
        slots=None,
        options={"nice": 0, "spares": 0},
        arrived=backend._follower.arrived,
    )
    backend._connection.opened = link, roster  # type: ignore[assignment]
    before = asyncio.all_tasks()
    try:
        await backend.health()
        yield backend
    finally:
        # As the link's thread ends with its server.
        tasks = asyncio.all_tasks() - before
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await backend.close()


@asynccontextmanager
async def scene(
    folder: Path, objects: ObjectStore, **options: float
) -> AsyncIterator[tuple[DaskBackend, NearLink]]:
    """Give a backend, opened with these `options`, and its link."""
    async with nearby(folder) as link, opened_nearby(folder, link, objects, **options) as backend:
        yield backend, link
