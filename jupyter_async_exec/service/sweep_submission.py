"""From a sweep that a person asks for to submissions that can be accepted together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Execution, Submission, new_id
from jupyter_async_exec.core.secret_names import is_hidden, is_secret, missing_secrets
from jupyter_async_exec.core.sweeps import CANARY_FROM, Sweep, expand
from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.service.submission import cut, default_title
from jupyter_async_exec.snapshots.parameters import find_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.sweeps import Expansion, SweepDefinition
    from jupyter_async_exec.service.ports import SweepRequest
    from jupyter_async_exec.service.submission import Opened, Sealer
    from jupyter_async_exec.snapshots.parameters import ParameterList


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

    def plan(self, request: SweepRequest, notebook: JSONObject) -> Expansion:
        """Return what a sweep would unfold to; nothing is captured.

        Raises
        ------
        InvalidRequestError, KernelMissingError, InvalidParametersError, RefusedError
            It would be refused as it is.
        """
        return _expand(request, self._sealer.open(request.base, notebook))

    def seal(self, request: SweepRequest, notebook: JSONObject) -> tuple[Sweep, list[Submission]]:
        """Capture `notebook` once, for all the executions that a sweep unfolds to.

        Raises
        ------
        InvalidRequestError, KernelMissingError, InvalidParametersError, RefusedError, \
        SnapshotTooBigError
            It cannot be run as it is.
        """
        opened = self._sealer.open(request.base, notebook)
        expansion = _expand(request, opened)
        sealed = self._sealer.capture(request.base, opened, expansion.fixed)
        sweep_id = new_id()
        title = request.base.title
        like = replace(sealed, request_id=None, sweep_id=sweep_id, provenance={})
        submissions = vary(like, expansion, title=title)
        for submission in submissions:
            self._sealer.keep(submission.id, opened.secrets)
        n = len(submissions)
        sweep = Sweep(
            id=sweep_id,
            request_id=request.base.request_id,
            notebook_path=sealed.notebook_path,
            title=title or cut(f"sweep of {n}: {', '.join(expansion.names)}"),
            snapshot_id=sealed.snapshot_id,
            definition=_to_json(request.definition, expansion),
            canary_id=submissions[0].id if has_canary(request.canary, n) else None,
            stop_after=request.stop_after,
            provenance=sealed.provenance,
            submitted_by=sealed.submitted_by,
            created_at=sealed.created_at,
        )
        return sweep, submissions

    def forget(self, submissions: Iterable[Submission]) -> None:
        """Forget the secrets of executions that were not accepted."""
        for submission in submissions:
            if any(map(is_hidden, submission.parameters.values())):
                self._sealer.forget(submission.id)

    def more(
        self,
        sweep: Sweep,
        definition: SweepDefinition,
        members: Sequence[Execution],
        *,
        submitted_by: str,
    ) -> list[Submission]:
        """Return what `definition` unfolds to with the snapshot of `sweep`.

        Raises
        ------
        InvalidParametersError, RefusedError
            It cannot be run as it is.
        """
        declared = find_parameters(self._sealer.source_of(sweep.snapshot_id))
        given = {*definition.values, *(name for row in definition.table for name in row)}
        fixed = {
            name: value
            for name, value in sweep.definition.get("parameters", {}).items()
            if name not in given
        }
        expansion = expand(definition, declared.parameters, typed=declared.typed, fixed=fixed)
        like = self.again(members[-1], submitted_by=submitted_by)
        return vary(like, _checked(expansion, declared), title=None)

    def again(self, execution: Execution, *, submitted_by: str) -> Submission:
        """Return what adds one more like `execution` to its sweep.

        Raises
        ------
        InvalidParametersError
            It had a secret, which was not kept.
        """
        if missing := [name for name, value in execution.parameters.items() if is_hidden(value)]:
            raise missing_secrets(missing)
        return Submission(
            id=new_id(),
            notebook_path=execution.notebook_path,
            title=execution.title,
            parameters=execution.parameters,
            kernel_name=execution.kernel_name,
            backend=execution.backend,
            snapshot_id=execution.snapshot_id,
            parent_id=execution.id,
            sweep_id=execution.sweep_id,
            tags=execution.tags,
            submitted_by=submitted_by,
            limits=execution.limits,
            created_at=self._clock(),
        )


def vary(like: Submission, expansion: Expansion, *, title: str | None) -> list[Submission]:
    """Return one submission per execution of a sweep; titles say what is special about each."""
    submissions = []
    for trial in expansion.trials:
        special = default_title(like.notebook_path, trial)
        submissions.append(
            replace(
                like,
                id=new_id(),
                title=cut(f"{title}: {special}") if title else special,
                parameters={**expansion.fixed, **trial},
            )
        )
    return submissions


def has_canary(wanted: bool | None, n: int) -> bool:
    """Tell whether the first of `n` executions goes first, alone."""
    return n > 1 and (n >= CANARY_FROM if wanted is None else wanted)


def _expand(request: SweepRequest, opened: Opened) -> Expansion:
    declared = opened.declared
    expansion = expand(
        request.definition, declared.parameters, typed=declared.typed, fixed=opened.parameters
    )
    return _checked(expansion, declared)


def _checked(expansion: Expansion, declared: ParameterList) -> Expansion:
    """Refuse secrets that vary: they would stand in the definition, and in many records."""
    comments = {each.name: each.comment for each in declared.parameters}
    fields = {
        name: f"`{name}` is a secret, which can be given but not varied."
        for name in expansion.names
        if any(is_secret(name, trial[name], comments.get(name, "")) for trial in expansion.trials)
    }
    if fields:
        raise InvalidParametersError(" ".join(fields.values()), {"fields": fields})
    return expansion


def _to_json(definition: SweepDefinition, expansion: Expansion) -> JSONObject:
    return {
        "values": dict(definition.values),
        "table": [dict(row) for row in definition.table],
        "mode": definition.mode.value,
        "samples": definition.samples,
        "seed": definition.seed,
        "parameters": expansion.fixed,
    }
