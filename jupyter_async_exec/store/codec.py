"""Executions to rows and back, without ever failing on a strange value."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.execution import (
    Artifact,
    CellError,
    Collect,
    Execution,
    Hold,
    Limits,
    Reason,
    Remark,
    Status,
)
from jupyter_async_exec.core.resources import dump_resources, load_resources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import CursorResult, RowMapping

#: Column to what SQLite keeps in it.
Row: TypeAlias = dict[str, str | int | None]


def dump(execution: Execution) -> Row:
    """Return the columns of `execution`, the request id aside."""
    return {
        "number": execution.number,
        "id": execution.id,
        "rev": execution.rev,
        "status": execution.status.value,
        "reason": None if execution.reason is None else execution.reason.value,
        "message": _text_or_none(execution.message),
        "notebook_path": clean(execution.notebook_path),
        "title": clean(execution.title),
        "parameters": dump_json(execution.parameters),
        "kernel_name": clean(execution.kernel_name),
        "backend": clean(execution.backend),
        "resources": dump_resources(execution.resources),
        "snapshot_id": execution.snapshot_id,
        "sweep_id": execution.sweep_id,
        "parent_id": execution.parent_id,
        "attempt": execution.attempt,
        "created_at": format_at(execution.created_at),
        "started_at": moment(execution.started_at),
        "finished_at": moment(execution.finished_at),
        "cells_done": execution.cells_done,
        "cells_total": execution.cells_total,
        "current_cell": execution.current_cell,
        "error": None if execution.error is None else dump_json(_error(execution.error)),
        "metrics": dump_json(execution.metrics),
        "remarks": dump_json([_remark(remark) for remark in execution.remarks]),
        "tags": dump_json(list(execution.tags)),
        "note": clean(execution.note),
        "starred": int(execution.starred),
        "pinned": int(execution.pinned),
        "cancel_requested": int(execution.cancel_requested),
        "hold": None if execution.hold is None else execution.hold.value,
        "waits_for": execution.waits_for,
        "after_ids": dump_json(list(execution.after)) if execution.after else None,
        "collect": None if execution.collect is None else dump_json(asdict(execution.collect)),
        "deleted_at": moment(execution.deleted_at),
        "submitted_by": clean(execution.submitted_by),
        "limits": dump_json(_limits(execution.limits)),
        "provenance": dump_json(execution.provenance),
        "output_object": execution.output_object,
        "journal_object": execution.journal_object,
        "log_object": execution.log_object,
        "artifacts": dump_json([_artifact(artifact) for artifact in execution.artifacts]),
        "environment_id": execution.environment_id,
    }


def load(row: RowMapping | Mapping[str, Any]) -> Execution:
    """Return the execution whose columns are `row`; artifacts and provenance may be left out."""
    return Execution(
        id=row["id"],
        number=row["number"],
        status=Status(row["status"]),
        reason=None if row["reason"] is None else Reason(row["reason"]),
        message=row["message"],
        notebook_path=row["notebook_path"],
        title=row["title"],
        parameters=_json(row["parameters"]),
        kernel_name=row["kernel_name"],
        backend=row["backend"],
        resources=load_resources(row["resources"]),
        snapshot_id=row["snapshot_id"],
        sweep_id=row["sweep_id"],
        parent_id=row["parent_id"],
        attempt=row["attempt"],
        created_at=parse_at(row["created_at"]),
        started_at=_parsed(row["started_at"]),
        finished_at=_parsed(row["finished_at"]),
        cells_done=row["cells_done"],
        cells_total=row["cells_total"],
        current_cell=row["current_cell"],
        error=None if row["error"] is None else _load_error(_json(row["error"])),
        metrics=_json(row["metrics"]),
        remarks=tuple(Remark(**remark) for remark in _json(row["remarks"])),
        tags=tuple(_json(row["tags"])),
        note=row["note"],
        starred=bool(row["starred"]),
        pinned=bool(row["pinned"]),
        cancel_requested=bool(row["cancel_requested"]),
        hold=None if row["hold"] is None else Hold(row["hold"]),
        waits_for=row["waits_for"],
        after=() if row["after_ids"] is None else tuple(_json(row["after_ids"])),
        collect=None if row["collect"] is None else _load_collect(_json(row["collect"])),
        deleted_at=_parsed(row["deleted_at"]),
        submitted_by=row["submitted_by"],
        limits=Limits(**_json(row["limits"])),
        provenance=_json(row.get("provenance", "{}")),
        output_object=row["output_object"],
        journal_object=row["journal_object"],
        log_object=row["log_object"],
        artifacts=tuple(Artifact(**artifact) for artifact in _json(row.get("artifacts", "[]"))),
        environment_id=row["environment_id"],
        rev=row["rev"],
    )


def load_all(found: CursorResult[Any]) -> list[Execution]:
    """Return the executions whose columns are the rows of `found`.

    A plain dictionary is read in half the time of a row of SQLAlchemy's, which
    is looked into fifty times for each execution of a page.
    """
    names = tuple(found.keys())
    return [load(dict(zip(names, row, strict=True))) for row in found]


def moment(at: datetime | None) -> str | None:
    """Return a moment as text; texts are in the order of time."""
    return None if at is None else format_at(at)


def clean(text: str) -> str:
    """Return `text` as every database can hold it.

    NUL and lone surrogates, which neither UTF-8 nor PostgreSQL knows, become
    U+FFFD.
    """
    if not _is_strange(text):
        return text
    whole = text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass")
    return whole.decode("utf-16", "replace")


def dump_json(value: object) -> str:
    """Write `value` as JSON that every reader accepts.

    A number that is none (NaN, infinities) becomes its name as text, because
    a record that cannot be written would lose more.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_harmless(value), ensure_ascii=False, separators=(",", ":"))
    if _is_strange(text) or "\\u0000" in text:
        text = json.dumps(_harmless(value), ensure_ascii=False, separators=(",", ":"))
    return text


def _harmless(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case str():
            return clean(value)
        case dict():
            return {clean(str(name)): _harmless(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_harmless(inner) for inner in value]
        case _:
            return value


def _is_strange(text: str) -> bool:
    if "\x00" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _json(text: str) -> Any:
    # Most columns of most executions hold nothing, which needs no parser.
    return {} if text == "{}" else [] if text == "[]" else json.loads(text)


def _parsed(text: str | None) -> datetime | None:
    return None if text is None else parse_at(text)


def _text_or_none(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _error(error: CellError) -> dict[str, object]:
    return {
        "cell_index": error.cell_index,
        "ename": error.ename,
        "evalue": error.evalue,
        "traceback": list(error.traceback),
    }


def _load_error(error: dict[str, Any]) -> CellError:
    return CellError(**{**error, "traceback": tuple(error["traceback"])})


def _load_collect(collect: dict[str, Any]) -> Collect:
    return Collect(**{**collect, "executions": tuple(collect["executions"])})


def _remark(remark: Remark) -> dict[str, object]:
    return {"kind": remark.kind, "message": remark.message, "cell_index": remark.cell_index}


def _artifact(artifact: Artifact) -> dict[str, object]:
    return {
        "name": artifact.name,
        "object_id": artifact.object_id,
        "size_bytes": artifact.size_bytes,
        "media_type": artifact.media_type,
    }


def _limits(limits: Limits) -> dict[str, object]:
    return {
        "run_time_s": limits.run_time_s,
        "silence_s": limits.silence_s,
        "memory_bytes": limits.memory_bytes,
        "output_bytes": limits.output_bytes,
    }
