"""Everything a person can ask for, whatever the way they ask."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.access import NOBODY
from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.resources import read_resources
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.errors import AsyncExecError, InvalidRequestError, OutcomeUnknownError
from jupyter_async_exec.runner.mlflow_store import MLFLOW_DIR
from jupyter_async_exec.runner.vault import SECRETS, Vault
from jupyter_async_exec.service.adaptive import Searches
from jupyter_async_exec.service.admission import Admission, RoomLimits
from jupyter_async_exec.service.collection import Collector
from jupyter_async_exec.service.compare import Comparer
from jupyter_async_exec.service.disk_use import DiskUse
from jupyter_async_exec.service.environment_key import EnvironmentKeys
from jupyter_async_exec.service.fan_in import FanIn
from jupyter_async_exec.service.goals import Goals
from jupyter_async_exec.service.metrics import Cursor, MetricsPiece, make_piece
from jupyter_async_exec.service.places import Places
from jupyter_async_exec.service.presets import Presets
from jupyter_async_exec.service.results import Content, LogPiece, ResultReader
from jupyter_async_exec.service.submission import Sealer
from jupyter_async_exec.service.suggestions import can_search
from jupyter_async_exec.service.sweep_submission import SweepSealer
from jupyter_async_exec.service.sweeps import SweepService
from jupyter_async_exec.service.titles import Titles
from jupyter_async_exec.snapshots.capture import CaptureLimits
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.snapshots.parameters import ParameterList, find_parameters
from jupyter_async_exec.store.mlflow_runs import find_runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.execution import Artifact, Execution, Limits, Submission
    from jupyter_async_exec.core.goal import Goal
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.service.places import Reasons
    from jupyter_async_exec.service.ports import KernelCatalog, NotebookFiles, SubmitRequest
    from jupyter_async_exec.snapshots.stat_cache import StatCache
    from jupyter_async_exec.store import ExecutionPage, ExecutionQuery, ExecutionStore

#: Store-wide setting that overrides the configured number of slots.
SLOTS_SETTING = "slots"
#: What common file systems allow, and half of it, to leave room for the mirror's own folders.
LONGEST_NAME_BYTES = 255
LONGEST_PATH_BYTES = 2_000

LOGGER = logging.getLogger("jupyter_async_exec.service")

#: Python runs one thread at a time: with more, the event loop waits behind all of them.
ACCEPTED_AT_ONCE = 2


class ExecutionService:
    """The use cases.

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
    data_dir
        Whose disk `status` speaks of.
    capture_limits, default_limits, room_limits
        How much may be captured, what an execution may use unless its request
        says otherwise, and when nothing more is accepted.
    owner
        Whose executions are that are submitted without saying whose.
    is_shared
        Whether people here do not see each other's executions.
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
        default_limits: Limits | None = None,
        room_limits: RoomLimits | None = None,
        stat_cache: StatCache | None = None,
        owner: str = NOBODY,
        is_shared: bool = False,
        changed: Callable[[], None] = lambda: None,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._objects = objects
        self._backends = backends
        self._notebook_files = notebook_files
        self._default_slots = default_slots
        self._data_dir = data_dir
        self._presence = presence
        self._changed = changed
        self._clock = clock
        self._places = Places(store, backends, self.slots, kernels)
        self._disk_use = DiskUse(objects.used_bytes)
        self._results = ResultReader(objects, backends)
        self._admission = Admission(
            count_queued=store.queued_count,
            data_dir=data_dir,
            limits=room_limits or RoomLimits(),
        )
        #: What kernels run in.
        self.environments = EnvironmentKeys()
        self._comparer = Comparer(store, objects)
        self._goals = Goals(store)
        #: What executions wait for, and are handed.
        self.fan_in = FanIn(store, objects, self._results)
        self._sealer = Sealer(
            objects=objects,
            kernels=kernels,
            notebook_files=notebook_files,
            limits=capture_limits or CaptureLimits(),
            default_limits=default_limits,
            vault=Vault(data_dir / SECRETS),
            environments=self.environments,
            titles=Titles(store, objects, is_shared=is_shared),
            owner=owner,
            stat_cache=stat_cache,
            clock=clock,
        )
        sweep_sealer = SweepSealer(self._sealer, clock=clock)
        #: The use cases of presets.
        self.presets = Presets(store.presets, self.parameters, clock=clock)
        #: Makes room.
        self.collector = Collector(
            store, objects, data_dir=data_dir, changed=self._has_changed, clock=clock
        )
        #: The use cases of sweeps.
        self.sweeps = SweepService(
            store=store,
            sealer=sweep_sealer,
            admission=self._admission,
            seal_then=self._sealer,
            goals=self._goals,
            read_source=self._read_source,
            slots=self.slots,
            changed=self._has_changed,
            goal_of=self._goals.get,
        )
        self._accepting = asyncio.Semaphore(ACCEPTED_AT_ONCE)
        #: Chooses the next executions of adaptive sweeps.
        self.searches = Searches(
            store=store,
            sealer=sweep_sealer,
            admission=self._admission,
            changed=self._has_changed,
        )

    # -- making executions -------------------------------------------------

    async def submit(self, request: SubmitRequest) -> Execution:
        """Seal the notebook and queue it; return once that is durable.

        Raises
        ------
        NotFoundError
            No saved notebook at the path, and none was sent; or nothing to wait for.
        InvalidRequestError, KernelMissingError, InvalidParametersError, RefusedError, \
        SnapshotTooBigError
            Refused; nothing was accepted.
        QueueFullError, DiskFullError, UnavailableError
            It could not be stored; nothing was accepted.
        """
        notebook = await self._read_source(request)
        return await self._accept(request.request_id, lambda: self._seal(request, notebook))

    async def submit_if_new(self, request: SubmitRequest) -> tuple[Execution, bool]:
        """Do as `submit` does, unless the same is known to have succeeded before.

        What is new waits for nothing but a look into an index; only when that
        finds something, the environment is looked at again.

        Returns
        -------
        tuple of Execution and bool
            The accepted execution and True; or the latest one that computed the
            same and False, and nothing was accepted.

        Raises
        ------
        AsyncExecError
            As `submit` does.
        """
        notebook = await self._read_source(request)
        wanted = ReusePolicy(wanted=True)
        same: Execution | None = None

        def find_known(submission: Submission) -> Execution | None:
            nonlocal same
            if self.sweeps.find_same(submission.reuse_key, wanted) is None:
                return None
            if request.request_id and self._store.find_request(request.request_id):
                # Not the same again, but the same request.
                return None
            now = self._sealer.find_key(replace(request, reuse=wanted), notebook)
            same = self.sweeps.find_same(now, wanted)
            return same

        execution = await self._accept(
            request.request_id,
            lambda: self._seal(request, notebook),
            find_known=find_known,
        )
        return execution, same is None

    def _seal(self, request: SubmitRequest, notebook: JSONObject) -> Submission:
        return self._sealer.seal(self.fan_in.resolve(request), notebook)

    async def find_same(self, request: SubmitRequest) -> Execution | None:
        """Return the latest successful execution that computed what this one would.

        Nothing is accepted. None too when it cannot be told, because not all
        that decides the result is known.

        Raises
        ------
        NotFoundError, InvalidRequestError, KernelMissingError, InvalidParametersError, \
        SnapshotTooBigError
            It would be refused.
        """
        policy = replace(request.reuse or ReusePolicy(), wanted=True)
        asked = replace(request, reuse=policy)
        notebook = await self._read_source(request)

        def find() -> Execution | None:
            key = self._sealer.find_key(self.fan_in.resolve(asked), notebook)
            found = self.sweeps.find_same(key, policy)
            if found is not None and asked == request:
                self.collector.uses.note(found)
            return found

        return await asyncio.to_thread(find)

    async def rerun(
        self,
        ref: str,
        *,
        parameters: Mapping[str, object] | None = None,
        title: str | None = None,
        limits: Mapping[str, Any] | None = None,
        backend: str | None = None,
        resources: Mapping[str, object] | None = None,
        request_id: str | None = None,
        submitted_by: str = "",
    ) -> Execution:
        """Queue the snapshot of `ref` again; what is given replaces what it had."""
        parent = await self.get(ref)
        if backend is not None or resources is not None:
            await self._check_place(
                parent.backend if backend is None else backend,
                parent.resources if resources is None else resources,
            )
        return await self._accept(
            request_id,
            lambda: self._sealer.reseal(
                parent,
                parameters=parameters,
                title=title,
                limits=limits or {},
                backend=backend,
                resources=resources,
                request_id=request_id,
                submitted_by=submitted_by,
            ),
        )

    async def _read_source(self, request: SubmitRequest) -> JSONObject:
        """Return the notebook a request is about; refuse what makes no sense before that."""
        await self._check_place(request.backend, request.resources)
        _check_path(request.path)
        if request.notebook is not None:
            return request.notebook
        return await self._notebook_files.read(request.path)

    async def _check_place(self, backend: str, resources: Mapping[str, object]) -> None:
        if backend not in self._backends:
            known = ", ".join(sorted(self._backends))
            raise InvalidRequestError(
                f"There is no backend {backend[:50]!r} here; choose one of: {known}."
            )
        if resources:
            await self._places.check(backend, read_resources(resources))

    async def _accept(
        self,
        request_id: str | None,
        seal: Callable[[], Submission],
        *,
        find_known: Callable[[Submission], Execution | None] = lambda _: None,
    ) -> Execution:
        """Accept what `seal` makes, or return what is known in its place."""

        def accept() -> Execution:
            try:
                self._admission.check()
                submission = seal()
            except AsyncExecError:
                # Who asks again for what was accepted asks neither for more room,
                # nor for what would be refused by now.
                earlier = request_id and self._store.find_request(request_id)
                if not earlier:
                    raise
                return earlier
            try:
                execution = find_known(submission) or self._store.accept(submission)[0]
            except OutcomeUnknownError:
                raise  # It may have been accepted, and needs its secrets then.
            except BaseException:
                self._sealer.forget(submission.id)
                raise
            if execution.id != submission.id:
                # It had been accepted before, with secrets of its own.
                self._sealer.forget(submission.id)
            try:
                # Whoever submitted asks for it next.
                self._places.find_reasons()
            except Exception:
                # It is accepted; whoever heard of an error would submit it again.
                LOGGER.exception("Why #%d waits is not known yet.", execution.number)
            return execution

        # One thread for all of it: with many executions running, each change
        # of threads waits for the interpreter.
        async with self._accepting:
            execution = await asyncio.to_thread(accept)
        self._changed()
        return execution

    async def parameters(self, path: str, notebook: JSONObject | None = None) -> ParameterList:
        """Return the declared parameters of a notebook, found without executing anything."""
        _check_path(path)
        found = await self._notebook_files.read(path) if notebook is None else notebook
        return await asyncio.to_thread(lambda: find_parameters(normalise(found)))

    # -- finding and changing them -----------------------------------------

    async def get(self, ref: str) -> Execution:
        """Return the execution with the number or id `ref`; `NotFoundError` if none."""
        return await asyncio.to_thread(self._store.get, ref)

    async def find(self, query: ExecutionQuery) -> ExecutionPage:
        """Return one page of executions."""
        return await asyncio.to_thread(self._store.find, query)

    async def cancel(self, ref: str) -> Execution:
        """Ask for the end; a queued execution is cancelled at once."""
        execution = await self._change(self._store.request_cancel, ref)
        backend = self._backends.get(execution.backend)
        if execution.status is Status.RUNNING and backend is not None:
            # The dispatcher tells the attempt too; there may be none just now, or a busy one.
            with contextlib.suppress(AsyncExecError, OSError):
                await backend.cancel(AttemptKey(execution.id, execution.attempt))
        return execution

    async def edit(self, ref: str, changes: Mapping[str, Any]) -> Execution:
        """Change `title`, `note`, `tags` or `starred`; `deleted` false takes it from the trash."""
        edits = {name: value for name, value in changes.items() if name != "deleted"}
        if "deleted" in changes:
            await self._change(self._store.untrash, ref)
        return await self._change(self._store.edit, ref, **edits)

    async def pin(self, ref: str, *, pinned: bool) -> Execution:
        """Keep the execution for ever, or no longer."""
        return await self._change(self._store.edit, ref, pinned=pinned)

    async def trash(self, ref: str) -> Execution:
        """Move a final execution to the trash; `ConflictError` while it is not final."""
        return await self._change(self._store.trash, ref)

    async def _change(
        self, action: Callable[..., Execution], ref: str, **changes: Any
    ) -> Execution:
        execution = await asyncio.to_thread(action, ref, **changes)
        self._has_changed()
        return execution

    def _has_changed(self) -> None:
        self._places.forget()
        self._changed()

    # -- reading what they left --------------------------------------------

    def _note_use(self, execution: Execution) -> None:
        """Remember, without anybody waiting, that a result was opened."""
        asyncio.get_running_loop().run_in_executor(None, self.collector.uses.note, execution)

    async def notebook(self, ref: str, *, version: str) -> bytes:
        """Return the executed notebook (``output``) or the submitted one (``source``)."""
        content = await self.open_notebook(ref, version=version)
        return await asyncio.to_thread(b"".join, [piece async for piece in content.pieces])

    async def open_notebook(self, ref: str, *, version: str) -> Content:
        """Return the same in pieces, as a server hands it on."""
        execution = await self.get(ref)
        self._note_use(execution)
        notebook = await self._results.notebook(execution, version=version)
        ended = await self._ended_meanwhile(execution)
        return notebook if ended is None else await self._results.notebook(ended, version=version)

    async def log(self, ref: str, *, offset: int, limit_bytes: int) -> LogPiece:
        """Return what the notebook printed from byte `offset` on (negative: from the end)."""
        execution = await self.get(ref)
        piece = await self._results.log(execution, offset=offset, limit_bytes=limit_bytes)
        ended = await self._ended_meanwhile(execution)
        if ended is not None:
            piece = await self._results.log(ended, offset=offset, limit_bytes=limit_bytes)
        return piece

    async def _ended_meanwhile(self, execution: Execution) -> Execution | None:
        """Return the execution if it has ended since: where it ran there is nothing any more."""
        if execution.is_final:
            return None
        now = await self.get(execution.id)
        return now if now.is_final else None

    async def metrics(
        self,
        ref: str,
        *,
        names: Sequence[str] | None = None,
        max_points: int = 1_000,
        cursor: str | None = None,
    ) -> MetricsPiece:
        """Return points of the metrics of an execution, also while it runs.

        Parameters
        ----------
        ref
            Number or id.
        names
            Which metrics; `None` for all.
        max_points
            At most so many of each metric (>= 4); peaks are never left out.
        cursor
            Of an earlier answer: only what came since.

        Raises
        ------
        InvalidRequestError
            The cursor is none.
        """
        known = Cursor.from_text(cursor)

        def read() -> MetricsPiece:
            execution, series, counts = self._store.metrics(ref, names=names, after=known.counts)
            valid = known
            if known.counts and execution.attempt != known.attempt:
                # It began anew since.
                execution, series, counts = self._store.metrics(ref, names=names)
                valid = Cursor(execution.attempt, {})
            return make_piece(execution, series, counts, known=valid, max_points=max_points)

        return await asyncio.to_thread(read)

    async def artifacts(self, ref: str) -> tuple[Artifact, ...]:
        """Return the files an execution produced; the executed notebook is the first."""
        return await self._results.artifacts(await self.get(ref))

    async def artifact(self, ref: str, name: str) -> Artifact:
        """Return one artifact; `NotFoundError` if there is none of that name."""
        execution = await self.get(ref)
        self._note_use(execution)
        return await self._results.artifact(execution, name)

    async def pieces(self, artifact: Artifact) -> AsyncIterator[bytes]:
        """Give the bytes of an artifact in pieces, whatever its size."""
        async for piece in self._results.pieces(artifact):
            yield piece

    async def receipt(self, ref: str) -> tuple[Execution, JSONObject]:
        """Return an execution and everything that made it."""
        execution = await self.get(ref)
        receipt = await self._results.receipt(execution)
        return execution, receipt | await asyncio.to_thread(self._circumstances, execution)

    def _circumstances(self, execution: Execution) -> JSONObject:
        """Return what it ran in, and for a failed one what changed since it last worked."""
        environment_id = execution.environment_id
        found = self._store.environments([environment_id]) if environment_id else {}
        environment = found.get(environment_id or "")
        has_failed = execution.status is Status.FAILED
        return {
            "environment": None
            if environment is None
            else {"id": environment.id, **environment.to_json()},
            "since_success": self._comparer.since_success(execution) if has_failed else None,
            "mlflow_runs": find_runs(self._data_dir / MLFLOW_DIR, execution.id),
            **self.fan_in.relations(execution),
        }

    async def compare(self, *, ids: str | None = None, sweep: str | None = None) -> JSONObject:
        """Return executions side by side, and what differs between them.

        Parameters
        ----------
        ids
            Numbers, ids and ranges of numbers, such as ``3,7-12``.
        sweep
            Id of a sweep, all of whose executions are compared too.

        Raises
        ------
        InvalidRequestError
            That is none, or more than can be compared.
        NotFoundError
            One that is named is not there.
        """
        return await asyncio.to_thread(
            lambda: self._comparer.compare(self._comparer.find(ids, sweep))
        )

    async def curves(self, ids: str, name: str, *, max_points: int) -> list[JSONObject]:
        """Return the curve of one metric of several executions, those without it left out.

        Parameters
        ----------
        ids
            Numbers, ids and ranges of numbers, such as ``3,7-12``.
        name
            Which metric.
        max_points
            At most so many of each (>= 4); peaks are never left out.

        Raises
        ------
        InvalidRequestError
            That is none, or more than can be drawn.
        NotFoundError
            One that is named is not there.
        """
        return await asyncio.to_thread(self._comparer.curves, ids, name, max_points)

    async def goal(self, path: str) -> Goal | None:
        """Return which metric counts for a notebook; `None` while nobody said."""
        _check_path(path)
        return await asyncio.to_thread(self._goals.get, path)

    async def goals(self) -> dict[str, Goal]:
        """Return which metric counts, by path of the notebook."""
        return await asyncio.to_thread(self._goals.all)

    async def set_goal(self, path: str, goal: Goal | None) -> None:
        """Say which metric counts for a notebook; `None` forgets it."""
        _check_path(path)
        await asyncio.to_thread(self._goals.put, path, goal)

    async def notebook_moved(self, old_path: str, new_path: str) -> None:
        """Let what is kept for a notebook, or for all in a folder, follow to its new path.

        Executions stay what they are: they ran where the notebook lay then.
        """
        await asyncio.to_thread(self._goals.move, old_path, new_path)
        await self.presets.move(old_path, new_path)

    async def restore(self, ref: str, *, folder: str | None = None) -> str:
        """Write the source notebook into a new file; return its Jupyter path."""
        execution = await self.get(ref)
        source = json.loads(await self.notebook(execution.id, version="source"))
        path = PurePosixPath(execution.notebook_path)
        if folder is None:
            parent = str(path.parent)
            here = self._notebook_files.local_folder(execution.notebook_path)
            folder = "" if parent == "." or here is None else parent
        name = f"{path.stem} (from #{execution.number}).ipynb"
        return await self._notebook_files.create(folder.strip("/"), name, source)

    # -- the place as a whole ----------------------------------------------

    def slots(self) -> int:
        """Return how many executions may run at once (>= 1); reads the store."""
        chosen = self._store.settings.get(SLOTS_SETTING)
        return chosen if isinstance(chosen, int) and chosen >= 1 else self._default_slots

    async def set_slots(self, slots: int) -> None:
        """Change how many executions may run at once; running ones are not disturbed."""
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


def _check_path(path: str) -> None:
    """Refuse a path that no file system could hold."""
    try:
        n_bytes = len(path.encode())
        longest_bytes = max(len(part.encode()) for part in path.split("/"))
    except UnicodeEncodeError:
        raise InvalidRequestError("The path holds characters that no file name can.") from None
    is_too_long = n_bytes > LONGEST_PATH_BYTES or longest_bytes > LONGEST_NAME_BYTES
    if not path or "\0" in path or is_too_long:
        raise InvalidRequestError(f"{path[:100]!r} is not the path of a notebook.")
