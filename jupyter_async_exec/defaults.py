"""What holds unless somebody chose otherwise; imports nothing, because every server start asks."""

from __future__ import annotations

import os
from pathlib import Path

#: Environment variable that names the data folder, for server and command line alike.
DATA_DIR_VARIABLE = "JUPYTER_ASYNC_EXEC_DATA_DIR"
#: Names, inside an execution, the file to which `log_metric` appends.
METRICS_VARIABLE = "JUPYTER_ASYNC_EXEC_METRICS"
#: Wants MLflow's runs in a store of ours, for commands and Python.
MLFLOW_VARIABLE = "JUPYTER_ASYNC_EXEC_MLFLOW"
#: Whose server this is, as JupyterHub says.
HUB_USER_VARIABLE = "JUPYTERHUB_USER"
#: By which MLflow's runs name the execution they are part of.
MLFLOW_ID_TAG = "jupyter_async_exec.id"
MLFLOW_NUMBER_TAG = "jupyter_async_exec.number"
#: The store's file in the data folder.
STORE_FILE = "store.sqlite"
#: Names the store's database where it is not that file, for server and command line alike.
STORE_VARIABLE = "JUPYTER_ASYNC_EXEC_STORE_URL"
#: Room on this machine for copies of objects that are kept elsewhere.
OBJECT_CACHE_BYTES = 5_000_000_000


def default_data_dir() -> Path:
    """Return where executions are kept unless told otherwise."""
    from jupyter_core.paths import jupyter_data_dir

    chosen = os.environ.get(DATA_DIR_VARIABLE)
    return Path(chosen) if chosen else Path(jupyter_data_dir()) / "async_exec"


def chosen_data_dir(path: str) -> Path:
    """Return the folder that the configuration names, or if it names none, where they are kept."""
    return Path(path).expanduser() if path else default_data_dir()


def default_owner() -> str:
    """Return to whom executions belong that this process submits: JupyterHub's name, or ours."""
    import getpass

    try:
        return os.environ.get(HUB_USER_VARIABLE) or getpass.getuser()
    except (KeyError, OSError):  # A process of a user without a name.
        return ""


def default_store_url() -> str:
    """Return where executions are recorded unless told otherwise; empty: in the data folder."""
    return os.environ.get(STORE_VARIABLE, "")


def default_slots() -> int:
    """Return one slot fewer than there are cores to use, at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity
        cores = os.cpu_count() or 1
    return max(1, cores - 1)


def default_mlflow() -> bool:
    """Return whether MLflow's runs are kept in a store of ours."""
    return os.environ.get(MLFLOW_VARIABLE, "").strip().lower() in {"1", "true", "yes"}
