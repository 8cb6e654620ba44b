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


def _find_gpus(n: float | None) -> tuple[str, ...]:
    """Return the GPUs of a worker: so many as its resources say, or all that it sees."""
    found = find_gpus()
    if n is None:
        return found
    return (found or tuple(str(number) for number in range(int(n))))[: int(n)]


def _resources(declared: Resources, gpus: Gpus, memory_bytes: int | None) -> dict[str, float]:
    """Return what attempts of a worker share: what it declares, and what it is known to have."""
    known: dict[str, float] = {MEMORY_GB: (memory_bytes or total_memory_bytes()) / 1e9}
    if gpus.ids:
        known[GPU] = len(gpus.ids)
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
    # Who declares GPUs wants them looked after.
    gpus = Gpus(base / GPUS, lambda: _find_gpus(declared.get(GPU)), hides=GPU in declared)
    agent = Agent(
        base,
        slots=dask_worker.state.nthreads,
        find_resources=lambda: _resources(declared, gpus, limit_bytes),
        gpus=gpus,
    )

    async def answer(verb: str, store: str, fields: bytes, content: bytes) -> JSONObject:
        answer = await agent.answer(verb, store, fields, content)
        return {**answer, "content": frame(answer.get("content", b""))}

    dask_worker.handlers[OPERATION] = answer
