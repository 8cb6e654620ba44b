"""The use cases, without HTTP: submit, find, get, cancel, rerun, restore, read results."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.execution import (
    Artifact,
    Execution,
    Limits,
    Status,
    Submission,
    new_id,
)
from jupyter_async_exec.core.parameters import coerce_parameters
from jupyter_async_exec.errors import (
    InvalidRequestError,
    KernelMissingError,
    NotFoundError,
)
from jupyter_async_exec.snapshots.capture import CaptureLimits, capture, linked_to_json
from jupyter_async_exec.snapshots.manifest import Manifest, load_manifest
from jupyter_async_exec.snapshots.notebook import kernel_of, normalise
from jupyter_async_exec.snapshots.parameters import ParameterList, find_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.snapshots.capture import Capture, StatCache
    from jupyter_async_exec.store import ExecutionPage, ExecutionQuery, ExecutionStore

#: Store-wide setting that overrides the configured number of slots.
SLOTS_SETTING = "slots"
#: The first record of a journal is far smaller than this.
FIRST_RECORD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """An installed kernel, as people see it."""

    name: str
    display_name: str
    language: str


class KernelCatalog(Protocol):
    """Which kernels are installed; may read files, therefore called in a thread."""

    def find(self) -> Mapping[str, KernelInfo]:
        """Return the installed kernels by name."""

    def default_name(self) -> str:
        """Return the kernel for notebooks that name none."""


class NotebookFiles(Protocol):
    """The user's files, as Jupyter paths; the server's contents or plain folders."""

    async def read(self, path: str) -> JSONObject:
        """Return the saved notebook at `path`; `NotFoundError` when there is none."""

    async def create(self, folder: str, name: str, notebook: JSONObject) -> str:
        """Write a new notebook, never over an old one; return its path."""

    def local_folder(self, path: str) -> Path | None:
        """Return the local folder of the notebook at `path`, if it is on local disk."""

    def local_root(self) -> Path | None:
        """Return the local folder of the root of all paths, if it is on local disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """What a person asks to run."""

    #: Jupyter path of the notebook.
    path: str
    #: The notebook as it is in memory; `None` reads the saved one.
    notebook: JSONObject | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    kernel_name: str | None = None
    title: str | None = None
    backend: str = "local"
    tags: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    request_id: str | None = None
    submitted_by: str = ""


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Some bytes of a log, as text."""

    text: str
    offset: int
    next_offset: int
    size_bytes: int
    complete: bool


class ExecutionService:
    """Everything a person can ask for, whatever the way they ask.

    Parameters
    ----------
    store, objects
        Where executions are recorded and where bytes are.
    backends
        By name; the places an execution may run.
    kernels, notebook_files
        What is installed, and where notebooks come from.
    default_slots
        Executions at once unless somebody changed it (>= 1).
    presence
        Gives what `status` says of this process: version, boot, event revision, role.
    changed
        Called, in the caller's event loop, after something was changed.
    """

    def __init__(
        self,
        *,
        store: ExecutionStore,
        objects: ObjectStore,
        backends: Mapping[str, Backend],
        kernels: KernelCatalog,
        notebook_files: NotebookFiles,
        default_slots: int,
        data_dir: Path,
        presence: Callable[[], JSONObject],
        capture_limits: CaptureLimits | None = None,
        stat_cache: StatCache | None = None,
        changed: Callable[[], None] = lambda: None,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._objects = objects
        self._backends = backends
        self._kernels = kernels
        self._notebook_files = notebook_files
        self._default_slots = default_slots
        self._data_dir = data_dir
        self._presence = presence
        self._capture_limits = capture_limits or CaptureLimits()
        self._stat_cache = stat_cache
        self._changed = changed
        self._clock = clock

    # -- making executions -------------------------------------------------

    async def submit(self, request: SubmitRequest) -> Execution:
        """Seal the notebook and queue it; return once that is durable.

        Raises
        ------
        NotFoundError
            No saved notebook at the path, and none was sent.
        InvalidRequestError, KernelMissingError, InvalidParametersError, SnapshotTooBigError
            Refused; nothing was accepted.
        DiskFullError, UnavailableError
            It could not be stored; nothing was accepted.
        """
        notebook = request.notebook
        if notebook is None:
            notebook = await self._notebook_files.read(request.path)
        self._backend(request.backend)
        submission = await asyncio.to_thread(self._seal, request, notebook)
        return await self._accept(submission)

    async def rerun(
        self,
        ref: str,
        *,
        parameters: Mapping[str, object] | None = None,
        title: str | None = None,
        request_id: str | None = None,
        submitted_by: str = "",
    ) -> Execution:
        """Queue the snapshot of `ref` again; `parameters` replace the old ones."""
        parent = await self.get(ref)
        submission = await asyncio.to_thread(
            self._reseal, parent, parameters, title, request_id, submitted_by
        )
        return await self._accept(submission)

    async def _accept(self, submission: Submission) -> Execution:
        execution, _ = await asyncio.to_thread(self._store.accept, submission)
        self._changed()
        return execution

    def _seal(self, request: SubmitRequest, notebook: JSONObject) -> Submission:
        source = normalise(notebook)
        kernel = self._kernel_for(source, request.kernel_name)
        declared = find_parameters(source)
        parameters = coerce_parameters(
            request.parameters, declared.parameters, typed=declared.typed
        )
        captured = capture(
            source,
            notebook_path=request.path,
            folder=self._notebook_files.local_folder(request.path),
            server_root=self._notebook_files.local_root(),
            kernel_name=kernel.name,
            language=kernel.language,
            objects=self._objects,
            stat_cache=self._stat_cache,
            limits=self._capture_limits,
        )
        return Submission(
            id=new_id(),
            request_id=request.request_id,
            notebook_path=request.path,
            title=request.title or _default_title(request.path, parameters),
            parameters=parameters,
            kernel_name=kernel.name,
            backend=request.backend,
            snapshot_id=captured.snapshot_id,
            tags=request.tags,
            submitted_by=request.submitted_by,
            limits=request.limits,
            provenance=self._provenance(captured, kernel),
            created_at=self._clock(),
        )

    def _reseal(
        self,
        parent: Execution,
        values: Mapping[str, object] | None,
        title: str | None,
        request_id: str | None,
        submitted_by: str,
    ) -> Submission:
        manifest = load_manifest(self._objects, parent.snapshot_id)
        source = self._source(manifest)
        self._kernel_for(source, parent.kernel_name)
        parameters = parent.parameters
        if values is not None:
            declared = find_parameters(source)
            parameters = coerce_parameters(values, declared.parameters, typed=declared.typed)
        unchanged = parameters == parent.parameters
        default = parent.title if unchanged else _default_title(parent.notebook_path, parameters)
        return Submission(
            id=new_id(),
            request_id=request_id,
            notebook_path=parent.notebook_path,
            title=title or default,
            parameters=parameters,
            kernel_name=parent.kernel_name,
            backend=parent.backend,
            snapshot_id=parent.snapshot_id,
            parent_id=parent.id,
            tags=parent.tags,
            submitted_by=submitted_by,
            limits=parent.limits,
            provenance=parent.provenance,
            created_at=self._clock(),
        )

    def _kernel_for(self, source: JSONObject, wanted: str | None) -> KernelInfo:
        installed = self._kernels.find()
        name = wanted or kernel_of(source)[0] or self._kernels.default_name()
        kernel = installed.get(name)
        if kernel is None:
            names = sorted(installed)
            message = (
                f"The kernel {name!r} is not installed here; choose one of: {', '.join(names)}."
                if names
                else f"The kernel {name!r} is not installed here, and no other is either."
            )
            raise KernelMissingError(message, {"kernel_name": name, "installed": names})
        return kernel

    def _provenance(self, captured: Capture, kernel: KernelInfo) -> JSONObject:
        root = self._notebook_files.local_root()
        git = captured.git
        return {
            "root_path": captured.root_path,
            "tree_root": str(captured.tree_root) if captured.tree_root else None,
            "server_root": str(root) if root else None,
            "linked": linked_to_json(captured.linked),
            "git": {"commit": git.commit, "branch": git.branch, "dirty": git.dirty}
            if git
            else None,
            "kernel": {
                "name": kernel.name,
                "display_name": kernel.display_name,
                "language": kernel.language,
            },
            "notes": list(captured.notes),
        }

    # -- finding and changing them -----------------------------------------

    async def get(self, ref: str) -> Execution:
        """Return the execution with the number or id `ref`; `NotFoundError` if none."""
        return await asyncio.to_thread(self._store.get, ref)

    async def find(self, query: ExecutionQuery) -> ExecutionPage:
        """Return one page of executions."""
        return await asyncio.to_thread(self._store.find, query)

    async def cancel(self, ref: str) -> Execution:
        """Ask for the end; a queued execution is cancelled at once."""
        return await self._change(self._store.request_cancel, ref)

    async def edit(self, ref: str, changes: Mapping[str, Any]) -> Execution:
        """Change `title`, `note`, `tags` or `starred`; `deleted` false takes it from the trash."""
        edits = {name: value for name, value in changes.items() if name != "deleted"}
        execution = None
        if "deleted" in changes:
            execution = await self._change(self._store.untrash, ref)
        if edits or execution is None:
            execution = await self._change(self._store.edit, ref, **edits)
        return execution

    async def pin(self, ref: str, *, pinned: bool) -> Execution:
        """Keep the execution for ever, or no longer."""
        return await self._change(self._store.edit, ref, pinned=pinned)

    async def trash(self, ref: str) -> Execution:
        """Move a final execution to the trash; `ConflictError` while it is not final."""
        return await self._change(self._store.trash, ref)

    async def _change(self, action: Callable[..., Execution], ref: str, **changes: Any) -> Execution:
        execution = await asyncio.to_thread(action, ref, **changes)
        self._changed()
        return execution

    # -- reading what they left --------------------------------------------

    async def notebook(self, ref: str, *, version: str) -> bytes:
        """Return a notebook of an execution as nbformat JSON.

        Parameters
        ----------
        ref
            Number or id.
        version
            ``source`` is what was submitted, without outputs; ``output`` the
            executed notebook, what is there so far while it runs.
        """
        execution = await self.get(ref)
        if version == "output":
            if execution.output_object is not None:
                return await asyncio.to_thread(self._objects.get, execution.output_object)
            if execution.status is Status.RUNNING:
                backend = self._backend(execution.backend)
                so_far = await backend.read_notebook(_key(execution))
                if so_far is not None:
                    return so_far
        return await asyncio.to_thread(self._source_bytes, execution)

    async def notebook_name(self, ref: str, *, suffix: str) -> str:
        """Return a file name to save a notebook of the execution under."""
        execution = await self.get(ref)
        return f"{PurePosixPath(execution.notebook_path).stem} #{execution.number}{suffix}"

    async def log(self, ref: str, *, offset: int, limit_bytes: int) -> LogPiece:
        """Return what the notebook printed from byte `offset` on (negative: from the end)."""
        execution = await self.get(ref)
        if execution.is_final:
            data = b""
            if execution.log_object is not None:
                data = await asyncio.to_thread(self._objects.get, execution.log_object)
            size = len(data)
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            piece = data[start : start + limit_bytes]
        else:
            backend = self._backend(execution.backend)
            piece, size = await backend.read_log(
                _key(execution), offset=offset, limit_bytes=limit_bytes
            )
            start = max(0, size + offset) if offset < 0 else min(offset, size)
        piece = _whole_characters(piece, at_end=execution.is_final and start + len(piece) == size)
        end = start + len(piece)
        return LogPiece(
            text=piece.decode("utf-8", errors="replace"),
            offset=start,
            next_offset=end,
            size_bytes=size,
            complete=execution.is_final and end == size,
        )

    async def artifacts(self, ref: str) -> tuple[Artifact, ...]:
        """Return the files an execution produced; the executed notebook is the first."""
        execution = await self.get(ref)
        return await asyncio.to_thread(self._artifacts, execution)

    async def artifact(self, ref: str, name: str) -> tuple[Artifact, bytes]:
        """Return one artifact and its bytes; `NotFoundError` if there is none of that name."""
        execution = await self.get(ref)
        for artifact in await asyncio.to_thread(self._artifacts, execution):
            if artifact.name == name:
                data = await asyncio.to_thread(self._objects.get, artifact.object_id)
                return artifact, data
        message = f"Execution #{execution.number} has no artifact named {name!r}."
        raise NotFoundError(message)

    async def receipt(self, ref: str) -> tuple[Execution, JSONObject]:
        """Return an execution and everything that made it."""
        execution = await self.get(ref)
        return execution, await asyncio.to_thread(self._receipt, execution)

    async def restore(self, ref: str, *, folder: str | None = None) -> str:
        """Write the source notebook into a new file; return its Jupyter path."""
        execution = await self.get(ref)
        source = json.loads(await self.notebook(ref, version="source"))
        path = PurePosixPath(execution.notebook_path)
        if folder is None:
            parent = str(path.parent)
            here = self._notebook_files.local_folder(execution.notebook_path)
            folder = "" if parent == "." or here is None else parent
        return await self._notebook_files.create(
            folder, f"{path.stem} (from #{execution.number}).ipynb", source
        )

    async def parameters(self, path: str, notebook: JSONObject | None = None) -> ParameterList:
        """Return the declared parameters of a notebook, found without executing anything."""
        if notebook is None:
            notebook = await self._notebook_files.read(path)
        return await asyncio.to_thread(lambda: find_parameters(normalise(notebook)))

    # -- the place as a whole ----------------------------------------------

    def slots(self) -> int:
        """Return how many executions may run at once (>= 1); reads the store."""
        chosen = self._store.get_setting(SLOTS_SETTING)
        return chosen if isinstance(chosen, int) and chosen >= 1 else self._default_slots

    async def set_slots(self, slots: int) -> None:
        """Change how many executions may run at once; running ones are not disturbed."""
        if slots < 1:
            message = f"There must be at least one slot, not {slots}."
            raise InvalidRequestError(message)
        await asyncio.to_thread(self._store.set_setting, SLOTS_SETTING, slots)
        self._changed()

    async def status(self) -> JSONObject:
        """Return queue, slots and disk use."""
        return await asyncio.to_thread(self._status)

    async def waiting_reason(self) -> str:
        """Return, as a sentence, why a queued execution waits at this moment."""
        return await asyncio.to_thread(self._waiting_reason)

    def _waiting_reason(self) -> str:
        busy, slots = self._store.counts().running, self.slots()
        if busy >= slots:
            return f"Waits for a free slot ({busy} of {slots} busy)."
        return "Waits for its turn."

    def _status(self) -> JSONObject:
        counts = self._store.counts()
        return {
            **self._presence(),
            "queued": counts.queued,
            "running": counts.running,
            "slots": self.slots(),
            "waiting_reason": self._waiting_reason() if counts.queued else None,
            "disk": {
                "used_bytes": self._objects.used_bytes(),
                "free_bytes": shutil.disk_usage(self._data_dir).free,
                "directory": str(self._data_dir),
            },
        }

    def _backend(self, name: str) -> Backend:
        backend = self._backends.get(name)
        if backend is None:
            known = ", ".join(sorted(self._backends))
            message = f"There is no backend {name!r} here; choose one of: {known}."
            raise InvalidRequestError(message)
        return backend

    def _source(self, manifest: Manifest) -> JSONObject:
        source: JSONObject = json.loads(self._objects.get(manifest.notebook_object))
        return source

    def _source_bytes(self, execution: Execution) -> bytes:
        manifest = load_manifest(self._objects, execution.snapshot_id)
        return self._objects.get(manifest.notebook_object)

    def _artifacts(self, execution: Execution) -> tuple[Artifact, ...]:
        if execution.output_object is None:
            return execution.artifacts
        notebook = Artifact(
            name=_output_name(execution),
            object_id=execution.output_object,
            size_bytes=self._objects.size_bytes(execution.output_object),
            media_type="application/x-ipynb+json",
        )
        return (notebook, *execution.artifacts)

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
            "git": provenance.get("git"),
            "machine": self._machine(execution),
            "notes": provenance.get("notes", []),
            "artifacts": self._artifacts(execution),
        }


    def _machine(self, execution: Execution) -> JSONObject:
        """Return where it ran, which the first record of its journal tells."""
        if execution.journal_object is None:
            return {}
        with self._objects.open(execution.journal_object) as journal:
            first = journal.readline(FIRST_RECORD_BYTES)
        try:
            machine = json.loads(first).get("machine", {})
        except (ValueError, AttributeError):
            return {}
        return {str(name): str(value) for name, value in machine.items()}


def _key(execution: Execution) -> AttemptKey:
    return AttemptKey(execution.id, execution.attempt)


def _output_name(execution: Execution) -> str:
    taken = {artifact.name for artifact in execution.artifacts}
    name = PurePosixPath(execution.notebook_path).name
    return name if name not in taken else f"{PurePosixPath(name).stem} #{execution.number}.ipynb"


def _default_title(path: str, parameters: Mapping[str, JSONValue]) -> str:
    """Name the notebook and what was chosen for this run, within 120 characters."""
    stem = PurePosixPath(path).stem
    chosen = ", ".join(f"{name}={json.dumps(value)}" for name, value in parameters.items())
    title = f"{stem} · {chosen}" if chosen else stem
    limit = 120
    return title if len(title) <= limit else title[: limit - 1] + "…"


def _whole_characters(piece: bytes, *, at_end: bool) -> bytes:
    """Cut a piece of UTF-8 back to the end of its last whole character."""
    if at_end:
        return piece
    for back in range(1, min(4, len(piece)) + 1):
        byte = piece[-back]
        if byte < 0x80:
            return piece
        if byte >= 0xC0:
            width = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return piece if back >= width else piece[:-back]
    return piece
