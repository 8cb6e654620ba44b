"""Everything a person can ask about sweeps: plan, submit, look, cancel, retry, add."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.execution import Collect, Status
from jupyter_async_exec.core.fan_in import check_collect
from jupyter_async_exec.core.goal import Direction
from jupyter_async_exec.core.search import MAX_SEARCHED, Search, goal_of
from jupyter_async_exec.core.sweeps import Mode, parameters_key
from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    InvalidRequestError,
)
from jupyter_async_exec.service.acceptance import forgetting_unless_accepted
from jupyter_async_exec.service.sweep_plans import Planner
from jupyter_async_exec.service.sweep_submission import has_canary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.execution import Execution, Submission
    from jupyter_async_exec.core.goal import Goal
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.reuse import ReusePolicy
    from jupyter_async_exec.core.sweeps import Best, Sweep, SweepDefinition
    from jupyter_async_exec.service.admission import Admission
    from jupyter_async_exec.service.goals import Goals
    from jupyter_async_exec.service.ports import SubmitRequest, SweepPlan, SweepRequest
    from jupyter_async_exec.service.submission import Sealer
    from jupyter_async_exec.service.sweep_submission import GivenAgain, Sealed, SweepSealer
    from jupyter_async_exec.store import ExecutionStore


class SweepService:
    """The use cases of sweeps.

    Parameters
    ----------
    store
        Where they are recorded.
    sealer
        Captures notebooks.
    admission
        Refuses what there is no room for.
    seal_then
        Captures what is run with the results of one.
    goals
        Says which metric counts.
    read_source
        Gives the notebook a request is about; refuses what makes no sense.
    slots
        Gives the number of executions at once; reads the store.
    changed
        Called, in the caller's event loop, after something was changed.
    goal_of
        Gives the metric that counts for the notebook at a path; reads the store.
    """

    def __init__(
        self,
        *,
        store: ExecutionStore,
        sealer: SweepSealer,
        admission: Admission,
        seal_then: Sealer,
        goals: Goals,
        read_source: Callable[[SubmitRequest], Awaitable[JSONObject]],
        slots: Callable[[], int],
        changed: Callable[[], None],
        goal_of: Callable[[str], Goal | None],
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._admission = admission
        self._seal_then = seal_then
        self._goals = goals
        self._read_source = read_source
        self._slots = slots
        self._changed = changed
        self._goal_of = goal_of
        self._planner = Planner(store, slots)
        #: Whether an earlier result may be taken over.
        self._may_reuse: Callable[[Execution], bool] = lambda _: True

    async def plan(self, request: SweepRequest) -> SweepPlan:
        """Say how many executions it would be and how long they take; accept nothing.

        Raises
        ------
        NotFoundError, InvalidRequestError, KernelMissingError, InvalidParametersError, RefusedError
            It would be refused.
        """
        _check(request)
        notebook = await self._read_source(request.base)
        then = None if request.then is None else await self._read_source(request.then)
        return await asyncio.to_thread(self._plan, request, notebook, then)

    async def submit(self, request: SweepRequest) -> tuple[Sweep, list[Execution]]:
        """Seal the notebook once and queue all executions; return once that is durable.

        Raises
        ------
        NotFoundError
            No saved notebook at the path, and none was sent.
        InvalidRequestError, KernelMissingError, InvalidParametersError, RefusedError, \
        SnapshotTooBigError
            Refused; nothing was accepted.
        QueueFullError, DiskFullError, UnavailableError
            It could not be stored; nothing was accepted.
        """
        _check(request)
        notebook = await self._read_source(request.base)
        then_notebook = None if request.then is None else await self._read_source(request.then)

        def accept() -> tuple[Sweep, list[Execution]]:
            self._admission.check()
            sweep, sealed, reused = self._seal(request, notebook)
            follower = _follower(request, sweep, sealed.n_all + len(reused))
            then = None
            if follower is not None and then_notebook is not None:
                then = self._seal_then.seal(follower, then_notebook)
            made = [*sealed.submissions, *filter(None, (then,))]
            with forgetting_unless_accepted(lambda: self._sealer.forget(made)):
                if made:
                    self._admission.check(len(made))
                self._sealer.keep(sealed.submissions, sealed.secrets)
                accepted, executions, is_new = self._store.sweeps.accept(
                    sweep, sealed.submissions, reused=reused, then=then
                )
            if not is_new:
                # It had been accepted before, with secrets of its own.
                self._sealer.forget(made)
            # It is accepted; whoever heard of an error would submit it again.
            with contextlib.suppress(AsyncExecError):
                self._store.collect.note_uses(reused)
            return accepted, executions

        def accept_once() -> tuple[Sweep, list[Execution]]:
            try:
                return accept()
            except AsyncExecError:
                # Who asks again for what was accepted is not asking for more room.
                earlier = self._store.sweeps.find_request(request.base.request_id)
                if earlier is None:
                    raise
                return earlier

        accepted = await asyncio.to_thread(accept_once)
        self._changed()
        return accepted

    async def get(self, ref: str) -> tuple[Sweep, list[Execution]]:
        """Return a sweep, by its id or the number of one of its executions, and all of these."""
        return await asyncio.to_thread(self._store.sweeps.read, ref)

    async def reused(self, sweep: Sweep) -> list[Execution]:
        """Return the earlier results that count as those of a sweep."""
        return await asyncio.to_thread(self._store.sweeps.reused, sweep.id)

    async def then(self, sweep: Sweep) -> list[Execution]:
        """Return the executions that collect a sweep."""
        return await asyncio.to_thread(self._store.fan_in.collecting_sweep, sweep.id)

    async def find(self, ids: Sequence[str]) -> list[Sweep]:
        """Return the sweeps with those ids, in that order; those that are none are left out."""
        return await asyncio.to_thread(self._store.sweeps.read_all, ids)

    async def bests(self, sweeps: Sequence[Sweep]) -> dict[str, Best]:
        """Return, by id of the sweep, what is the best so far, where the notebook has a goal."""
        return await asyncio.to_thread(self._bests, sweeps)

    def _bests(self, sweeps: Sequence[Sweep]) -> dict[str, Best]:
        goals = self._goals.all() if sweeps else {}
        found: dict[str, Best] = {}
        for sweep in sweeps:
            goal = goal_of(sweep.definition) or goals.get(sweep.notebook_path)
            if goal is None:
                continue
            is_largest = goal.direction is Direction.MAXIMISE
            best = self._store.sweeps.best(sweep.id, goal.metric, is_largest=is_largest)
            if best is not None:
                found[sweep.id] = best
        return found

    async def trash(self, ref: str) -> Sweep:
        """Move all of it to the trash; `ConflictError` while it is not over."""
        sweep = await asyncio.to_thread(self._store.sweeps.trash, ref)
        self._changed()
        return sweep

    async def untrash(self, ref: str) -> Sweep:
        """Take back out of the trash what was moved there together, and last."""
        sweep = await asyncio.to_thread(self._store.sweeps.untrash, ref)
        self._changed()
        return sweep

    async def cancel(
        self, ref: str, *, only_waiting: bool = False
    ) -> tuple[Sweep, list[Execution]]:
        """Ask for the end of all of it, or only of what waits, which is cancelled at once."""
        sweep = await asyncio.to_thread(self._store.sweeps.cancel, ref, only_waiting=only_waiting)
        self._changed()
        return await self.get(sweep.id)

    async def retry(
        self, ref: str, *, secrets: Mapping[str, object] | None = None, submitted_by: str = ""
    ) -> tuple[Sweep, list[Execution]]:
        """Run again what failed, and what was not started because of it.

        Parameters
        ----------
        ref
            The sweep.
        secrets
            The secrets that it was given, by name.
        submitted_by
            Who asks for it.

        Raises
        ------
        ConflictError
            There is no such execution, or it is being run again already.
        InvalidParametersError
            A secret is missing, or cannot be given so.
        """

        def work() -> Sweep:
            sweep = self._store.sweeps.get(ref)
            # Only the latest with the same parameters counts.
            latest = {
                parameters_key(each.parameters): each
                for each in self._store.sweeps.counting(sweep.id)
            }
            own = self._store.sweeps.provenances(sweep.id)
            again = [each for each in latest.values() if _may_be_retried(each) and each.id in own]
            if not again:
                raise ConflictError("Nothing in this sweep failed; there is nothing to run again.")
            kernel_name = again[0].kernel_name
            given = self._sealer.take_secrets(sweep, secrets or {}, kernel_name=kernel_name)
            submissions = self._sealer.again(
                sweep,
                again,
                given=given,
                submitted_by=submitted_by,
                datums=[own[each.id].get("datums", {}) for each in again],
            )
            replaced = [each.id for each in again]
            with forgetting_unless_accepted(lambda: self._sealer.forget(submissions)):
                self._admission.check(len(submissions))
                self._sealer.keep(submissions, given.secrets)
                return self._store.sweeps.add(sweep.id, submissions, replaced=replaced)[0]

        sweep = await asyncio.to_thread(work)
        self._changed()
        return await self.get(sweep.id)

    async def add(
        self,
        ref: str,
        definition: SweepDefinition,
        *,
        secrets: Mapping[str, object] | None = None,
        submitted_by: str = "",
    ) -> tuple[Sweep, list[Execution]]:
        """Add what `definition` unfolds to, on the same snapshot; what is there already is not.

        Parameters
        ----------
        ref
            The sweep.
        definition
            What shall be varied.
        secrets
            The secrets that the sweep was given, by name.
        submitted_by
            Who asks for it.

        Raises
        ------
        InvalidParametersError, RefusedError
            It cannot be run as it is; nothing was accepted.
        ConflictError
            All of it is in the sweep already, nothing was run in it, or the whole
            sweep is in the trash.
        """

        def work() -> Sweep:
            if definition.mode is Mode.ADAPTIVE:
                sweep, n = self._longer(ref, definition, secrets or {})
                return self._store.sweeps.extend(sweep.id, n)
            sweep, more, n_new, given = self._more(
                ref, definition, secrets or {}, submitted_by=submitted_by
            )
            with forgetting_unless_accepted(lambda: self._sealer.forget(more)):
                if n_new:
                    self._admission.check(n_new)
                self._sealer.keep(more[:n_new], given.secrets)
                sweep, added = self._store.sweeps.add(sweep.id, more, only_new=True)
            ids = {each.id for each in added}
            self._sealer.forget(each for each in more if each.id not in ids)
            return sweep

        sweep = await asyncio.to_thread(work)
        self._changed()
        return await self.get(sweep.id)

    async def plan_more(
        self,
        ref: str,
        definition: SweepDefinition,
        *,
        secrets: Mapping[str, object] | None = None,
    ) -> SweepPlan:
        """Say what `add` would add and how long that takes; accept nothing.

        Raises
        ------
        InvalidParametersError, RefusedError, ConflictError
            It would be refused; that all of it is there already is no refusal here.
        """

        def work() -> SweepPlan:
            if definition.mode is Mode.ADAPTIVE:
                sweep, n = self._longer(ref, definition, secrets or {})
                return self._planner.plan_more(sweep, n, ())
            sweep, more, n_new, _ = self._more(ref, definition, secrets or {}, submitted_by="")
            return self._planner.plan_more(sweep, n_new, more, n_known=len(more) - n_new)

        return await asyncio.to_thread(work)

    def _more(
        self,
        ref: str,
        definition: SweepDefinition,
        secrets: Mapping[str, object],
        *,
        submitted_by: str,
    ) -> tuple[Sweep, list[Submission], int, GivenAgain]:
        """Return a sweep, what `definition` unfolds to, the new ones first, and how many these are.

        With them the sweep's secrets.

        Raises
        ------
        ConflictError
            There is nothing to add to.
        """
        sweep, members = self._store.sweeps.read(ref)
        reused = self._store.sweeps.reused(sweep.id)
        if not members and reused:
            raise ConflictError(
                "Nothing was run in this sweep, because all of it was known; "
                "submit a new one with what you would add."
            )
        _check_some(members)
        kernel_name = members[-1].kernel_name
        given = self._sealer.take_secrets(sweep, secrets, kernel_name=kernel_name)
        more = self._sealer.more(sweep, definition, members, given=given, submitted_by=submitted_by)
        known = {parameters_key(each.parameters) for each in (*members, *reused)}
        new = [each for each in more if parameters_key(each.parameters) not in known]
        old = [each for each in more if parameters_key(each.parameters) in known]
        return sweep, [*new, *old], len(new), given

    def _longer(
        self, ref: str, definition: SweepDefinition, secrets: Mapping[str, object]
    ) -> tuple[Sweep, int]:
        """Return an adaptive sweep, and how many executions more it shall choose."""
        sweep, members = self._store.sweeps.read(ref)
        _check_some(members)
        # It has none; what is given is refused.
        self._sealer.take_secrets(sweep, secrets, kernel_name=members[0].kernel_name)
        n = definition.samples
        if "objective" not in sweep.definition:
            raise ConflictError("This sweep has no objective; add values to it.")
        if definition.values or definition.table:
            raise InvalidRequestError(
                "What an adaptive sweep searches stays the same; only 'samples' can be added."
            )
        if n is None or not 1 <= n <= MAX_SEARCHED - sweep.counts.total:
            raise InvalidRequestError(
                "Say with 'samples' how many executions are added; a search has at most "
                f"{MAX_SEARCHED:,}."
            )
        return sweep, n

    def find_same(self, key: str | None, policy: ReusePolicy) -> Execution | None:
        """Return the result of that key that will do; reads the store."""
        if key is None:
            return None
        not_before = _not_before(policy)
        found = self._store.sweeps.find_reusable((key,), not_before=not_before).get(key)
        return found if found is not None and self._may_reuse(found) else None

    def _seal(self, request: SweepRequest, notebook: JSONObject) -> tuple[Sweep, Sealed, list[int]]:
        """Capture what is asked for, with what was left to us filled in; see `_part`."""
        definition = request.definition
        if definition.mode is Mode.ADAPTIVE:
            search = definition.search or Search()
            search = replace(
                search,
                goal=search.goal or self._goal_of(request.base.path),
                parallel=self._slots() if search.parallel is None else search.parallel,
            )
            request = replace(request, definition=replace(definition, search=search))
        return self._part(self._sealer.seal(request, notebook), request)

    def _part(self, sealed: Sealed, request: SweepRequest) -> tuple[Sweep, Sealed, list[int]]:
        """Part what has to run from what is known; return also the numbers of the latter."""
        known = self._known(sealed)
        new = [each for each in sealed.submissions if each.reuse_key not in known]
        # Equal parameters twice are one result, and its number counts once.
        reused = sorted({execution.number for execution in known.values()})
        sweep, sealed = sealed.sweep, replace(sealed, submissions=new)
        if sealed.n_datums:
            n_new = f"{sealed.n_new_datums:,}" if new else "none"
            files = f"{sealed.n_datums:,} file{'' if sealed.n_datums == 1 else 's'}"
            sweep = replace(sweep, title=request.base.title or f"{files}, {n_new} new")
        if has_canary(request.canary, len(new) + sweep.counts.to_come):
            sweep = replace(sweep, canary_id=new[0].id)
        return sweep, sealed, reused

    def _known(self, sealed: Sealed) -> dict[str, Execution]:
        if not sealed.policy.wanted:
            return {}
        keys = [each.reuse_key for each in sealed.submissions if each.reuse_key is not None]
        found = self._store.sweeps.find_reusable(keys, not_before=_not_before(sealed.policy))
        return {key: each for key, each in found.items() if self._may_reuse(each)}

    def _plan(
        self, request: SweepRequest, notebook: JSONObject, then: JSONObject | None
    ) -> SweepPlan:
        sweep, sealed, reused = self._seal(request, notebook)
        follower = _follower(request, sweep, sealed.n_all + len(reused))
        if follower is not None and then is not None:
            self._seal_then.find_key(follower, then)
        return self._planner.plan(sweep, sealed, n_reused=len(reused))


def _not_before(policy: ReusePolicy) -> datetime | None:
    if policy.max_age_s is None:
        return None
    return utc_now() - timedelta(seconds=policy.max_age_s)


def _follower(request: SweepRequest, sweep: Sweep, n_sources: int) -> SubmitRequest | None:
    """Return what is run with the results of a sweep, now that it has an id."""
    if request.then is None:
        return None
    collect = replace(request.then.collect or Collect(), sweep_id=sweep.id)
    check_collect(collect, n_sources)
    return replace(request.then, collect=collect)


def _check(request: SweepRequest) -> None:
    if request.stop_after is not None and request.stop_after < 1:
        raise InvalidRequestError(
            f"A sweep stops after at least one failure, not {request.stop_after}."
        )


def _may_be_retried(execution: Execution) -> bool:
    is_unstarted = execution.status is Status.CANCELLED and not execution.cancel_requested
    return execution.status is Status.FAILED or is_unstarted


def _check_some(members: Sequence[Execution]) -> None:
    if not members:
        raise ConflictError("All executions of this sweep are in the trash.")
