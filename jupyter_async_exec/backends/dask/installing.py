"""How the agent comes into a Dask worker, and what it finds there."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.backends.dask.agent import Agent
from jupyter_async_exec.backends.dask.protocol import OPERATION
from jupyter_async_exec.backends.gpus import Gpus, find_gpus
from jupyter_async_exec.backends.local import GPUS, total_memory_bytes
from jupyter_async_exec.core.resources import GPU, MEMORY_GB

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.resources import Resources


def gpus_of(directory: Path, declared: Resources) -> Gpus:
    """Return the GPUs that a worker gives out: of all it sees, if it declares fewer.

    Which of them is decided when they are taken, or workers of one machine would all
    mean the same.

    Parameters
    ----------
    directory
        Where is written down who has which; all workers of the machine share it.
    declared
        What the worker says it has.
    """
    n = int(declared.get(GPU, 0))
    counted = tuple(str(number) for number in range(n))

    def find() -> tuple[str, ...]:
        # Who declares none gives out none, whatever there is.
        return (find_gpus() or counted) if n or GPU not in declared else ()

    # Who declares GPUs wants them looked after.
    return Gpus(directory, find, hides=GPU in declared, otherwise=counted)


def resources_of(declared: Resources, gpus: Gpus, memory_bytes: int | None) -> dict[str, float]:
    """Return what attempts of a worker share: what it declares, and what it is known to have."""
    known: dict[str, float] = {MEMORY_GB: (memory_bytes or total_memory_bytes()) / 1e9}
    n_gpus = min(int(declared.get(GPU, gpus.n_different)), gpus.n_different)
    if n_gpus:
        known[GPU] = n_gpus
    given = {str(name): float(amount) for name, amount in declared.items() if name != GPU}
    return known | given


def install(dask_worker: Any = None) -> None:
    """Add the agent to the Dask worker in whose process this is called; twice is once."""
    # Which names this function, and so knows us first.
    from jupyter_async_exec.backends.dask.link import frame

    if OPERATION in dask_worker.handlers:
        return
    # Beside the worker's own folder, which goes with the worker. The name keeps machines
    # apart that share it.
    base = Path(dask_worker.local_directory).parent / "jupyter-async-exec" / socket.gethostname()
    declared = dask_worker.state.total_resources
    limit_bytes = dask_worker.memory_manager.memory_limit
    gpus = gpus_of(base / GPUS, declared)
    agent = Agent(
        base,
        slots=dask_worker.state.nthreads,
        find_resources=lambda: resources_of(declared, gpus, limit_bytes),
        gpus=gpus,
    )

    async def answer(verb: str, store: str, fields: bytes, content: bytes) -> JSONObject:
        answer = await agent.answer(verb, store, fields, content)
        return {**answer, "content": frame(answer.get("content", b""))}

    dask_worker.handlers[OPERATION] = answer
