"""Fill a data folder with a sweep that is over: ``python fill_sweep.py FOLDER NOTEBOOKS [N]``."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

from bench import notebooks
from jupyter_async_exec.cli.local_files import LocalFiles
from jupyter_async_exec.composition import InstalledKernels, compose
from jupyter_async_exec.core.events import ExecutionFinished, ExecutionStarted, MetricRecorded
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.sweeps import SweepDefinition
from jupyter_async_exec.service import SubmitRequest, SweepRequest
from jupyter_async_exec.settings import Settings


async def fill(folder: Path, root: Path, n: int) -> None:
    """Submit a sweep of `n` and record each of its executions as succeeded at once."""
    notebook = notebooks.make(["print(lr)"])
    parameters = notebooks.code_cell("parameters", "lr: float = 0.1")
    notebook["cells"].insert(0, {**parameters, "metadata": {"tags": ["parameters"]}})
    house = compose(
        Settings(data_dir=folder, spares=0),
        kernels=InstalledKernels(KernelSpecManager()),
        notebook_files=LocalFiles(root),
    )
    try:
        await house.service.sweeps.submit(
            SweepRequest(
                base=SubmitRequest(path="train.ipynb", notebook=notebook),
                definition=SweepDefinition(values={"lr": f"linspace(0, 1, {n})"}),
                canary=False,
            )
        )
        while (claimed := house.store.claim(backend="local")) is not None:
            at = claimed.created_at
            ended_at = at + timedelta(seconds=30 + claimed.number % 60)
            value = (claimed.number % 97) / 97
            house.store.record(
                claimed.id,
                claimed.attempt,
                [
                    ExecutionStarted(at=at, cells_total=2),
                    MetricRecorded(at=at, name="val_acc", step=1, value=value),
                    ExecutionFinished(at=ended_at, status=Status.SUCCEEDED),
                ],
            )
    finally:
        await house.stop()


if __name__ == "__main__":
    n_trials = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    asyncio.run(fill(Path(sys.argv[1]), Path(sys.argv[2]), n_trials))
