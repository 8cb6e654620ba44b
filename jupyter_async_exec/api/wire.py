"""Values as JSON, as `openapi.yaml` states it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from jupyter_async_exec.core.clock import format_at
from jupyter_async_exec.core.execution import Hold, Status
from jupyter_async_exec.core.machines import machine_of
from jupyter_async_exec.core.parameter_rules import ValueRule
from jupyter_async_exec.core.parameters import wanted
from jupyter_async_exec.core.search import goal_of
from jupyter_async_exec.core.secret_parameters import takes_secret
from jupyter_async_exec.service.fan_in import collect_to_json
from jupyter_async_exec.service.places import NO_REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.execution import Artifact, Execution
    from jupyter_async_exec.core.goal import Goal
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.parameters import Parameter
    from jupyter_async_exec.core.preset import Preset
    from jupyter_async_exec.core.sweeps import Best, Sweep
    from jupyter_async_exec.service import LogPiece, SweepPlan
    from jupyter_async_exec.service.collection import Collection
    from jupyter_async_exec.service.metrics import MetricsPiece
    from jupyter_async_exec.service.places import Reasons
    from jupyter_async_exec.snapshots.parameters import ParameterList
    from jupyter_async_exec.store import ExecutionPage

#: Kinds a browser may show without running anything of theirs.
PREVIEWABLE_TYPES = frozenset(
    {
        "application/json",
        "application/pdf",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/csv",
        "text/markdown",
        "text/plain",
        "text/tab-separated-values",
        "text/x-python",
    }
)

#: Of what is removed, so many are named.
MAX_COLLECTED = 1_000

#: What a queued execution waits for besides a slot, said to people.
HOLDS = {
    Hold.CANARY: "Waits for the first execution of its sweep, and starts if that succeeds.",
}


def execution_to_json(execution: Execution, reasons: Reasons, user: str = "") -> JSONObject:
    """Return the JSON of an execution for `user`.

    Parameters
    ----------
    execution
        Which.
    reasons
        Why executions wait; of interest while it is queued.
    user
        Who asks; whose it is, is only said of what belongs to others.
    """
    error = execution.error
    return {
        "id": execution.id,
        "number": execution.number,
        "status": execution.status.value,
        "reason": execution.reason.value if execution.reason else None,
        "message": execution.message,
        "notebook_path": execution.notebook_path,
        "title": execution.title,
        "parameters": execution.parameters,
        "kernel_name": execution.kernel_name,
        "backend": execution.backend,
        "resources": execution.resources,
        "snapshot_id": execution.snapshot_id,
        "sweep_id": execution.sweep_id,
        "parent_id": execution.parent_id,
        "attempt": execution.attempt,
        "created_at": format_at(execution.created_at),
        "started_at": _at(execution.started_at),
        "finished_at": _at(execution.finished_at),
        "cells_done": execution.cells_done,
        "cells_total": execution.cells_total,
        "current_cell": execution.current_cell,
        "error": {**asdict(error), "traceback": list(error.traceback)} if error else None,
        "metrics": execution.metrics,
        "remarks": [asdict(remark) for remark in execution.remarks],
        "tags": list(execution.tags),
        "note": execution.note,
        "starred": execution.starred,
        "pinned": execution.pinned,
        "cancel_requested": execution.cancel_requested,
        "waiting_reason": _waits_for(execution, reasons),
        "owner": None if execution.submitted_by in {"", user} else execution.submitted_by,
        "after": list(execution.after),
        "collects": None if execution.collect is None else collect_to_json(execution.collect),
    }


def page_to_json(
    page: ExecutionPage, reasons: Reasons, bests: Mapping[str, Best], user: str = ""
) -> JSONObject:
    """Return the JSON of one page of a list."""
    rows = [execution_to_json(each, reasons, user) for each in page.executions]
    sweeps = [sweep_summary_to_json(each, bests.get(each.id)) for each in page.sweeps]
    return {"executions": rows, "next_cursor": page.next_cursor, "sweeps": sweeps}


def metrics_to_json(piece: MetricsPiece) -> JSONObject:
    """Return the JSON of points of metrics."""
    return {"metrics": piece.metrics, "cursor": piece.cursor, "complete": piece.complete}


def goal_to_json(goal: Goal) -> JSONObject:
    """Return the JSON of a goal."""
    return {"metric": goal.metric, "direction": goal.direction.value}


def sweep_summary_to_json(sweep: Sweep, found: Best | None) -> JSONObject:
    """Return the JSON of a sweep without its executions."""
    return {
        "id": sweep.id,
        "status": sweep.status.value,
        "notebook_path": sweep.notebook_path,
        "title": sweep.title,
        "message": sweep.message,
        "created_at": format_at(sweep.created_at),
        "last_added_at": _at(sweep.last_added_at),
        "finished_at": _at(sweep.finished_at),
        "counts": asdict(sweep.counts),
        "first_number": sweep.first_number,
        "last_number": sweep.last_number,
        "n_reused": sweep.n_reused,
        "best": None if found is None else asdict(found),
    }


def sweep_to_json(
    sweep: Sweep,
    executions: Sequence[Execution],
    reused: Sequence[Execution],
    reasons: Reasons,
    then: Sequence[Execution],
    *,
    best: Best | None,
    user: str = "",
) -> JSONObject:
    """Return the JSON of a sweep, its executions, results it took over, and what collects it."""
    goal = goal_of(sweep.definition)
    ids = {each.number: each.id for each in (*reused, *executions)}
    return {
        **sweep_summary_to_json(sweep, None),
        "snapshot_id": sweep.snapshot_id,
        "definition": sweep.definition,
        "canary_id": sweep.canary_id,
        "stop_after_failures": sweep.stop_after,
        "submitted_by": sweep.submitted_by,
        "objective": None if goal is None else goal_to_json(goal),
        # One that came after these were read is told the next time.
        "best": {"id": ids[best.number], **asdict(best)} if best and best.number in ids else None,
        "executions": [execution_to_json(each, reasons, user) for each in executions],
        "reused": [execution_to_json(each, NO_REASONS, user) for each in reused],
        "then": [execution_to_json(each, reasons, user) for each in then],
    }


def plan_to_json(plan: SweepPlan) -> JSONObject:
    """Return the JSON of what a sweep would be."""
    return {**asdict(plan), "trials": list(plan.trials)}


def artifact_to_json(artifact: Artifact) -> JSONObject:
    """Return the JSON of an artifact."""
    return {
        "name": artifact.name,
        "size_bytes": artifact.size_bytes,
        "media_type": artifact.media_type,
        "previewable": artifact.media_type in PREVIEWABLE_TYPES,
    }


def log_to_json(piece: LogPiece) -> JSONObject:
    """Return the JSON of a piece of log."""
    return asdict(piece)


def receipt_to_json(receipt: JSONObject, execution: JSONObject) -> JSONObject:
    """Return the JSON of a receipt, around the JSON of its execution."""
    return {
        **receipt,
        "execution": execution,
        "artifacts": [artifact_to_json(artifact) for artifact in receipt["artifacts"]],
    }


def parameters_to_json(found: ParameterList) -> JSONObject:
    """Return the JSON of the declared parameters of a notebook."""
    return {
        "parameters": [_parameter_to_json(parameter) for parameter in found.parameters],
        "language": found.language,
        "typed": found.typed,
        "cell_index": found.cell_index,
        "problem": found.problem,
    }


def collection_to_json(found: Collection, *, dry_run: bool) -> JSONObject:
    """Return the JSON of what went, or would."""
    return {
        "dry_run": dry_run,
        "n_executions": len(found.executions),
        "executions": [
            {
                "number": each.number,
                "id": each.id,
                "title": each.title,
                "notebook_path": each.notebook_path,
                "finished_at": format_at(each.finished_at),
                "used_at": format_at(each.used_at),
                "deleted_at": _at(each.deleted_at),
            }
            for each in found.executions[:MAX_COLLECTED]
        ],
        "n_objects": found.n_objects,
        "freed_bytes": found.freed_bytes,
        "later_bytes": found.later_bytes,
        "used_bytes": found.used_bytes,
        "message": found.message,
    }


def preset_to_json(preset: Preset) -> JSONObject:
    """Return the JSON of a preset."""
    return {
        "name": preset.name,
        "parameters": preset.parameters,
        "secrets": list(preset.secrets),
        "updated_at": format_at(preset.updated_at),
    }


def _parameter_to_json(parameter: Parameter) -> JSONObject:
    rule = parameter.rule or ValueRule()
    return {
        "name": parameter.name,
        "type": parameter.type.value,
        "default": parameter.default,
        "required": parameter.required,
        "computed": parameter.computed,
        "default_source": parameter.default_source,
        "comment": parameter.comment,
        "annotation": parameter.annotation,
        "nullable": parameter.nullable,
        "secret": takes_secret(parameter),
        "path": parameter.is_path,
        "choices": list(rule.choices) or None,
        "minimum": rule.minimum,
        "maximum": rule.maximum,
        "exclusive_minimum": rule.exclusive_minimum,
        "exclusive_maximum": rule.exclusive_maximum,
        "wanted": None if parameter.rule is None else wanted(parameter),
    }


def _waits_for(execution: Execution, reasons: Reasons) -> str | None:
    if execution.status is not Status.QUEUED:
        return None
    if execution.hold is Hold.OTHERS:
        return execution.waits_for
    if execution.hold is not None:
        return HOLDS[execution.hold]
    machine = machine_of(execution.backend)
    if machine is not None:
        return f"Waits on {machine}, where it was submitted."
    return reasons.of(execution)


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else format_at(moment)
