"""From a sweep that a person asks for to submissions that can be accepted together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.execution import Execution, Submission, new_id
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.core.search import Sampler, Search, goal_of
from jupyter_async_exec.core.secret_names import hidden_names, is_secret
from jupyter_async_exec.core.sweep_values import datum_pattern
from jupyter_async_exec.core.sweeps import (
    CANARY_FROM,
    Expansion,
    Mode,
    Sweep,
    SweepCounts,
    SweepDefinition,
    expand,
)
from jupyter_async_exec.errors import InvalidParametersError, RefusedError
from jupyter_async_exec.service.suggestions import begin
from jupyter_async_exec.service.titles import cut, default_title
from jupyter_async_exec.snapshots.parameters import find_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.core.search_space import Space
    from jupyter_async_exec.service.ports import SweepRequest
    from jupyter_async_exec.service.submission import Opened, Sealer
    from jupyter_async_exec.service.suggestions import Point
    from jupyter_async_exec.snapshots.parameters import ParameterList


_MISSING = (
    "`{0}` is a secret, and secrets are not kept: give its value again, in a terminal with "
    "--secret {0}, or submit the sweep anew."
)
_UNKNOWN = "`{0}` is no secret that this sweep was given; only such can be given again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sweep that could be accepted."""

    sweep: Sweep
    #: One per execution.
    submissions: list[Submission]
    #: Which all executions are given.
    secrets: dict[str, JSONValue]
    #: Which earlier results will do.
    policy: ReusePolicy
    #: Files that the executions are made for; 0 when they are not.
    n_datums: int

    @property
    def n_all(self) -> int:
        """How many executions it is, also those that are chosen later."""
        return len(self.submissions) + self.sweep.counts.to_come

    @property
    def n_new_datums(self) -> int:
        """How many files the executions to be run are made for; one file may be for several."""
        return len(
            {
                datum["path"]
                for each in self.submissions
                for datum in each.provenance.get("datums", {}).values()
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAgain:
    """The secrets of a sweep, which were not kept, as somebody gave them once more."""

    #: What stands in their place in records.
    shown: Mapping[str, Any]
    secrets: dict[str, JSONValue]


class SweepSealer:
    """Turn requests for sweeps into submissions.

    Synchronous and thread-safe; reads the user's files and writes objects.

    Parameters
    ----------
    sealer
        Does the same for single executions.
    clock
        Gives the present moment.
    """

    def __init__(self, sealer: Sealer, *, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def seal(self, request: SweepRequest, notebook: JSONObject) -> Sealed:
        """Capture `notebook` once, for all the executions that a sweep unfolds to.

        Raises
        ------
        InvalidRequestError, KernelMissingError, InvalidParametersError, RefusedError, \
        SnapshotTooBigError
            It cannot be run as it is.
        """
        base = request.base
        opened = self._sealer.open(base, notebook)
        expansion, datum_names, to_come = self._expand(request, opened)
        for place in range(len(expansion.trials)):
            self._sealer.check_translation(opened, expansion.whole(place))
        sealed, captured = self._sealer.capture(base, opened, expansion.whole(0))
        policy = base.reuse or ReusePolicy(wanted=bool(datum_names))
        maker = self._sealer.files.key_maker(
            base.path,
            opened.kernel,
            captured,
            datum_paths=sorted({str(t[name]) for t in expansion.trials for name in datum_names}),
            policy=policy,
        )
        sweep_id = new_id()
        like = replace(sealed, request_id=None, sweep_id=sweep_id, provenance={})
        submissions = [
            replace(
                each,
                reuse_key=maker.key(each.parameters, datum_names),
                provenance=maker.datums_to_json(each.parameters, datum_names),
            )
            for each in vary(like, expansion, title=base.title)
        ]
        what = "search" if request.definition.mode is Mode.ADAPTIVE else "sweep"
        names = ", ".join(expansion.names)
        sweep = Sweep(
            id=sweep_id,
            request_id=base.request_id,
            notebook_path=sealed.notebook_path,
            title=base.title or cut(f"{what} of {len(submissions) + to_come}: {names}"),
            snapshot_id=sealed.snapshot_id,
            # As it was asked for: a pattern may match other files tomorrow.
            definition=_to_json(request.definition, expansion),
            stop_after=request.stop_after,
            provenance={**sealed.provenance, **maker.to_json()},
            submitted_by=sealed.submitted_by,
            created_at=sealed.created_at,
            counts=SweepCounts(to_come=to_come),
        )
        return Sealed(
            sweep=sweep,
            submissions=submissions,
            secrets=opened.secrets,
            policy=policy,
            n_datums=len(maker.datums),
        )

    def _expand(
        self, request: SweepRequest, opened: Opened
    ) -> tuple[Expansion, tuple[str, ...], int]:
        """Return what runs first, the parameters that name files, and how many come later."""
        declared = opened.declared
        if request.definition.mode is not Mode.ADAPTIVE:
            definition, names = self._sealer.files.with_files(request.definition, request.base.path)
            expansion = expand(
                definition, declared.parameters, typed=declared.typed, fixed=opened.parameters
            )
            return _checked(expansion, declared), names, 0
        _check_search(request, opened)
        begun = begin(
            request.definition,
            declared,
            fixed=opened.parameters,
            goes_alone=lambda n: has_canary(request.canary, n),
        )
        expansion = Expansion(
            trials=tuple(begun.points),
            names=tuple(begun.space.dimensions),
            fixed=begun.space.fixed,
        )
        return _checked(expansion, declared), (), begun.to_come

    def declared(self, snapshot_id: str) -> ParameterList:
        """Return what the notebook of a snapshot declares."""
        return find_parameters(self._sealer.source_of(snapshot_id))

    def chosen(
        self, sweep: Sweep, space: Space, points: Sequence[Point], members: Sequence[Execution]
    ) -> list[Submission]:
        """Return the executions with which an adaptive sweep goes on.

        Parameters
        ----------
        sweep, members
            The sweep, and its executions so far, at least one.
        space
            What it searches.
        points
            The parameters that were chosen.
        """
        if not points:
            return []
        first = members[0]
        like = replace(self._like(first, submitted_by=sweep.submitted_by), parent_id=None)
        expansion = Expansion(
            trials=tuple(points), names=tuple(space.dimensions), fixed=space.fixed
        )
        title = sweep.title if first.title.startswith(f"{sweep.title}: ") else None
        more = vary(like, expansion, title=title)
        return self._with_keys(more, sweep, [()] * len(more))

    def keep(self, submissions: Iterable[Submission], secrets: dict[str, JSONValue]) -> None:
        """Let the secrets of executions wait for their runners, right before they are accepted."""
        for submission in submissions:
            self._sealer.keep(submission.id, secrets)

    def forget(self, submissions: Iterable[Submission]) -> None:
        """Forget the secrets of executions that were not accepted."""
        for submission in submissions:
            if hidden_names(submission.parameters):
                self._sealer.forget(submission.id)

    def take_secrets(
        self, sweep: Sweep, given: Mapping[str, object], *, kernel_name: str
    ) -> GivenAgain:
        """Return the secrets of `sweep`, all of which have to be in `given` by name.

        Raises
        ------
        KernelMissingError, InvalidParametersError
            One is missing, of the wrong type, or no secret of this sweep.
        """
        names = hidden_names(sweep.definition.get("parameters", {}))
        if others := given.keys() - set(names):
            raise _unfit({name: _UNKNOWN.format(name) for name in sorted(others)})
        if not given:
            found = GivenAgain(shown={}, secrets={})
        else:
            source = self._sealer.source_of(sweep.snapshot_id)
            opened = self._sealer.open_normal(source, given, kernel_name)
            self._sealer.check_translation(opened, {})
            shown = {name: opened.parameters[name] for name in opened.secrets}
            found = GivenAgain(shown=shown, secrets=opened.secrets)
        if missing := [name for name in names if name not in found.secrets]:
            raise _unfit({name: _MISSING.format(name) for name in missing})
        return found

    def more(
        self,
        sweep: Sweep,
        definition: SweepDefinition,
        members: Sequence[Execution],
        *,
        given: GivenAgain,
        submitted_by: str,
    ) -> list[Submission]:
        """Return what `definition` unfolds to with the snapshot of `sweep`.

        Raises
        ------
        InvalidParametersError, RefusedError
            It cannot be run as it is.
        """
        self._sealer.refresh(sweep.snapshot_id)
        definition, names = self._sealer.files.with_files(definition, sweep.notebook_path)
        declared = self.declared(sweep.snapshot_id)
        fixed = {
            name: given.shown.get(name, value)
            for name, value in sweep.definition.get("parameters", {}).items()
            if name not in definition.names
        }
        expansion = expand(definition, declared.parameters, typed=declared.typed, fixed=fixed)
        like = self._like(members[-1], submitted_by=submitted_by)
        more = vary(like, _checked(expansion, declared), title=None)
        # A path that stands for a file in one stands for a file in all.
        own_names = {*names, *_names_of_files(sweep)}
        return self._with_keys(more, sweep, [own_names] * len(more))

    def again(
        self,
        sweep: Sweep,
        executions: Sequence[Execution],
        *,
        given: GivenAgain,
        submitted_by: str,
        datums: Sequence[Iterable[str]],
    ) -> list[Submission]:
        """Return what adds one more like each of `executions` to their sweep.

        Parameters
        ----------
        sweep, executions
            The sweep, and some of its executions.
        given
            Its secrets.
        submitted_by
            Who asks for it.
        datums
            For each of `executions`, the parameters that name a file it is made for.
        """
        self._sealer.refresh(sweep.snapshot_id)
        likes = [
            replace(
                self._like(each, submitted_by=submitted_by),
                parameters={**each.parameters, **given.shown},
            )
            for each in executions
        ]
        return self._with_keys(likes, sweep, datums)

    def _with_keys(
        self, submissions: Sequence[Submission], sweep: Sweep, datums: Sequence[Iterable[str]]
    ) -> list[Submission]:
        paths = {
            str(each.parameters.get(name))
            for each, names in zip(submissions, datums, strict=True)
            for name in names
        }
        maker = self._sealer.key_maker_again(
            sweep.provenance,
            sweep.notebook_path,
            submissions[0].kernel_name,
            sweep.snapshot_id,
            datum_paths=paths,
        )
        its = maker.to_json()
        return [
            replace(
                each,
                reuse_key=maker.key(each.parameters, names),
                provenance={**its, **maker.datums_to_json(each.parameters, names)},
            )
            for each, names in zip(submissions, datums, strict=True)
        ]

    def _like(self, execution: Execution, *, submitted_by: str) -> Submission:
        """Return what adds one more like `execution` to its sweep."""
        return Submission(
            id=new_id(),
            notebook_path=execution.notebook_path,
            title=execution.title,
            parameters=execution.parameters,
            kernel_name=execution.kernel_name,
            backend=execution.backend,
            resources=execution.resources,
            snapshot_id=execution.snapshot_id,
            parent_id=execution.id,
            sweep_id=execution.sweep_id,
            tags=execution.tags,
            submitted_by=submitted_by or self._sealer.owner,
            limits=execution.limits,
            created_at=self._clock(),
        )


def vary(like: Submission, expansion: Expansion, *, title: str | None) -> list[Submission]:
    """Return one submission per execution of a sweep; titles say what is special about each."""
    submissions = []
    for place, trial in enumerate(expansion.trials):
        special = default_title(like.notebook_path, trial)
        submissions.append(
            replace(
                like,
                id=new_id(),
                title=cut(f"{title}: {special}") if title else special,
                parameters=expansion.whole(place),
            )
        )
    return submissions


def has_canary(wanted: bool | None, n: int) -> bool:
    """Tell whether the first of `n` executions goes first, alone."""
    return n > 1 and (n >= CANARY_FROM if wanted is None else wanted)


def _checked(expansion: Expansion, declared: ParameterList) -> Expansion:
    """Refuse secrets that vary: they would stand in the definition, and in many records."""
    comments = {each.name: each.comment for each in declared.parameters}
    fields = {
        name: f"`{name}` is a secret, which can be given but not varied."
        for name in expansion.names
        if any(is_secret(name, trial[name], comments.get(name, "")) for trial in expansion.trials)
    }
    if fields:
        raise _unfit(fields)
    return expansion


def _unfit(fields: dict[str, str]) -> InvalidParametersError:
    return InvalidParametersError(" ".join(fields.values()), {"fields": fields})


def _names_of_files(sweep: Sweep) -> set[str]:
    """Return the parameters that name files in all executions of a sweep."""
    values = sweep.definition.get("values", {})
    return {name for name, given in values.items() if datum_pattern(given) is not None}


def _check_search(request: SweepRequest, opened: Opened) -> None:
    """Refuse what goes with other sweeps only."""
    if opened.secrets:
        raise RefusedError(
            "An adaptive sweep cannot have secrets: they would have to be kept until its last "
            "execution is chosen."
        )
    if request.base.reuse is not None and request.base.reuse.wanted:
        raise RefusedError("An adaptive sweep takes no earlier results over; leave 'reuse' out.")


def _to_json(definition: SweepDefinition, expansion: Expansion) -> JSONObject:
    found: JSONObject = {
        "values": dict(definition.values),
        "table": [dict(row) for row in definition.table],
        "mode": definition.mode.value,
        "samples": definition.samples,
        "seed": definition.seed,
        "parameters": expansion.fixed,
    }
    search = definition.search
    if search is not None and search.goal is not None:
        goal = search.goal
        found["objective"] = {"metric": goal.metric, "direction": goal.direction.value}
        found["parallel"] = search.parallel
        found["sampler"] = search.sampler.value
    return found


def definition_of(sweep: Sweep) -> SweepDefinition:
    """Return what was asked for when `sweep` was submitted."""
    found = sweep.definition
    goal = goal_of(found)
    return SweepDefinition(
        values=found.get("values", {}),
        table=found.get("table", ()),
        mode=Mode(found.get("mode", Mode.GRID)),
        samples=found.get("samples"),
        seed=found.get("seed", 0),
        search=None
        if goal is None
        else Search(goal=goal, parallel=found["parallel"], sampler=Sampler(found["sampler"])),
    )
