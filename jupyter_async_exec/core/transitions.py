"""The state machine: one pure function from execution and event to execution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from jupyter_async_exec.core.events import (
    AttemptClaimed,
    AttemptReturned,
    CancelRequested,
    CellFinished,
    CellStarted,
    EnvironmentFound,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import TRIED_AGAIN, Execution, Status

if TYPE_CHECKING:
    from datetime import datetime


def cancelled_early(execution: Execution) -> str:
    """Return what is said of one that was cancelled while it waited."""
    if execution.n_tried_again:
        return "Cancelled before it was tried again."
    return "Cancelled before it started."


def apply(execution: Execution, event: Event) -> Execution:
    """Return `execution` after `event`.

    A final execution is returned unchanged, whatever the event: the first
    committed end wins. An event that does not fit the status (a cell finished
    while queued, say) changes nothing either, because a late report must
    never be able to move a state.

    Parameters
    ----------
    execution
        As it was.
    event
        What happened.

    Returns
    -------
    Execution
        As it is now; the same object when nothing changed.
    """
    if execution.is_final:
        return execution
    match event:
        case AttemptClaimed(attempt=attempt):
            return _claimed(execution, attempt)
        case CancelRequested():
            return replace(execution, cancel_requested=True)
        case ExecutionFinished():
            return _finished(execution, event)
        case (
            AttemptReturned()
            | ExecutionStarted()
            | CellStarted()
            | CellFinished()
            | MetricRecorded()
            | EnvironmentFound()
            | Remarked()
        ):
            return execution if execution.status is Status.QUEUED else _progressed(execution, event)
        case _:
            assert_never(event)


def _claimed(execution: Execution, attempt: int) -> Execution:
    if execution.status is not Status.QUEUED or attempt <= execution.attempt:
        return execution
    return replace(execution, status=Status.RUNNING, attempt=attempt)


def _finished(execution: Execution, event: ExecutionFinished) -> Execution:
    if not event.status.is_final:
        return execution
    return replace(
        execution,
        status=event.status,
        reason=event.reason,
        message=event.message,
        error=event.error,
        finished_at=_not_before(event.at, execution),
        current_cell=None,
        waits_for=None,
        output_object=event.output_object,
        journal_object=event.journal_object,
        log_object=event.log_object,
        artifacts=event.artifacts,
    )


def _not_before(at: datetime, execution: Execution) -> datetime:
    """Return when it ended: a clock that was set back makes no duration negative."""
    return max(at, execution.started_at or execution.created_at)


def _progressed(
    execution: Execution,
    event: AttemptReturned
    | ExecutionStarted
    | CellStarted
    | CellFinished
    | MetricRecorded
    | EnvironmentFound
    | Remarked,
) -> Execution:
    match event:
        case AttemptReturned(at=at) if execution.cancel_requested:
            # Nobody would ever take it out of the queue again.
            return replace(
                execution,
                status=Status.CANCELLED,
                message=cancelled_early(execution),
                finished_at=_not_before(at, execution),
            )
        case AttemptReturned():
            return replace(
                execution,
                status=Status.QUEUED,
                started_at=None,
                cells_done=0,
                cells_total=None,
                current_cell=None,
            )
        case ExecutionStarted(at=at, cells_total=cells_total):
            # A journal begins here. Whoever adopts a running execution reads it
            # again from its first record: what was counted before starts over.
            return replace(
                execution,
                started_at=max(at, execution.created_at),
                cells_done=0,
                cells_total=cells_total,
                current_cell=None,
                metrics={},
                # What was said of earlier attempts stays true.
                remarks=tuple(each for each in execution.remarks if each.kind == TRIED_AGAIN),
                environment_id=None,
            )
        case CellStarted(cell_index=cell_index):
            return replace(execution, current_cell=cell_index)
        case CellFinished():
            return replace(execution, cells_done=execution.cells_done + 1, current_cell=None)
        case MetricRecorded(name=name, value=value):
            return replace(execution, metrics={**execution.metrics, name: value})
        case EnvironmentFound(environment=environment):
            return replace(execution, environment_id=environment.id)
        case Remarked(remark=remark):
            return replace(execution, remarks=(*execution.remarks, remark))
        case _:
            assert_never(event)
