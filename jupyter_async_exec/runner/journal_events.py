"""What journal records mean to an execution: the events among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.clock import parse_at
from jupyter_async_exec.core.environment import Environment
from jupyter_async_exec.core.events import (
    CellFinished,
    CellStarted,
    EnvironmentFound,
    Event,
    ExecutionStarted,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import Remark

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject

#: Types that `to_event` may turn into events.
EVENT_TYPES = frozenset(
    {"execution_started", "cell_started", "cell_finished", "metric", "environment", "remark"}
)


def to_event(record: JSONObject) -> Event | None:
    """Return what a record means to the execution; `None` for all that changes only outputs."""
    kind = record.get("type")
    if kind not in EVENT_TYPES:
        return None
    try:
        return _to_event(str(kind), record)
    except (KeyError, TypeError, ValueError):
        return None


def _to_event(kind: str, record: JSONObject) -> Event | None:
    at = parse_at(record["at"])
    match kind:
        case "execution_started":
            return ExecutionStarted(at=at, cells_total=_whole(record["cells_total"]))
        case "cell_started":
            return CellStarted(at=at, cell_index=_whole(record["cell_index"]))
        case "cell_finished" if record["status"] in ("ok", "error"):
            return CellFinished(at=at, cell_index=_whole(record["cell_index"]))
        case "metric":
            step = record.get("step")
            return MetricRecorded(
                at=at,
                name=str(record["name"]),
                value=record["value"],
                step=None if step is None else _whole(step),
                earlier=tuple(
                    (None if each is None else _whole(each), value)
                    for each, value in record.get("earlier") or ()
                ),
            )
        case "environment":
            return EnvironmentFound(at=at, environment=Environment.of(dict(record["environment"])))
        case "remark":
            index = record.get("cell_index")
            remark = Remark(
                kind=str(record["kind"]),
                message=str(record["message"]),
                cell_index=None if index is None else _whole(index),
            )
            return Remarked(at=at, remark=remark)
    return None


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value
