"""From an execution that is to run again to a submission that can be accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.execution import Execution, Submission, new_id
from jupyter_async_exec.core.machines import bare
from jupyter_async_exec.core.resources import read_resources
from jupyter_async_exec.core.secret_names import hidden_names, missing_secrets
from jupyter_async_exec.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.service.submission import Sealer
    from jupyter_async_exec.service.titles import Titles


class RerunSealer:
    """Turn executions into submissions of the same snapshot.

    Synchronous and thread-safe.

    Parameters
    ----------
    sealer
        Does the same for what never ran.
    objects
        Where the bytes are.
    titles
        Names what nobody named.
    clock
        Gives the present moment.
    """

    def __init__(
        self, sealer: Sealer, *, objects: ObjectStore, titles: Titles, clock: Clock
    ) -> None:
        self._sealer = sealer
        self._objects = objects
        self._titles = titles
        self._clock = clock

    def seal(
        self,
        parent: Execution,
        *,
        parameters: Mapping[str, object] | None,
        title: str | None,
        limits: Mapping[str, Any],
        backend: str | None,
        resources: Mapping[str, object] | None,
        after: tuple[str, ...],
        request_id: str | None,
        submitted_by: str,
    ) -> Submission:
        """Use the snapshot of `parent` again; what is given replaces what it had.

        Raises
        ------
        NotFoundError
            The snapshot, or what it was handed, is not whole any more.
        KernelMissingError, InvalidParametersError
            It cannot be run as it is.
        """
        self._sealer.refresh(parent.snapshot_id)
        parent, handed = self._without_handed(parent)
        chosen, secrets = self._choose(parent, handed, parameters)
        if not title and chosen == parent.parameters:
            title = parent.title
        datum_names = parent.provenance.get("datums", {})
        maker = self._sealer.key_maker_again(
            parent.provenance,
            parent.notebook_path,
            parent.kernel_name,
            parent.snapshot_id,
            datum_paths=[str(chosen.get(name)) for name in datum_names],
        )
        sealed = Submission(
            id=new_id(),
            request_id=request_id,
            notebook_path=parent.notebook_path,
            title=title or self._titles.against(parent, chosen, parent.snapshot_id),
            parameters=chosen,
            kernel_name=parent.kernel_name,
            # What ran on another machine runs on this one now.
            backend=bare(parent.backend) if backend is None else backend,
            resources=parent.resources if resources is None else read_resources(resources),
            snapshot_id=parent.snapshot_id,
            parent_id=parent.id,
            tags=parent.tags,
            submitted_by=submitted_by or self._sealer.owner,
            limits=replace(parent.limits, **limits),
            # What was collected is part of no key.
            reuse_key=None if parent.collect else maker.key(chosen, datum_names),
            provenance={
                **parent.provenance,
                **maker.to_json(),
                **maker.datums_to_json(chosen, datum_names),
            },
            after=after,
            # The same again if it was handed anything; else it waits like its parent.
            collect=parent.collect,
            handed=handed,
            created_at=self._clock(),
        )
        self._sealer.keep(sealed.id, secrets)
        return sealed

    def _choose(
        self,
        parent: Execution,
        handed: JSONObject | None,
        parameters: Mapping[str, object] | None,
    ) -> tuple[dict[str, JSONValue], dict[str, JSONValue]]:
        """Return the parameters besides what was handed over, and the secrets among them."""
        source = self._sealer.source_of(parent.snapshot_id)
        if parameters is None:
            self._sealer.kernel_for(source, parent.kernel_name)
            if missing := hidden_names(parent.parameters):
                raise missing_secrets(missing)
            return parent.parameters, {}
        opened = self._sealer.open_normal(source, parameters, parent.kernel_name)
        collect = parent.collect
        if collect and handed and opened.parameters.get(collect.parameter) == handed["value"]:
            # What was handed over stands for itself; another value is refused.
            del opened.parameters[collect.parameter]
        chosen = self._sealer.choose(opened, collect)
        self._sealer.check_translation(opened, chosen)
        return chosen, opened.secrets

    def _without_handed(self, parent: Execution) -> tuple[Execution, JSONObject | None]:
        """Part what an execution was handed, all of it still there, from what was chosen for it."""
        provenance = dict(parent.provenance)
        handed = provenance.pop("handed", None)
        if parent.collect is None or handed is None:
            return parent, None
        its = {file["object_id"] for file in handed["files"]}
        if self._objects.touch_all(its) != its:
            raise NotFoundError(
                "What it was handed is not all kept any more; collect the executions anew."
            )
        parameters = dict(parent.parameters)
        parameters.pop(parent.collect.parameter, None)
        return replace(parent, parameters=parameters, provenance=provenance), handed
