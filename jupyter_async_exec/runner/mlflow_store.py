"""MLflow without a server: the variables under which it keeps its runs in a store of ours."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from jupyter_async_exec.defaults import MLFLOW_ID_TAG, MLFLOW_NUMBER_TAG

if TYPE_CHECKING:
    from pathlib import Path

#: In the data folder.
MLFLOW_DIR = "mlflow"
#: MLflow's database in that folder.
DATABASE = "runs.sqlite"


def mlflow_variables(directory: Path, *, execution_id: str, number: int) -> dict[str, str]:
    """Return the variables under which MLflow logs to our store and tags its runs.

    Nothing is imported and no file is made before a notebook starts a run. A
    tracking address that the person has chosen stays.
    """
    tags = {MLFLOW_ID_TAG: execution_id, MLFLOW_NUMBER_TAG: str(number)}
    variables = {"MLFLOW_RUN_CONTEXT": json.dumps(tags)}
    if "MLFLOW_TRACKING_URI" in os.environ:
        return variables
    directory.mkdir(mode=0o700, exist_ok=True)
    return {
        **variables,
        "MLFLOW_TRACKING_URI": tracking_uri(directory),
        # Otherwise files of runs would lie in a folder that goes with the execution.
        "_MLFLOW_SERVER_ARTIFACT_ROOT": (directory / "artifacts").as_uri(),
    }


def tracking_uri(directory: Path) -> str:
    """Return the address of our store, as MLflow writes it."""
    return f"sqlite:///{quote(str(directory / DATABASE))}"
