"""What MLflow loads in a kernel: its runs are tagged with the execution, its metrics are ours too.

MLflow finds this by its entry point `mlflow.run_context_provider` when a run
is started; a notebook that never imports MLflow pays nothing.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.metrics import is_name
from jupyter_async_exec.defaults import METRICS_VARIABLE, MLFLOW_ID_TAG, MLFLOW_NUMBER_TAG
from jupyter_async_exec.recording import log_metric

if TYPE_CHECKING:
    from collections.abc import Callable

#: On MLflow's client: it records here already.
_MARK = "_jupyter_async_exec"
_mirroring = threading.local()


class ExecutionRunContext:
    """MLflow's run context provider for what runs inside an execution."""

    def in_context(self) -> bool:
        """Whether this is an execution."""
        return bool(os.environ.get(METRICS_VARIABLE) and os.environ.get("JUPYTER_ASYNC_EXEC_ID"))

    def tags(self) -> dict[str, str]:
        """Return the tags of a run that begins, and let its metrics be recorded here too."""
        _mirror()
        return {
            MLFLOW_ID_TAG: os.environ["JUPYTER_ASYNC_EXEC_ID"],
            MLFLOW_NUMBER_TAG: os.environ.get("JUPYTER_ASYNC_EXEC_NUMBER", ""),
        }


def _mirror() -> None:
    """Record what MLflow's client logs from now on, whatever calls it: people, autologging."""
    from mlflow.tracking._tracking_service import client as module

    Client: Any = module.TrackingServiceClient  # noqa: N806  a class
    if not hasattr(Client, _MARK):
        setattr(Client, _MARK, True)
        Client.log_metric = _recording(Client.log_metric, _one)
        Client.log_batch = _recording(Client.log_batch, _several)


def _recording(
    log: Callable[..., Any], points: Callable[..., list[tuple[object, Any, Any]]]
) -> Callable[..., Any]:
    @functools.wraps(log)
    def logged(client: Any, run_id: str, *arguments: Any, **named: Any) -> Any:
        if getattr(_mirroring, "is_on", False):
            # One of the two calls the other.
            return log(client, run_id, *arguments, **named)
        _mirroring.is_on = True
        try:
            answer = log(client, run_id, *arguments, **named)
        finally:
            _mirroring.is_on = False
        for name, value, step in points(*arguments, **named):
            _record(name, value, step)
        return answer

    return logged


def _one(
    key: object = None,
    value: object = None,
    timestamp: object = None,  # noqa: ARG001  as MLflow calls it
    step: object = None,
    **_: object,
) -> list[tuple[object, Any, Any]]:
    return [(key, value, step)]


def _several(metrics: Any = (), *_: object, **__: object) -> list[tuple[object, Any, Any]]:
    return [(each.key, each.value, each.step) for each in metrics]


def _record(name: object, value: Any, step: Any) -> None:
    """Record a point; what cannot be recorded here is MLflow's alone."""
    if not is_name(name):
        return
    try:
        log_metric(str(name), value, step)
    except (TypeError, ValueError, OverflowError):
        return
