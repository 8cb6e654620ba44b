"""What an adaptive sweep is for: its objective, and what an execution says about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Execution, Remark, Status
from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.metrics import as_float

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject

#: More executions than this teach a search nothing, and each choice takes longer.
MAX_SEARCHED = 1_000
#: More at once choose almost blindly.
MAX_PARALLEL = 100
#: Kind of the remark of an execution that a search learned nothing from.
NO_OBJECTIVE = "no_objective"


class Sampler(StrEnum):
    """How the next parameters are chosen."""

    #: Where the better ones lie close together (tree-structured Parzen estimator).
    TPE = "tpe"
    #: Anywhere; what else chooses must be better than this.
    RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What an adaptive sweep wants, besides what it varies."""

    #: None: the metric that counts for the notebook.
    goal: Goal | None = None
    #: So many are queued or running at once (>= 1); None: as many as may run.
    parallel: int | None = None
    sampler: Sampler = Sampler.TPE


def objective_of(execution: Execution, goal: Goal) -> float | None:
    """Return what `execution` reached, None if it failed or cannot be compared."""
    if execution.status is not Status.SUCCEEDED:
        return None
    value = as_float(execution.metrics.get(goal.metric))
    return value if math.isfinite(value) else None


def without_objective(execution: Execution, goal: Goal) -> Remark | None:
    """Return the remark of an execution that succeeded and that nothing is learned from."""
    if execution.status is not Status.SUCCEEDED or objective_of(execution, goal) is not None:
        return None
    why = f"no metric `{goal.metric}` was recorded"
    if goal.metric in execution.metrics:
        why = f"its metric `{goal.metric}` is {execution.metrics[goal.metric]}"
    return Remark(kind=NO_OBJECTIVE, message=f"The search learned nothing from it: {why}.")


def goal_of(definition: JSONObject) -> Goal | None:
    """Return the objective in a sweep's recorded definition, None if it has none."""
    objective = definition.get("objective")
    if objective is None:
        return None
    return Goal(str(objective["metric"]), Direction(objective["direction"]))
