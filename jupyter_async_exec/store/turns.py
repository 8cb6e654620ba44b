"""Whose turn it is: single executions and each sweep go in turns, however long a sweep is.

This is start-time fair queueing (Goyal, Vin and Cheng, 1996) with equal shares.
An execution gets its turn when it is accepted: one more than the one before
it in its line (the single ones are one line, each sweep is one), but no less
than the turn that was claimed last. So who comes late is not behind
everything that was there before, and nobody waits for ever.

Those that need the same besides a slot are a line of an index, of which only
the first is looked at: claiming is a step for each such line, whatever the
length of queue and history. Usually nobody needs anything, and there is one.
Whoever waits for a GPU is only passed by those who need none; so it, too,
does not wait for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.resources import load_resources
from jupyter_async_exec.store.tables import CLAIMABLE, executions, queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_async_exec.core.resources import Resources

_SELECT = sa.select(queue).where(queue.c.backend == sa.bindparam("its_backend"))
_UPDATE = sa.update(queue).where(queue.c.backend == sa.bindparam("its_backend"))
_COLUMNS = (executions.c.resources, executions.c.turn, executions.c.number)
#: More are not told apart.
MOST_COUNTED = 10_000
_COUNT = sa.select(sa.func.count()).select_from(
    sa.select(executions.c.number)
    .where(executions.c.backend == sa.bindparam("its_backend"), CLAIMABLE)
    .limit(MOST_COUNTED)
    .subquery()
)
#: The first of the first line, and of the next line.
_FIRST = (
    sa.select(*_COLUMNS)
    .where(executions.c.backend == sa.bindparam("its_backend"), CLAIMABLE)
    .order_by(*_COLUMNS)
    .limit(1)
)
_NEXT = _FIRST.where(executions.c.resources > sa.bindparam("after"))


def next_single(connection: sa.Connection, backend: str) -> int:
    """Return the turn of one more single execution."""
    row = connection.execute(_SELECT, {"its_backend": backend}).mappings().first()
    if row is None:
        _insert(connection, backend, single_turn=0)
        return 0
    claimed = row["claimed_turn"]
    turn = max(claimed + claimed % 2, row["single_turn"] + 2)
    connection.execute(_UPDATE, {"its_backend": backend, "single_turn": turn})
    return int(turn)


def next_of_sweep(
    connection: sa.Connection, backend: str, n: int, *, after: int | None = None
) -> list[int]:
    """Return the turns of `n` executions of a sweep, behind turn `after` if it has others.

    Odd ones: between equals, a single execution goes first.
    """
    row = connection.execute(_SELECT, {"its_backend": backend}).mappings().first()
    # One behind what is claimed: a single execution that comes later still is next.
    first = 0 if row is None else row["claimed_turn"] // 2 + 1
    if after is not None:
        first = max(first, after // 2 + 1)
    return [2 * (first + place) + 1 for place in range(n)]


def take_next(
    connection: sa.Connection, backend: str, has_room: Callable[[Resources], bool]
) -> int | None:
    """Return the number of the execution whose turn it is, None when nobody may start.

    Parameters
    ----------
    connection
        In a transaction.
    backend
        Where it runs.
    has_room
        Whether there is room for one that needs so much.
    """
    found = _choose(_heads(connection, backend), has_room)
    if found is None:
        return None
    turn = {"its_backend": backend, "claimed_turn": found["turn"]}
    # A returned attempt keeps its turn, which may lie behind: time never goes back.
    changed = connection.execute(_UPDATE.where(queue.c.claimed_turn <= found["turn"]), turn)
    if not changed.rowcount and not connection.execute(_SELECT, turn).first():
        _insert(connection, backend, claimed_turn=found["turn"])
    return int(found["number"])


def count_waiting(connection: sa.Connection, backend: str) -> int:
    """Return how many could be claimed, at most `MOST_COUNTED`."""
    return int(connection.execute(_COUNT, {"its_backend": backend}).scalar_one())


def _heads(connection: sa.Connection, backend: str) -> list[sa.RowMapping]:
    """Return the first of each line of those that need the same."""
    heads: list[sa.RowMapping] = []
    head = connection.execute(_FIRST, {"its_backend": backend}).mappings().first()
    while head is not None:
        heads.append(head)
        after = {"its_backend": backend, "after": head["resources"]}
        head = connection.execute(_NEXT, after).mappings().first()
    return heads


def _choose(
    heads: list[sa.RowMapping], has_room: Callable[[Resources], bool]
) -> sa.RowMapping | None:
    awaited: set[str] = set()
    for head in sorted(heads, key=lambda head: (head["turn"], head["number"])):
        needed = load_resources(head["resources"])
        if awaited.isdisjoint(needed) and has_room(needed):
            return head
        if not needed:
            # Not even a slot is free.
            return None
        awaited |= needed.keys()
    return None


def _insert(
    connection: sa.Connection, backend: str, *, claimed_turn: int = -2, single_turn: int = -2
) -> None:
    values = {"backend": backend, "claimed_turn": claimed_turn, "single_turn": single_turn}
    connection.execute(sa.insert(queue).values(values))
