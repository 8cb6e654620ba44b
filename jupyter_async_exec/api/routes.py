"""Which handler answers which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.api import (
    compare,
    contents,
    executions,
    gc,
    goals,
    metrics,
    notebooks,
    presets,
    results,
    status,
    sweeps,
)

if TYPE_CHECKING:
    from jupyter_async_exec.api.base import AsyncExecHandler

#: A number or a full id; anything else is no execution and answers 404.
REF = r"([^/]+)"


def routes() -> list[tuple[str, type[AsyncExecHandler]]]:
    """Return regular expression and handler of every address, below the base URL."""
    execution = rf"/async-exec/executions/{REF}"
    sweep = rf"/async-exec/sweeps/{REF}"
    return [
        (r"/async-exec/executions", executions.ExecutionsHandler),
        (execution, executions.ExecutionHandler),
        (rf"{execution}/cancel", executions.CancelHandler),
        (rf"{execution}/rerun", executions.RerunHandler),
        (rf"{execution}/restore", executions.RestoreHandler),
        (rf"{execution}/pin", executions.PinHandler),
        (rf"{execution}/notebook", results.NotebookHandler),
        (rf"{execution}/log", results.LogHandler),
        (rf"{execution}/metrics", metrics.MetricsHandler),
        (rf"{execution}/artifacts", results.ArtifactsHandler),
        (rf"{execution}/artifacts/(.+)", results.ArtifactHandler),
        (rf"{execution}/receipt", results.ReceiptHandler),
        (r"/async-exec/sweeps", sweeps.SweepsHandler),
        (sweep, sweeps.SweepHandler),
        (rf"{sweep}/cancel", sweeps.CancelHandler),
        (rf"{sweep}/retry", sweeps.RetryHandler),
        (rf"{sweep}/add", sweeps.AddHandler),
        (r"/async-exec/compare", compare.CompareHandler),
        (r"/async-exec/compare/curves", compare.CurvesHandler),
        (r"/async-exec/goals", goals.GoalsHandler),
        (r"/async-exec/notebooks/(.+)/goal", goals.GoalHandler),
        (r"/async-exec/notebooks/(.+)/parameters", notebooks.ParametersHandler),
        (r"/async-exec/notebooks/(.+)/presets", presets.PresetsHandler),
        (r"/async-exec/notebooks/(.+)/presets/([^/]+)", presets.PresetHandler),
        (r"/async-exec/gc", gc.GcHandler),
        (r"/async-exec/status", status.StatusHandler),
        (r"/async-exec/backends", status.BackendsHandler),
        (r"/async-exec/openapi\.yaml", status.OpenapiHandler),
        (r"/async-exec/contents/?(.*)", contents.ContentsHandler),
        # Last, for what is left.
        (r"/async-exec(?:/.*)?", status.NowhereHandler),
    ]
