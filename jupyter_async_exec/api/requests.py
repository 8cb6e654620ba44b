"""What checked requests ask for, in the words of the service, as `openapi.yaml` states it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.execution import LIMIT_NAMES, Collect, Status
from jupyter_async_exec.core.fan_in import with_when
from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.retention import Retention
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.core.search import Sampler, Search
from jupyter_async_exec.core.sweep_table import read_table
from jupyter_async_exec.core.sweeps import Mode, SweepDefinition
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service import SubmitRequest, SweepRequest
from jupyter_async_exec.store import ExecutionQuery

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject


def goal_from_json(body: JSONObject | None) -> Goal | None:
    """Return the goal that a checked request body names; `None` for null."""
    return None if body is None else Goal(body["metric"], Direction(body["direction"]))


def retention(body: JSONObject) -> Retention:
    """Return what a checked request body lets go."""
    names = ("older_than_s", "unused_for_s", "keep_last", "max_bytes", "trash_s")
    return Retention(**{name: body[name] for name in names if body.get(name) is not None})


def rerun_request(body: JSONObject) -> dict[str, Any]:
    """Return what a checked request body changes in a rerun."""
    changes = {name: value for name, value in body.items() if name != "options"}
    options = body.get("options", {})
    place = {name: options[name] for name in ("backend", "resources") if name in options}
    return changes | place | {"limits": _limits(options)}


def submit_request(body: JSONObject, *, submitted_by: str) -> SubmitRequest:
    """Return what a checked request body asks for."""
    options = body.get("options", {})
    return SubmitRequest(
        path=body["path"].strip("/"),
        notebook=body.get("notebook"),
        parameters=body.get("parameters", {}),
        kernel_name=body.get("kernel_name"),
        title=body.get("title"),
        backend=options.get("backend", "local"),
        resources=options.get("resources", {}),
        tags=tuple(options.get("tags", ())),
        limits=_limits(options),
        request_id=body.get("request_id"),
        submitted_by=submitted_by,
        reuse=_reuse_policy(body.get("reuse")),
        after=tuple(str(ref) for ref in body.get("after", ())),
        collect=_collect(body.get("collect")),
    )


def _limits(options: JSONObject) -> JSONObject:
    return {field: options[name] for name, field in LIMIT_NAMES.items() if name in options}


def _collect(body: JSONObject | None) -> Collect | None:
    if body is None:
        return None
    collect = Collect(
        executions=tuple(str(ref) for ref in body.get("executions", ())),
        sweep_id=None if body.get("sweep") is None else str(body["sweep"]),
        **{name: body[name] for name in ("parameter",) if name in body},
    )
    return with_when(collect, body.get("when"))


def _reuse_policy(body: JSONObject | None) -> ReusePolicy | None:
    if body is None:
        return None
    return ReusePolicy(
        wanted=body["policy"] == "exact",
        max_age_s=body.get("max_age_s"),
        files=tuple(body.get("files", ())),
    )


def sweep_request(body: JSONObject, *, submitted_by: str) -> SweepRequest:
    """Return what a checked request body asks for; raises as `sweep_definition` does."""
    return SweepRequest(
        base=submit_request(body, submitted_by=submitted_by),
        definition=sweep_definition(body),
        canary=body.get("canary"),
        stop_after=body.get("stop_after_failures"),
        then=_then(body.get("then"), submitted_by=submitted_by),
    )


def _then(body: JSONObject | None, *, submitted_by: str) -> SubmitRequest | None:
    if body is None:
        return None
    collected = {name: body[name] for name in ("parameter", "when") if name in body}
    return submit_request({**body, "collect": collected}, submitted_by=submitted_by)


def sweep_definition(body: JSONObject) -> SweepDefinition:
    """Return what a checked request body wants to vary; a table takes time, so call it in a thread.

    Raises
    ------
    RefusedError
        The table cannot be read.
    InvalidRequestError
        It says how to search, but wants no search.
    """
    table = body.get("table", ())
    return SweepDefinition(
        values=body.get("values", {}),
        table=read_table(table) if isinstance(table, str) else table,
        mode=Mode(body.get("mode", Mode.GRID)),
        samples=body.get("samples"),
        seed=body.get("seed", 0),
        search=_search(body),
    )


def _search(body: JSONObject) -> Search | None:
    """Return what an adaptive sweep wants, which other sweeps have none of."""
    names = [name for name in ("objective", "parallel", "sampler") if body.get(name) is not None]
    if body.get("mode") != Mode.ADAPTIVE:
        if names:
            raise InvalidRequestError(f"'{names[0]}' goes together with the mode 'adaptive'.")
        return None
    return Search(
        goal=goal_from_json(body.get("objective")),
        parallel=body.get("parallel"),
        sampler=Sampler(body.get("sampler") or Sampler.TPE),
    )


def execution_query(query: dict[str, Any]) -> ExecutionQuery:
    """Return what a checked list query asks for; `InvalidRequestError` for a bad status."""
    names = [name for name in (query["status"] or "").split(",") if name]
    known = {status.value for status in Status}
    for name in names:
        if name not in known:
            message = f"'status' must be among {', '.join(sorted(known))}, not {name[:50]!r}."
            raise InvalidRequestError(message)
    return ExecutionQuery(
        notebook=query["notebook"],
        statuses=frozenset(Status(name) for name in names),
        sweep=query["sweep"],
        with_reused=query["with_reused"],
        single=query["single"],
        grouped=query["grouped"],
        text=query["q"] or None,
        tag=query["tag"],
        starred=query["starred"],
        newest_first=query["sort"] == "-number",
        limit=query["limit"],
        cursor=query["cursor"],
    )
