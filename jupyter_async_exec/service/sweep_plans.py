"""What a sweep would be, in figures and in a sentence; nothing is accepted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jupyter_async_exec.core.sweep_values import MAX_TRIALS
from jupyter_async_exec.service.ports import SweepPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.execution import Submission
    from jupyter_async_exec.core.sweeps import Sweep
    from jupyter_async_exec.service.sweep_submission import Sealed
    from jupyter_async_exec.store import ExecutionStore

#: A plan shows the parameters of so many executions.
N_SHOWN = 100
#: From so many seconds on, a duration is said in minutes, or hours.
IN_MINUTES_S, IN_HOURS_S = 120, 2 * 3_600


class Planner:
    """Says how many executions something would be, and how long they take; reads the store.

    Parameters
    ----------
    store
        Knows how long earlier executions took.
    slots
        Gives the number of executions at once; reads the store.
    """

    def __init__(self, store: ExecutionStore, slots: Callable[[], int]) -> None:
        self._store = store
        self._slots = slots

    def plan(self, sweep: Sweep, sealed: Sealed, *, n_reused: int) -> SweepPlan:
        """Return the plan of a new sweep, with `n_reused` results taken over."""
        n = sealed.n_all
        duration_s = self._duration_s(sweep, n, n_alone=1 if sweep.canary_id is not None else 0)
        said = f"{n:,} execution{'' if n == 1 else 's'}"
        if sweep.counts.to_come:
            said = f"{said}, each chosen by what came of those before it"
        if sealed.n_datums:
            said = f"{sweep.title}; {said}"
        elif n_reused:
            said = f"{said}, and {n_reused:,} that ran already"
        return SweepPlan(
            count=n,
            n_reused=n_reused,
            duration_s=duration_s,
            n_files=sealed.n_datums,
            n_new_files=sealed.n_new_datums,
            message=_with_duration(said, n, duration_s),
            trials=tuple(each.parameters for each in sealed.submissions[:N_SHOWN]),
        )

    def plan_more(
        self, sweep: Sweep, n: int, submissions: Sequence[Submission], *, n_known: int = 0
    ) -> SweepPlan:
        """Return the plan of more executions of a sweep.

        Parameters
        ----------
        sweep
            The sweep.
        n
            How many would run.
        submissions
            What was asked for; empty where each is chosen later.
        n_known
            How many of these the sweep has already.
        """
        said = f"{n:,} more execution{'' if n == 1 else 's'}"
        if n_known:
            said = f"{said}, and {n_known:,} that the sweep has already"
        duration_s = self._duration_s(sweep, n)
        return SweepPlan(
            count=n,
            n_reused=n_known,
            duration_s=duration_s,
            n_files=0,
            n_new_files=0,
            message=_with_duration(said, n, duration_s),
            trials=tuple(each.parameters for each in submissions[:N_SHOWN]),
        )

    def _duration_s(self, sweep: Sweep, n: int, *, n_alone: int = 0) -> float | None:
        """Return how long `n` executions take, `n_alone` of them before all others."""
        one_s = self._store.sweeps.usual_duration_s(sweep.notebook_path)
        if one_s is None:
            return None
        n_at_once = min(self._slots(), sweep.definition.get("parallel") or MAX_TRIALS)
        return one_s * (n_alone + math.ceil((n - n_alone) / n_at_once))


def _with_duration(said: str, n: int, duration_s: float | None) -> str:
    if not n:
        return f"{said}: nothing would run."
    if duration_s is None:
        return f"{said}; how long is not known, because none of this notebook succeeded yet."
    return f"{said}, about {_in_words(duration_s)}."


def _in_words(duration_s: float) -> str:
    if duration_s < IN_MINUTES_S:
        return f"{max(1, round(duration_s))} s"
    if duration_s < IN_HOURS_S:
        return f"{round(duration_s / 60)} min"
    return f"{duration_s / 3_600:.1f} h"
