"""The use cases for one person, where several share a store: what they may not see is not there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jupyter_async_exec.core.access import Team
from jupyter_async_exec.errors import NotFoundError, NotYoursError
from jupyter_async_exec.service.collection import Collector
from jupyter_async_exec.service.compare import Comparer
from jupyter_async_exec.service.fan_in import FanIn, is_range
from jupyter_async_exec.service.presets import Presets
from jupyter_async_exec.service.sweeps import SweepService
from jupyter_async_exec.service.use_cases import ExecutionService
from jupyter_async_exec.store.preset_store import PresetStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.access import Access
    from jupyter_async_exec.core.execution import Execution, Submission
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.preset import Preset
    from jupyter_async_exec.core.retention import Retention
    from jupyter_async_exec.core.sweeps import Sweep, SweepDefinition
    from jupyter_async_exec.service.collection import Collection
    from jupyter_async_exec.service.metrics import MetricsPiece
    from jupyter_async_exec.service.ports import SubmitRequest, SweepRequest
    from jupyter_async_exec.store import ExecutionPage, ExecutionQuery


def acting_for(whole: ExecutionService, access: Access) -> ExecutionService:
    """Return the use cases as one person has them; all of them for whoever may do everything."""
    return whole if access.team is Team.ALL else ActingService(whole, access)


class _Acting:
    """The parts of another, used in somebody's name.

    Parameters
    ----------
    whole
        The one for whoever may do everything.
    access
        Who this one is for.
    """

    def __init__(self, whole: object, access: Access) -> None:
        vars(self).update(vars(whole))
        self._access = access

    def _sees(self, each: Execution | Sweep) -> bool:
        return self._access.may_read(each.submitted_by)

    def _only_seen(self, executions: Sequence[Execution]) -> list[Execution]:
        return [each for each in executions if self._sees(each)]


class ActingService(_Acting, ExecutionService):
    """The same parts, with a look at whose execution it is before each use."""

    def __init__(self, whole: ExecutionService, access: Access) -> None:
        super().__init__(whole, access)
        self._comparer = Comparer(
            self._store,
            self._objects,
            may_read=self._sees,
            owners=access.owners,
        )
        self.fan_in = FanIn(self._store, self._objects, self._results, may_read=self._sees)
        self.sweeps = ActingSweeps(whole.sweeps, access)
        self.presets = Presets(
            OwnPresets(self._store.presets, access.user), self.parameters, clock=self._clock
        )
        self.collector = ActingCollector(whole.collector, access)

    @override
    async def get(self, ref: str) -> Execution:
        return self._seen(ref, await super().get(ref))

    @override
    async def find(self, query: ExecutionQuery) -> ExecutionPage:
        page = await super().find(replace(query, owners=self._access.owners))
        return replace(page, sweeps=tuple(filter(self._sees, page.sweeps)))

    @override
    async def find_same(self, request: SubmitRequest) -> Execution | None:
        found = await super().find_same(request)
        return found if found is not None and self._sees(found) else None

    @override
    async def metrics(self, ref: str, **options: Any) -> MetricsPiece:
        await self.get(ref)
        return await super().metrics(ref, **options)

    @override
    async def _read_source(self, request: SubmitRequest) -> JSONObject:
        collect = request.collect
        for ref in (*request.after, *(collect.executions if collect is not None else ())):
            # Of a range, what they do not see is left out.
            if not is_range(ref):
                await self.get(ref)
        if collect is not None and collect.sweep_id is not None:
            await self.sweeps.get(collect.sweep_id)
        return await super()._read_source(request)

    @override
    async def _accept(
        self, request_id: str | None, seal: Callable[[], Submission], **options: Any
    ) -> Execution:
        execution = await super()._accept(request_id, seal, **options)
        # An id of a request that somebody else had before.
        return self._seen(str(execution.number), execution)

    @override
    async def _change(
        self, action: Callable[..., Execution], ref: str, **changes: Any
    ) -> Execution:
        found = await asyncio.to_thread(self._store.get, ref, include_deleted=True)
        _check_owner(self._access, self._seen(ref, found).submitted_by)
        return await super()._change(action, ref, **changes)

    @override
    def _circumstances(self, execution: Execution) -> JSONObject:
        found = super()._circumstances(execution)
        for name in ("after", "then", "collected_by"):
            found[name] = self._seen_of(found[name])
        collects = found["collects"]
        if collects is not None:
            collects["executions"] = self._seen_of(collects["executions"])
        return found

    def _seen_of(self, references: Sequence[JSONObject]) -> list[JSONObject]:
        found = self._store.get_all([each["number"] for each in references], skip_missing=True)
        seen = {each.number for each in self._only_seen(found)}
        return [each for each in references if each["number"] in seen]

    def _seen(self, ref: str, execution: Execution) -> Execution:
        if not self._sees(execution):
            raise _missing(ref)
        return execution


class ActingSweeps(_Acting, SweepService):
    """Sweeps, likewise."""

    def __init__(self, whole: SweepService, access: Access) -> None:
        super().__init__(whole, access)
        self._may_reuse = self._sees

    @override
    async def plan(self, request: SweepRequest) -> Any:
        await self._check_sources(request)
        return await super().plan(request)

    @override
    async def submit(self, request: SweepRequest) -> tuple[Sweep, list[Execution]]:
        await self._check_sources(request)
        sweep, executions = await super().submit(request)
        self._check_seen(sweep.id, sweep)
        return sweep, executions

    @override
    async def get(self, ref: str) -> tuple[Sweep, list[Execution]]:
        await asyncio.to_thread(self._check_ref, ref)
        sweep, executions = await super().get(ref)
        self._check_seen(ref, sweep)
        return sweep, self._only_seen(executions)

    @override
    async def find(self, ids: Sequence[str]) -> list[Sweep]:
        return [each for each in await super().find(ids) if self._sees(each)]

    @override
    async def reused(self, sweep: Sweep) -> list[Execution]:
        return self._only_seen(await super().reused(sweep))

    @override
    async def then(self, sweep: Sweep) -> list[Execution]:
        return self._only_seen(await super().then(sweep))

    @override
    async def trash(self, ref: str) -> Sweep:
        await self._check_change(ref)
        return await super().trash(ref)

    @override
    async def untrash(self, ref: str) -> Sweep:
        await self._check_change(ref)
        return await super().untrash(ref)

    @override
    async def cancel(
        self, ref: str, *, only_waiting: bool = False
    ) -> tuple[Sweep, list[Execution]]:
        await self._check_change(ref)
        return await super().cancel(ref, only_waiting=only_waiting)

    @override
    async def retry(self, ref: str, **options: Any) -> tuple[Sweep, list[Execution]]:
        await self._check_change(ref)
        return await super().retry(ref, **options)

    @override
    async def add(
        self, ref: str, definition: SweepDefinition, **options: Any
    ) -> tuple[Sweep, list[Execution]]:
        await self._check_change(ref)
        return await super().add(ref, definition, **options)

    @override
    async def plan_more(self, ref: str, definition: SweepDefinition, **options: Any) -> Any:
        await self._check_change(ref)
        return await super().plan_more(ref, definition, **options)

    async def _check_sources(self, request: SweepRequest) -> None:
        """Refuse to follow or collect what is not there for this person."""
        for each in filter(None, (request.base, request.then)):
            collect = each.collect
            refs = (*each.after, *(collect.executions if collect is not None else ()))
            found = await asyncio.to_thread(self._store.get_all, refs)
            for ref, execution in zip(refs, found, strict=True):
                if not self._sees(execution):
                    raise _missing(ref)

    async def _check_change(self, ref: str) -> None:
        await asyncio.to_thread(self._check_ref, ref)
        sweep = await asyncio.to_thread(self._store.sweeps.get, ref)
        self._check_seen(ref, sweep)
        _check_owner(self._access, sweep.submitted_by)

    def _check_ref(self, ref: str) -> None:
        """Say of what belongs to others, sweep or not, that there is no sweep."""
        try:
            execution = self._store.get(ref, include_deleted=True)
        except NotFoundError:
            return  # Perhaps the id of a sweep.
        self._check_seen(ref, execution)

    def _check_seen(self, ref: str, found: Sweep | Execution) -> None:
        if not self._sees(found):
            raise NotFoundError(f"There is no sweep {ref.removeprefix('#')[:40]}.")


class ActingCollector(Collector):
    """Lets go of what one person may change, and of the bytes to which nothing refers.

    Parameters
    ----------
    whole
        The one that lets go of everybody's.
    access
        Who it is for.
    """

    def __init__(self, whole: Collector, access: Access) -> None:
        vars(self).update(vars(whole))
        self._owners = access.own

    @override
    async def plan(self, retention: Retention) -> Collection:
        _check_own(retention)
        return await super().plan(retention)

    @override
    async def collect(self, retention: Retention) -> Collection:
        _check_own(retention)
        return await super().collect(retention)


class OwnPresets(PresetStore):
    """Presets of one person: paths of notebooks are many people's.

    Parameters
    ----------
    whole
        Where all presets are.
    user
        Whose these are.
    """

    def __init__(self, whole: PresetStore, user: str) -> None:
        vars(self).update(vars(whole))
        # No path of Jupyter has two slashes.
        self._prefix = f"{user}//"

    @override
    def all(self, notebook_path: str) -> list[Preset]:
        return super().all(self._prefix + notebook_path)

    @override
    def put(self, notebook_path: str, preset: Preset, *, at_most: int) -> bool:
        return super().put(self._prefix + notebook_path, preset, at_most=at_most)

    @override
    def delete(self, notebook_path: str, name: str) -> bool:
        return super().delete(self._prefix + notebook_path, name)

    @override
    def move(self, old_path: str, new_path: str) -> int:
        return super().move(self._prefix + old_path, self._prefix + new_path)


def _check_owner(access: Access, owner: str) -> None:
    if not access.may_change(owner):
        raise NotYoursError(f"It belongs to {owner}; only they can change it.")


def _missing(ref: str) -> NotFoundError:
    text = ref.removeprefix("#")
    name = f"#{text}" if text.isdecimal() else repr(text)
    return NotFoundError(f"There is no execution {name}.")


def _check_own(retention: Retention) -> None:
    if retention.max_bytes is not None:
        raise NotYoursError(
            "How much room all executions may take is not for one person to say, because "
            "others have some too. Say how old yours may be."
        )
