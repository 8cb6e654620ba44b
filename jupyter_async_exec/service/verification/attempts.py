"""What dispatchers that died have left: executions nobody runs, folders nobody needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.errors import AsyncExecError, NotFoundError
from jupyter_async_exec.service.verification.findings import Damage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.backends.base import Backend
    from jupyter_async_exec.store import ExecutionStore


async def find_unsettled(
    store: ExecutionStore, backends: Mapping[str, Backend]
) -> dict[AttemptKey, Damage]:
    """Return the attempts that the next dispatcher would have to bring to an end.

    Only meaningful while no process dispatches: one that does is about to.
    """
    found: dict[AttemptKey, Damage] = {}
    wanted: set[AttemptKey] = set()
    for execution in await asyncio.to_thread(store.running):
        key = AttemptKey(execution.id, execution.attempt)
        wanted.add(key)
        backend = backends.get(execution.backend)
        if backend is not None and not await _lives(backend, key):
            message = f"#{execution.number} is recorded as running, and nothing of it runs."
            found[key] = Damage(kind="attempt", message=message, number=execution.number)
    for backend in backends.values():
        for key in await backend.attempts():
            if key not in wanted and not await asyncio.to_thread(_is_last_of, store, key):
                message = f"The folder of the attempt {key} is left, and no execution runs in it."
                found[key] = Damage(kind="leftover", message=message)
    return found


async def judge_settled(
    store: ExecutionStore,
    backends: Mapping[str, Backend],
    damages: Mapping[AttemptKey, Damage],
    *,
    is_settled: bool,
) -> None:
    """Say of each damage whether it is gone, after a dispatcher had the time to act."""
    if not is_settled:
        for damage in damages.values():
            damage.remains("Another process dispatches and will see to it.")
        return
    left = await find_unsettled(store, backends)
    for key, damage in damages.items():
        if key in left:
            damage.remains("It could not be brought to an end; the log says why.")
        elif damage.number is None:
            damage.repaired("What it held was kept where an execution wanted it; it is removed.")
        else:
            execution = await asyncio.to_thread(store.get, damage.number, include_deleted=True)
            said = f": {execution.message}" if execution.message else "."
            damage.repaired(f"It is {execution.status} now{said}")


def _is_last_of(store: ExecutionStore, key: AttemptKey) -> bool:
    """Whether it belongs to an execution that has just ended: it is cleared in its time."""
    try:
        execution = store.get(key.execution_id, include_deleted=True)
    except NotFoundError:
        return False
    return execution.is_final and execution.attempt == key.attempt


async def _lives(backend: Backend, key: AttemptKey) -> bool:
    try:
        return (await backend.observe(key, offset=0)).alive
    except (AsyncExecError, OSError):
        return False
