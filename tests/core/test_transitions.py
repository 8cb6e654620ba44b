"""Nothing moves a state that is final, and late reports move none."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.events import (
    AttemptClaimed,
    AttemptReturned,
    CancelRequested,
    CellFinished,
    CellStarted,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import (
    FINAL_STATUSES,
    TRIED_AGAIN,
    Artifact,
    CellError,
    Execution,
    Reason,
    Remark,
    Status,
)
from jupyter_async_exec.core.transitions import apply
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_execution

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = st.just(SOME_MOMENT)
INDEX = st.integers(0, 9)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(AttemptClaimed, at=AT, attempt=st.integers(0, 4)),
    st.builds(AttemptReturned, at=AT),
    st.builds(ExecutionStarted, at=AT, cells_total=INDEX),
    st.builds(CellStarted, at=AT, cell_index=INDEX),
    st.builds(CellFinished, at=AT, cell_index=INDEX),
    st.builds(MetricRecorded, at=AT, name=st.sampled_from("ab"), value=INDEX),
    st.builds(Remarked, at=AT, remark=st.just(Remark(kind="k", message="M."))),
    st.builds(CancelRequested, at=AT),
    st.builds(ExecutionFinished, at=AT, status=st.sampled_from(Status)),
)
STORIES = st.lists(EVENTS, max_size=20)
#: Given at acceptance, or changed by people only.
FIXED = (
    "id", "number", "notebook_path", "title", "parameters", "kernel_name", "backend",
    "snapshot_id", "sweep_id", "parent_id", "created_at", "tags", "note", "starred", "pinned",
    "deleted_at", "hold", "submitted_by", "limits", "provenance", "rev", "after", "collect",
    "resources",
)  # fmt: skip


def live(execution: Execution, story: Sequence[Event]) -> Execution:
    for event in story:
        execution = apply(execution, event)
    return execution


@given(STORIES, STORIES, st.sampled_from(sorted(FINAL_STATUSES)))
def test_nothing_leaves_a_final_status(
    before: list[Event], after: list[Event], status: Status
) -> None:
    end = ExecutionFinished(at=SOME_MOMENT, status=status)
    ended = live(make_execution(), [*before, end])

    assert ended.is_final
    assert live(ended, after) is ended


@given(STORIES)
def test_what_was_accepted_never_changes(story: list[Event]) -> None:
    accepted = make_execution()

    lived = live(accepted, story)

    for name in FIXED:
        assert getattr(lived, name) == getattr(accepted, name)


@given(STORIES)
def test_attempts_only_count_up_and_cancel_requests_stay(story: list[Event]) -> None:
    execution = make_execution()
    for event in story:
        new = apply(execution, event)

        assert new.attempt >= execution.attempt
        assert new.cancel_requested >= execution.cancel_requested
        assert (new.finished_at is not None) == new.is_final
        execution = new


@given(STORIES)
def test_only_a_claim_makes_it_run(story: list[Event]) -> None:
    without = [event for event in story if not isinstance(event, AttemptClaimed)]

    assert live(make_execution(), without).status is not Status.RUNNING


def test_every_field_is_either_fixed_or_moved_here() -> None:
    moved = {
        "status", "reason", "message", "attempt", "started_at", "finished_at", "cells_done",
        "cells_total", "current_cell", "error", "metrics", "remarks", "cancel_requested",
        "output_object", "journal_object", "log_object", "artifacts", "environment_id",
        "waits_for",
    }  # fmt: skip

    assert {field.name for field in fields(Execution)} == moved | set(FIXED)


def test_an_execution_lives() -> None:
    error = CellError(cell_index=2, ename="KeyError", evalue="'x'")
    artifact = Artifact(name="a.csv", object_id="a1", size_bytes=3, media_type="text/csv")
    story: list[Event] = [
        AttemptClaimed(at=SOME_MOMENT, attempt=1),
        ExecutionStarted(at=SOME_MOMENT, cells_total=3),
        CellStarted(at=SOME_MOMENT, cell_index=0),
        CellFinished(at=SOME_MOMENT, cell_index=0),
        CellStarted(at=SOME_MOMENT, cell_index=2),
    ]

    running = live(make_execution(), story)
    ended = apply(
        running,
        ExecutionFinished(
            at=SOME_MOMENT,
            status=Status.FAILED,
            reason=Reason.CELL_ERROR,
            message="Cell 3 failed.",
            error=error,
            artifacts=(artifact,),
        ),
    )

    assert (running.status, running.attempt) == (Status.RUNNING, 1)
    assert (running.cells_done, running.cells_total, running.current_cell) == (1, 3, 2)
    assert ended == replace(
        running,
        status=Status.FAILED,
        reason=Reason.CELL_ERROR,
        message="Cell 3 failed.",
        error=error,
        finished_at=SOME_MOMENT,
        current_cell=None,
        artifacts=(artifact,),
    )


def test_a_returned_attempt_leaves_no_progress_behind() -> None:
    waiting = make_execution()

    returned = live(
        waiting,
        [
            AttemptClaimed(at=SOME_MOMENT, attempt=1),
            ExecutionStarted(at=SOME_MOMENT, cells_total=3),
            AttemptReturned(at=SOME_MOMENT),
        ],
    )

    assert returned == replace(waiting, attempt=1)


LOST = Remark(kind=TRIED_AGAIN, message="Attempt 1 was lost and tried again.")


def test_what_was_said_of_lost_attempts_stays_and_the_rest_begins_anew() -> None:
    other = Remark(kind="nan_metric", message="loss was NaN.")

    running = live(
        make_execution(),
        [
            AttemptClaimed(at=SOME_MOMENT, attempt=1),
            Remarked(at=SOME_MOMENT, remark=other),
            Remarked(at=SOME_MOMENT, remark=LOST),
            AttemptReturned(at=SOME_MOMENT),
            AttemptClaimed(at=SOME_MOMENT, attempt=2),
            ExecutionStarted(at=SOME_MOMENT, cells_total=3),
        ],
    )

    assert running.remarks == (LOST,)
    assert running.n_tried_again == 1


def test_what_was_lost_and_waits_is_not_said_never_to_have_started() -> None:
    lost = make_execution(status=Status.RUNNING, attempt=1, cancel_requested=True, remarks=(LOST,))

    ended = apply(lost, AttemptReturned(at=SOME_MOMENT))

    assert (ended.status, ended.message) == (
        Status.CANCELLED,
        "Cancelled before it was tried again.",
    )


@pytest.mark.parametrize("attempt", [0, 1])
def test_an_old_claim_changes_nothing(attempt: int) -> None:
    waiting = make_execution(attempt=1)

    assert apply(waiting, AttemptClaimed(at=SOME_MOMENT, attempt=attempt)) is waiting


def test_an_end_that_is_none_changes_nothing() -> None:
    running = make_execution(status=Status.RUNNING, attempt=1)

    assert apply(running, ExecutionFinished(at=SOME_MOMENT, status=Status.QUEUED)) is running
