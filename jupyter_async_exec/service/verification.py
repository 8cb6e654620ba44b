"""Check that everything that is recorded is really there, byte by byte."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.snapshots.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.store import ExecutionStore


@dataclass(slots=True)
class Findings:
    """What a check found."""

    n_executions: int = 0
    n_objects: int = 0
    #: One sentence per damage.
    damages: list[str] = field(default_factory=list)


def verify(store: ExecutionStore, objects: ObjectStore) -> Findings:
    """Read every object that any execution refers to, and every other object too.

    Takes as long as reading the whole object store does: call it in a thread.
    """
    findings = Findings()
    checked: dict[str, str | None] = {}
    for execution in store.iterate():
        findings.n_executions += 1
        for what, object_id in _references(execution, objects):
            problem = _check(object_id, objects, checked)
            if problem is not None:
                findings.damages.append(f"#{execution.number}: {what} is damaged: {problem}")
    for object_id in objects.ids():
        if object_id not in checked:
            problem = _check(object_id, objects, checked)
            if problem is not None:
                findings.damages.append(f"Object {object_id} (of no execution): {problem}")
    findings.n_objects = len(checked)
    return findings


def _check(object_id: str, objects: ObjectStore, checked: dict[str, str | None]) -> str | None:
    if object_id not in checked:
        try:
            with objects.open(object_id) as stream:
                while stream.read(1 << 20):
                    pass
        except (AsyncExecError, OSError) as error:
            checked[object_id] = str(error)
        else:
            checked[object_id] = None
    return checked[object_id]


def _references(execution: Execution, objects: ObjectStore) -> Iterator[tuple[str, str]]:
    kept = {
        "the executed notebook": execution.output_object,
        "the journal": execution.journal_object,
        "the log": execution.log_object,
    }
    yield from ((what, object_id) for what, object_id in kept.items() if object_id)
    for artifact in execution.artifacts:
        yield f"the artifact {artifact.name}", artifact.object_id
    yield "the snapshot", execution.snapshot_id
    try:
        manifest = load_manifest(objects, execution.snapshot_id)
    except (AsyncExecError, json.JSONDecodeError):
        # Reported as the damaged snapshot already.
        return
    yield "the source notebook", manifest.notebook_object
    for file in manifest.files:
        yield f"the captured file {file.path}", file.object_id
