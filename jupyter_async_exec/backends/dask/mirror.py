"""What an attempt on a worker has written, written again here, so that all above reads files."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_async_exec.backends import attempt_folder
from jupyter_async_exec.core.execution import Reason
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.result import read_result
from jupyter_async_exec.runner.task import Task, write_task
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_async_exec.backends.base import AttemptKey, Observation
    from jupyter_async_exec.backends.dask.protocol import Content, State
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.runner.result import Result

#: Where the attempt runs.
WHERE = "where.json"


@dataclass(frozen=True, slots=True)
class News:
    """What an attempt has written since."""

    #: How much of each growing file was here before (bytes).
    offsets: Mapping[str, int]
    #: How much came of each file (bytes), in the order of the content.
    lengths: Mapping[str, int]
    content: Content

    def completes(self, state: State) -> bool:
        """Whether nothing is left to be asked for of an attempt that goes on in this state."""
        if state.has_result or not state.is_alive:
            return False
        return all(self._end_of(name) >= n_bytes for name, n_bytes in state.grown.items())

    @property
    def has_grown(self) -> bool:
        """Whether anything came of the files that grow."""
        return any(self.lengths[name] for name in self.offsets)

    def _end_of(self, name: str) -> int:
        return self.offsets[name] + self.lengths[name]


class Mirror:
    """One attempt, as far as it is known here.

    Files are touched in threads; everything else belongs to the link's thread.

    Parameters
    ----------
    key
        The attempt.
    directory
        Its mirror; may be missing.
    """

    def __init__(self, key: AttemptKey, directory: Path) -> None:
        self.key = key
        self.directory = directory
        self.place = ""
        self.worker = ""
        #: What it needs of its worker.
        self.resources: Resources = {}
        #: Whether its worker counts that, or need not any more.
        self.is_counted = False
        #: What the worker's machine said last; None before it said anything.
        self.state: State | None = None
        #: Since when nobody answers for it (monotonic, s).
        self.silent_since_s: float | None = time.monotonic()
        #: Whether the worker is being told to begin it; what is heard of it meanwhile is too early.
        self.is_starting = False
        #: Whether its worker has said that it is there, or that it will never be.
        self.is_sure = False
        #: Whether it was never begun, and never will be.
        self.is_barred = False
        #: Whether its machine says that nothing is left of it, or has been silent for too long.
        self.is_gone = False
        #: Whether its machine has thrown away what it had of it.
        self.is_discarded = False
        #: Why it is taken for gone, for people.
        self.why_gone = ""
        #: Whether the wish to cancel has arrived.
        self.cancel_sent = False
        #: Whether everything that was written is here.
        self.is_whole = False
        self.pulling = asyncio.Lock()
        self._news: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # ------------------------------------------------------------ files, in threads

    def prepare(
        self, execution: Execution, objects: ObjectStore, *, place: str, worker: str
    ) -> None:
        """Make the folder, with what a partial notebook is rebuilt from."""
        manifest = load_manifest(objects, execution.snapshot_id)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        source = objects.get(manifest.notebook_object)
        # A power cut may cost these two: the worker has them as well.
        files.write_whole(self.directory / files.SOURCE, source, durable=False)
        write_task(
            self.directory,
            Task(
                execution_id=execution.id,
                number=execution.number,
                attempt=execution.attempt,
                folder="",
                kernel_name=execution.kernel_name,
                language=manifest.language,
                parameters=execution.parameters,
                limits=execution.limits,
            ),
            durable=False,
        )
        self.place, self.worker, self.resources = place, worker, execution.resources
        # Last and durably: from here on the attempt may be on that machine.
        where = {"place": place, "worker": worker, "resources": dict(execution.resources)}
        files.write_whole(self.directory / WHERE, json.dumps(where).encode())

    def read_where(self) -> None:
        """Find out where an attempt of an earlier server runs."""
        content = files.read_bounded(self.directory / WHERE, limit_bytes=64 * 1024)
        try:
            where = json.loads(content or b"{}")
            self.place, self.worker = str(where["place"]), str(where["worker"])
            # Earlier releases did not write them down.
            needed = where.get("resources", {})
            self.resources = {str(name): float(amount) for name, amount in needed.items()}
        except (AttributeError, ValueError, KeyError, TypeError):
            self.note_barred("It had not been sent to a worker yet.")

    def is_over(self) -> bool:
        """Whether nothing more is written here."""
        return self.is_whole or self.is_gone

    def note_barred(self, why: str) -> None:
        """Note that it never began and never will."""
        self.is_sure = self.is_barred = self.is_gone = True
        self.why_gone = why

    def offsets(self) -> dict[str, int]:
        """Return how much of each growing file is here."""
        return {name: _size_bytes(self.directory / name) for name in (files.JOURNAL, files.LOG)}

    def take_in(self, state: State, news: News) -> bool:
        """Write what came of each file, and note whether it was all there will be.

        Return whether it continues what is here; otherwise nothing is done.
        """
        if self.offsets() != news.offsets:
            return False
        view = memoryview(news.content)
        for name, length in news.lengths.items():
            part, view = bytes(view[:length]), view[length:]
            if not part:
                continue
            path = self.directory / name
            if name in news.offsets:
                _append(path, news.offsets[name], part)
            else:
                files.write_whole(path, part)
        # What executed code has put in its place ends nothing.
        has_end = bool(news.lengths.get(files.RESULT)) and read_result(self.directory) is not None
        is_dead = not state.is_alive and not state.has_result
        self.is_whole = has_end or (is_dead and not news.has_grown)
        return True

    def observe(self, offset: int) -> Observation:
        """Return what is new here; the end of what is gone is what its journal proves."""
        alive = self.directory.exists() and not self.is_gone and self._is_alive()
        observation = attempt_folder.observe(self.directory, offset=offset, alive=alive)
        result = observation.result
        if result is None or not self.is_gone:
            return observation
        return self._explain(observation, result)

    def _is_alive(self) -> bool:
        state = self.state
        return state is None or state.is_alive or not self.is_whole

    def _explain(self, observation: Observation, result: Result) -> Observation:
        """Say of an end that nobody saw where it was, and what it may have done there."""
        if result.reason is not Reason.LOST or not self.why_gone:
            return observation
        may_have_begun = result.started_at is None and not self.is_barred
        known = "Whether any cell ran is not known." if may_have_begun else result.message
        result = replace(result, message=f"{known} {self.why_gone}")
        return replace(observation, result=result, is_unreadable=may_have_begun)

    # ------------------------------------------------------------ who waits for news

    async def wait(self, timeout_s: float) -> None:
        """Return when there may be something new; called in the server's event loop."""
        if self._news is None:
            self._news, self._loop = asyncio.Event(), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    def ring(self) -> None:
        """Wake who waits; called in the link's thread."""
        if self._news is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)


def _append(path: Path, offset: int, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size != offset:
            raise InvalidRequestError(f"{path.name} grew meanwhile.")
        while content:
            written = os.pwrite(descriptor, content, offset)
            offset, content = offset + written, content[written:]
    finally:
        os.close(descriptor)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
