"""Reading what executions left behind: notebooks, logs, artifacts, receipts."""

from __future__ import annotations

import asyncio
import codecs
import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.execution import Artifact, Execution, Status
from jupyter_async_exec.errors import CorruptObjectError, NotFoundError
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore

#: The first record of a journal is far smaller than this.
FIRST_RECORD_BYTES = 64 * 1024
#: Artifacts are handed on in pieces of this size: giving one to the network takes 1 ms.
PIECE_BYTES = 256 * 1024
#: Of what was submitted by an older release.
NO_PATCH = {"diff": "", "diff_cut": False}
#: A piece of log holds at least one whole character of UTF-8.
LONGEST_CHARACTER_BYTES = 4


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Some bytes of a log, as text."""

    text: str
    offset: int
    next_offset: int
    size_bytes: int
    #: Nothing will be added any more.
    complete: bool


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of any size, handed on a little at a time."""

    size_bytes: int
    #: They come once.
    pieces: AsyncIterator[bytes]


class ResultReader:
    """Read results from the object store, or from the backend while they come into being.

    Parameters
    ----------
    objects
        Where finished executions keep their bytes.
    backends
        By name; whom to ask about running ones.
    """

    def __init__(self, objects: ObjectStore, backends: Mapping[str, Backend]) -> None:
        self._objects = objects
        self._backends = backends

    async def notebook(self, execution: Execution, *, version: str) -> Content:
        """Return a notebook of an execution as nbformat JSON.

        Parameters
        ----------
        execution
            Whose.
        version
            ``source`` is what was submitted, without outputs; ``output`` the
            executed notebook, what is there so far while it runs.

        Raises
        ------
        CorruptObjectError
            Its bytes are damaged; of a large one this may be raised by any later piece.
        """
        backend = self._running_backend(execution)
        if version == "output" and execution.output_object is None and backend is not None:
            so_far = await backend.read_notebook(_key(execution))
            if so_far is not None:
                return Content(len(so_far), _cut(so_far))
        object_id = await asyncio.to_thread(self._notebook_object, execution, version)
        size_bytes = await asyncio.to_thread(self._objects.size_bytes, object_id)
        if size_bytes > PIECE_BYTES:
            # 200 MB put together halt all other threads for 0.1 s.
            return Content(size_bytes, self._pieces(object_id))
        return Content(size_bytes, _cut(await asyncio.to_thread(self._objects.get, object_id)))

    async def log(self, execution: Execution, *, offset: int, limit_bytes: int) -> LogPiece:
        """Return what the notebook printed from byte `offset` on (negative: from the end)."""
        limit_bytes = max(limit_bytes, LONGEST_CHARACTER_BYTES)
        backend = self._running_backend(execution)
        if backend is not None:
            piece, size = await backend.read_log(
                _key(execution), offset=offset, limit_bytes=limit_bytes
            )
        else:
            piece, size = await asyncio.to_thread(
                self._kept_log, execution.log_object, offset, limit_bytes
            )
        start = _start(offset, size)
        is_end = execution.is_final and start + len(piece) >= size
        # A character cut in two is left for the next piece.
        text, used = codecs.utf_8_decode(piece, "replace", is_end)
        return LogPiece(
            text=text,
            offset=start,
            next_offset=start + used,
            size_bytes=size,
            complete=is_end,
        )

    async def artifacts(self, execution: Execution) -> tuple[Artifact, ...]:
        """Return the files an execution produced; the executed notebook is the first."""
        return await asyncio.to_thread(self._artifacts, execution)

    def kept_files(self, execution: Execution) -> tuple[Artifact, ...]:
        """Return what `artifacts` does, with a size of 0 for a notebook that is lost."""
        try:
            return self._artifacts(execution)
        except (NotFoundError, CorruptObjectError):
            return _with_notebook(execution, 0)

    async def artifact(self, execution: Execution, name: str) -> Artifact:
        """Return one artifact; `NotFoundError` if there is none of that name."""
        for artifact in await self.artifacts(execution):
            if artifact.name == name:
                return artifact
        raise NotFoundError(f"Execution #{execution.number} has no artifact named {name[:200]!r}.")

    def pieces(self, artifact: Artifact) -> AsyncIterator[bytes]:
        """Give the bytes of an artifact in pieces of `PIECE_BYTES`."""
        return self._pieces(artifact.object_id)

    async def _pieces(self, object_id: str) -> AsyncIterator[bytes]:
        stream = await asyncio.to_thread(self._objects.open, object_id)
        with stream:
            while piece := await asyncio.to_thread(stream.read, PIECE_BYTES):
                yield piece

    async def receipt(self, execution: Execution) -> JSONObject:
        """Return everything that made the execution, all but the execution itself."""
        return await asyncio.to_thread(self._receipt, execution)

    def _running_backend(self, execution: Execution) -> Backend | None:
        is_running = execution.status is Status.RUNNING
        return self._backends.get(execution.backend) if is_running else None

    def _notebook_object(self, execution: Execution, version: str) -> str:
        if version == "output" and execution.output_object is not None:
            return execution.output_object
        return load_manifest(self._objects, execution.snapshot_id).notebook_object

    def _kept_log(self, log_object: str | None, offset: int, limit_bytes: int) -> tuple[bytes, int]:
        if log_object is None:
            return b"", 0
        size = self._objects.size_bytes(log_object)
        start = _start(offset, size)
        with self._objects.open(log_object) as log:
            _skip(log, start)
            return log.read(limit_bytes), size

    def _artifacts(self, execution: Execution) -> tuple[Artifact, ...]:
        if execution.output_object is None:
            return execution.artifacts
        return _with_notebook(execution, self._objects.size_bytes(execution.output_object))

    def _receipt(self, execution: Execution) -> JSONObject:
        manifest = load_manifest(self._objects, execution.snapshot_id)
        provenance = execution.provenance
        return {
            "snapshot": {
                "id": execution.snapshot_id,
                "root": provenance.get("root_path"),
                "captured": [
                    {"path": file.path, "size_bytes": file.size_bytes} for file in manifest.files
                ],
                "linked": provenance.get("linked", []),
            },
            "kernel": provenance.get("kernel"),
            "limits": asdict(execution.limits),
            "git": {**NO_PATCH, **provenance["git"]} if provenance.get("git") else None,
            "datums": provenance.get("datums", {}),
            "machine": self._machine(execution),
            "notes": provenance.get("notes", []),
            "artifacts": self._artifacts(execution),
        }

    def _machine(self, execution: Execution) -> JSONObject:
        """Return where it ran, which the first record of its journal tells."""
        if execution.journal_object is None:
            return {}
        with self._objects.open(execution.journal_object) as journal:
            first = journal.read(FIRST_RECORD_BYTES).partition(b"\n")[0]
        try:
            machine = json.loads(first).get("machine", {})
            return {str(name): str(value) for name, value in machine.items()}
        except (ValueError, AttributeError):
            return {}


def notebook_name(execution: Execution, *, suffix: str) -> str:
    """Return a file name to save a notebook of the execution under."""
    return f"{PurePosixPath(execution.notebook_path).stem} #{execution.number}{suffix}"


async def _cut(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _key(execution: Execution) -> AttemptKey:
    return AttemptKey(execution.id, execution.attempt)


def _with_notebook(execution: Execution, size_bytes: int) -> tuple[Artifact, ...]:
    assert execution.output_object is not None
    notebook = Artifact(
        name=_output_name(execution),
        object_id=execution.output_object,
        size_bytes=size_bytes,
        media_type="application/x-ipynb+json",
    )
    return (notebook, *execution.artifacts)


def _output_name(execution: Execution) -> str:
    taken = {artifact.name for artifact in execution.artifacts}
    name = PurePosixPath(execution.notebook_path).name
    return name if name not in taken else notebook_name(execution, suffix=".ipynb")


def _start(offset: int, size: int) -> int:
    """Return the byte that `offset` means; negative ones count from the end."""
    return max(0, size + offset) if offset < 0 else offset


def _skip(stream: BinaryIO, n_bytes: int) -> None:
    while n_bytes > 0:
        piece = stream.read(min(n_bytes, PIECE_BYTES))
        if not piece:
            return
        n_bytes -= len(piece)
