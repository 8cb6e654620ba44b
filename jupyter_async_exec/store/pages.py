"""What can be asked of the store and what it answers; imports no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import Execution, Status
    from jupyter_async_exec.core.sweeps import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuery:
    """Which executions a page shall hold; every condition that is given has to hold."""

    #: Jupyter path, exactly.
    notebook: str | None = None
    #: None of them means all of them.
    statuses: frozenset[Status] = frozenset()
    #: Id of a sweep.
    sweep: str | None = None
    #: With `sweep`: earlier results that count as its own as well.
    with_reused: bool = False
    #: Only executions of no sweep.
    single: bool = False
    #: Of each sweep only its first execution, see `ExecutionPage.sweeps`.
    grouped: bool = False
    #: What a person typed into the search field.
    text: str | None = None
    tag: str | None = None
    starred: bool | None = None
    #: Only of these people; none of them: of everybody.
    owners: frozenset[str] = frozenset()
    newest_first: bool = True
    #: Executions per page (1 to 1,000).
    limit: int = 25
    #: `next_cursor` of the page before.
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPage:
    """One page of a list."""

    #: Without their artifacts and provenance, which `ExecutionStore.get` gives.
    executions: tuple[Execution, ...]
    #: Ask with it for the next page; None on the last one.
    next_cursor: str | None
    #: If `ExecutionQuery.grouped`: those that stand on the page with their first execution.
    sweeps: tuple[Sweep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many executions are not over yet."""

    queued: int
    running: int
