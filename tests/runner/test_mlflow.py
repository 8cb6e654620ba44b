"""MLflow's runs and executions know each other, without a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.mlflow_link import ExecutionRunContext
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import read_events
from jupyter_async_exec.runner.mlflow_store import mlflow_variables
from jupyter_async_exec.store.mlflow_runs import find_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.runner.helpers import Attempt

NOTEBOOK = """
import mlflow
with mlflow.start_run() as run:
    mlflow.log_metric("acc", 0.5, step=1)
    mlflow.log_metrics({"loss": 2.0}, step=2)
print(run.info.run_id, run.data.tags["jupyter_async_exec.number"])
"""


@pytest.fixture
def entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel find our entry point, whether this package is installed or not."""
    info = tmp_path / "links" / "async_exec_link-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: async-exec-link\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[mlflow.run_context_provider]\n"
        "async_exec = jupyter_async_exec.mlflow_link:ExecutionRunContext\n"
    )
    paths = [str(info.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.slow
@pytest.mark.usefixtures("entry_point")
def test_runs_and_executions_know_each_other(
    tmp_path: Path, make_attempt: Callable[..., Attempt]
) -> None:
    pytest.importorskip("mlflow")
    store = tmp_path / "mlflow"
    variables = mlflow_variables(store, execution_id="e" * 32, number=7)
    attempt = make_attempt(NOTEBOOK, environment=variables, execution_id="e" * 32, number=7)

    result = attempt.run(timeout_s=120)

    assert result.status is Status.SUCCEEDED, attempt.log
    (run_id,) = find_runs(store, attempt.task.execution_id)
    assert f"{run_id} {attempt.task.number}" in attempt.log
    events = read_events(attempt.directory / files.JOURNAL)[0]
    recorded = [event for event in events if isinstance(event, MetricRecorded)]
    assert [(each.name, each.value, each.step) for each in recorded] == [
        ("acc", 0.5, 1),
        ("loss", 2.0, 2),
    ]


def test_outside_of_an_execution_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTER_ASYNC_EXEC_METRICS", raising=False)

    assert not ExecutionRunContext().in_context()


def test_an_address_that_somebody_chose_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")

    variables: dict[str, Any] = mlflow_variables(tmp_path / "a", execution_id="e", number=1)

    assert list(variables) == ["MLFLOW_RUN_CONTEXT"]
    assert find_runs(tmp_path / "a", "e") == []
    assert not (tmp_path / "a").exists()


def test_a_database_that_is_no_database_has_no_runs(tmp_path: Path) -> None:
    (tmp_path / "runs.sqlite").write_text("no database")

    assert find_runs(tmp_path, "e") == []
