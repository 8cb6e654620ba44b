"""Everything a person can ask for, whatever the way they ask."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.core.access import NOBODY
from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.resources import read_resources
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.errors import AsyncExecError, InvalidRequestError
from jupyter_async_exec.runner.vault import SECRETS, Vault
from jupyter_async_exec.service.acceptance import Acceptance
from jupyter_async_exec.service.adaptive import Searches
from jupyter_async_exec.service.admission import Admission, RoomLimits
from jupyter_async_exec.service.collection import Collector
from jupyter_async_exec.service.compare import Comparer
from jupyter_async_exec.service.disk_use import DiskUse
from jupyter_async_exec.service.environment_key import EnvironmentKeys
from jupyter_async_exec.service.fan_in import FanIn
from jupyter_async_exec.service.goals import Goals
from jupyter_async_exec.service.overview import Overview, check_path
from jupyter_async_exec.service.places import Places
from jupyter_async_exec.service.presets import Presets
from jupyter_async_exec.service.reading import Reading
from jupyter_async_exec.service.rerun_submission import RerunSealer
from jupyter_async_exec.service.results import ResultReader
from jupyter_async_exec.service.submission import Sealer
from jupyter_async_exec.service.sweep_submission import SweepSealer
from jupyter_async_exec.service.sweeps import SweepService
from jupyter_async_exec.service.titles import Titles
from jupyter_async_exec.snapshots.choice import CaptureLimits
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.snapshots.parameters import ParameterList, find_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.core.execution import Execution, Limits, Submission
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.service.ports import KernelCatalog, NotebookFiles, SubmitRequest
    from jupyter_async_exec.snapshots.stat_cache import StatCache
    from jupyter_async_exec.store import ExecutionPage, ExecutionQuery, ExecutionStore

#: Python runs one thread at a time: with more, the event loop waits behind all of them.
ACCEPTED_AT_ONCE = 2


class ExecutionService(Reading, Overview):
    """The use cases: those that make, find and change executions, and what it extends.

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
        titles = Titles(store, objects, is_shared=is_shared)
        self._sealer = Sealer(
            objects=objects,
            kernels=kernels,
            notebook_files=notebook_files,
            limits=capture_limits or CaptureLimits(),
            default_limits=default_limits,
            vault=Vault(data_dir / SECRETS),
            environments=self.environments,
            titles=titles,
            owner=owner,
            stat_cache=stat_cache,
            clock=clock,
        )
        self._rerun_sealer = RerunSealer(self._sealer, objects=objects, titles=titles, clock=clock)
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
        self._acceptance = Acceptance(store, self._admission, self._sealer, self._places)
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
        """Queue the snapshot of `ref` again; what is given replaces what it had.

        It follows what `ref` follows, or what that was run again as.
        """
        parent = await self.get(ref)
        if backend is not None or resources is not None:
            await self._check_place(
                parent.backend if backend is None else backend,
                parent.resources if resources is None else resources,
            )
        return await self._accept(
            request_id,
            lambda: self._rerun_sealer.seal(
                parent,
                parameters=parameters,
                title=title,
                limits=limits or {},
                backend=backend,
                resources=resources,
                after=self.fan_in.again(parent),
                request_id=request_id,
                submitted_by=submitted_by,
            ),
        )

    async def _read_source(self, request: SubmitRequest) -> JSONObject:
        """Return the notebook a request is about; refuse what makes no sense before that."""
        await self._check_place(request.backend, request.resources)
        check_path(request.path)
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
        # One thread for all of it: with many executions running, each change
        # of threads waits for the interpreter.
        async with self._accepting:
            execution = await asyncio.to_thread(
                self._acceptance.accept, request_id, seal, find_known=find_known
            )
        self._changed()
        return execution

    async def parameters(self, path: str, notebook: JSONObject | None = None) -> ParameterList:
        """Return the declared parameters of a notebook, found without executing anything."""
        check_path(path)
        found = await self._notebook_files.read(path) if notebook is None else notebook
        return await asyncio.to_thread(lambda: find_parameters(normalise(found)))

    # -- finding and changing them -----------------------------------------

    @override
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

    @override
    def _has_changed(self) -> None:
        self._places.forget()
        self._changed()
