"""Checks of the store: its file, its rows, what is made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.service.verification.findings import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store import ExecutionStore

#: So many numbers are named; the rest is counted.
MAX_NAMED = 10
RESTORE = "It cannot be repaired: restore the store from a backup; the objects are not affected."


def check_database(store: ExecutionStore, *, repair: bool) -> Iterator[Damage]:
    """Yield what the database says of its own file."""
    complaints = _complaints(store)
    if not complaints:
        return
    damage = Damage(kind="database", message=f"The database is damaged: {'; '.join(complaints)}.")
    if repair:
        try:
            store.health.rebuild_indexes()
            left = _complaints(store)
        except AsyncExecError as error:
            left = [error.message]
        if left:
            damage.remains(RESTORE)
        else:
            damage.repaired("Its indexes were made again from the rows, which are whole.")
    yield damage


def _complaints(store: ExecutionStore) -> list[str]:
    try:
        return [text.rstrip(".") for text in store.health.complaints()]
    except AsyncExecError as error:
        return [error.message.rstrip(".")]


def check_search(store: ExecutionStore, *, repair: bool) -> Iterator[Damage]:
    """Yield where search and tags differ from the rows."""
    try:
        wrong = store.health.misindexed()
        message = f"Search or tags are wrong for {named(wrong)}." if wrong else None
    except AsyncExecError as error:
        message = f"The search index cannot be read: {error.message}"
    if message is None and not store.health.is_search_sound():
        message = "The search index is damaged."
    if message is None:
        return
    damage = Damage(kind="search_index", message=message)
    if repair:
        try:
            n_live = store.health.rebuild_search()
        except AsyncExecError as error:
            damage.remains(f"It could not be made again: {error.message}")
        else:
            damage.repaired(f"It was made again from {n_live} executions.")
    yield damage


def check_revision(store: ExecutionStore, *, repair: bool) -> Iterator[Damage]:
    """Yield whether the store's count of changes is behind its rows."""
    if not store.health.rev_behind():
        return
    message = "The store counts fewer changes than its executions carry: no change can be recorded."
    damage = Damage(kind="revision", message=message)
    if repair:
        store.health.catch_up_rev()
        damage.repaired("It counts on from the latest.")
    yield damage


def check_history(store: ExecutionStore, *, repair: bool) -> Iterator[Damage]:
    """Yield executions whose history and status differ about whether they are over."""
    for number in store.health.endless():
        message = f"#{number}: its history and its status differ about whether it is over."
        damage = Damage(kind="state", message=message, number=number)
        if repair:
            damage.remains("It is left as it is: the status is what counts.")
        yield damage


def bad_row(number: int, why: str, *, repair: bool) -> Damage:
    """Return the damage of a row that cannot be read."""
    damage = Damage(
        kind="row", message=f"#{number}: its record cannot be read ({why}).", number=number
    )
    if repair:
        damage.remains(RESTORE)
    return damage


def contradiction(execution: Execution) -> str | None:
    """Return what about a record cannot be true, None if nothing."""
    if execution.is_final and execution.finished_at is None:
        return "it is over and has no end"
    if not execution.is_final and execution.finished_at is not None:
        return f"it is {execution.status} and has an end"
    if execution.status is Status.RUNNING and execution.attempt < 1:
        return "it runs and was never started"
    began, ended = execution.started_at, execution.finished_at
    if began is not None and ended is not None and ended < began:
        return "it ended before it began"
    return None


def named(numbers: list[int]) -> str:
    """Return ``#1, #2 and 3 more``."""
    shown = ", ".join(f"#{number}" for number in numbers[:MAX_NAMED])
    n_more = len(numbers) - MAX_NAMED
    return f"{shown} and {n_more} more" if n_more > 0 else shown
