"""What every execution store must do: inherit, give a `store` fixture, done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import (
    AttemptReturned,
    CancelRequested,
    CellFinished,
    CellStarted,
    ExecutionFinished,
    MetricRecorded,
    Remarked,
)
from jupyter_async_exec.core.execution import (
    Artifact,
    CellError,
    Execution,
    Limits,
    Reason,
    Remark,
    Status,
)
from jupyter_async_exec.errors import ConflictError, NotFoundError
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission
from jupyter_async_exec.testing.store_list_contract import (
    FAILED,
    STARTED,
    SUCCEEDED,
    StoreListContract,
)

if TYPE_CHECKING:
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.store import ExecutionStore


class ExecutionStoreContract(StoreListContract):
    """Tests that hold for every store; the subclass has a `store` fixture, empty each time."""

    # ------------------------------------------------------------ accept, get

    def test_numbers_count_from_one(self, store: ExecutionStore) -> None:
        """The first is #1, then #2."""
        numbers = [store.accept(make_submission())[0].number for _ in range(3)]

        assert numbers == [1, 2, 3]

    def test_what_was_accepted_is_what_is_found(self, store: ExecutionStore) -> None:
        """Every field of the submission comes back."""
        submission = make_submission(
            tags=("a", "b"),
            parent_id="0f" * 16,
            sweep_id="5f" * 16,
            limits=Limits(run_time_s=2.5, memory_bytes=2**40),
            provenance={"git": {"commit": "abc"}, "files": [{"path": "data/ü.csv"}]},
            parameters={"x": [1, 2.5, None, True, {"deep": "→"}]},
        )

        accepted, is_new = store.accept(submission)

        assert is_new
        assert store.get(accepted.id) == store.get(accepted.number) == accepted
        assert store.get(f"#{accepted.number}") == store.get(str(accepted.number)) == accepted
        for name in (
            "id", "tags", "parent_id", "sweep_id", "limits", "provenance", "parameters", "title",
            "notebook_path", "kernel_name", "backend", "snapshot_id", "submitted_by", "created_at",
        ):  # fmt: skip
            assert getattr(accepted, name) == getattr(submission, name)
        assert (accepted.status, accepted.attempt) == (Status.QUEUED, 0)

    def test_values_no_database_likes_do_no_harm(self, store: ExecutionStore) -> None:
        """NUL, lone surrogates and NaN are kept in a form that can be read."""
        submission = make_submission(
            title="a\x00b", parameters={"x": float("nan"), "y": "\ud800", "z": "\x00"}
        )

        accepted, _ = store.accept(submission)

        assert store.get(accepted.number) == accepted
        assert accepted.title == "a\ufffdb"
        assert accepted.parameters == {"x": "NaN", "y": "\ufffd", "z": "\ufffd"}

    def test_one_request_id_is_one_execution_under_eight_threads(
        self, store: ExecutionStore
    ) -> None:
        """A double click, or a retried request, is the first again."""
        barrier = threading.Barrier(8)

        def submit(_: int) -> tuple[Execution, bool]:
            barrier.wait()
            return store.accept(make_submission(request_id="click-1"))

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(submit, range(8)))

        assert {execution.number for execution, _ in answers} == {1}
        assert sorted(is_new for _, is_new in answers) == [False] * 7 + [True]

    @pytest.mark.parametrize(
        "ref", [7, "7", "#7", "x", "", "-1", "0", "9" * 40, "f" * 32, "\ud800"]
    )
    def test_what_is_not_there_is_said_so(self, store: ExecutionStore, ref: str | int) -> None:
        """Every kind of reference, sensible or not."""
        with pytest.raises(NotFoundError, match=r"^There is no execution"):
            store.get(ref)

    def test_the_sentence_names_the_number(self, store: ExecutionStore) -> None:
        """As people see it."""
        with pytest.raises(NotFoundError, match=r"^There is no execution #7\.$"):
            store.get(7)

    # ------------------------------------------------------------ claim, record

    def test_the_oldest_is_claimed_first_and_each_once(self, store: ExecutionStore) -> None:
        """First in, first out, per backend."""
        for backend in ("local", "dask", "local"):
            store.accept(make_submission(backend=backend))

        claimed = [store.claim(backend="local") for _ in range(3)]

        assert [each and each.number for each in claimed] == [1, 3, None]
        assert claimed[0] is not None
        assert (claimed[0].status, claimed[0].attempt) == (Status.RUNNING, 1)

    def test_who_waits_for_a_gpu_is_passed_only_by_those_who_need_none(
        self, store: ExecutionStore
    ) -> None:
        """Nobody holds up those who need something else, and nobody is overtaken for ever."""
        for resources in ({"GPU": 2.0}, {"GPU": 1.0}, {}, {"memory_gb": 8.0}):
            store.accept(make_submission(resources=resources))

        def has_room(needed: Resources) -> bool:
            return needed.get("GPU", 0) < 2

        claimed = [store.claim(backend="local", has_room=has_room) for _ in range(3)]
        assert [each and each.number for each in claimed] == [3, 4, None]
        rest = [store.claim(backend="local") for _ in range(3)]
        assert [each and each.number for each in rest] == [1, 2, None]
        assert rest[0] is not None
        assert rest[0].resources == {"GPU": 2.0}

    def test_without_a_slot_nobody_is_claimed(self, store: ExecutionStore) -> None:
        """Neither those who need nothing else nor those who do."""
        store.accept(make_submission())
        store.accept(make_submission(resources={"GPU": 1.0}))

        assert store.claim(backend="local", has_room=lambda _: False) is None

    def test_a_whole_life_is_recorded(self, store: ExecutionStore) -> None:
        """Progress, metrics, remarks and everything the end brings."""
        running = self._running(store)
        error = CellError(cell_index=2, ename="KeyError", evalue="'x'", traceback=("a", "b"))
        artifact = Artifact(name="a.csv", object_id="a1", size_bytes=3, media_type="text/csv")
        remark = Remark(kind="nan_metric", message="loss is NaN.", cell_index=1)
        end = ExecutionFinished(
            at=SOME_MOMENT,
            status=Status.FAILED,
            reason=Reason.CELL_ERROR,
            message="Cell 3 failed.",
            error=error,
            output_object="a2",
            journal_object="a3",
            log_object="a4",
            artifacts=(artifact,),
        )
        events = (
            STARTED,
            CellStarted(at=SOME_MOMENT, cell_index=0),
            CellFinished(at=SOME_MOMENT, cell_index=0),
            MetricRecorded(at=SOME_MOMENT, name="loss", value=0.5),
            Remarked(at=SOME_MOMENT, remark=remark),
        )

        underway = store.record(running.id, 1, events)
        ended = store.record(running.id, 1, (end,))

        assert (underway.cells_done, underway.cells_total) == (1, 3)
        assert underway.metrics == {"loss": 0.5}
        assert store.get(1) == ended
        assert ended.is_final
        assert (ended.error, ended.artifacts, ended.remarks) == (error, (artifact,), (remark,))
        assert list(store.referenced_objects()) == [ended.snapshot_id, "a2", "a3", "a4", "a1"]

    def test_the_history_tells_each_change_of_status(self, store: ExecutionStore) -> None:
        """In order, progress left out."""
        running = self._running(store)
        store.record(running.id, 1, (STARTED, CellStarted(at=SOME_MOMENT, cell_index=0)))
        store.record(running.id, 1, (SUCCEEDED,))
        store.trash(1)

        history = store.history(1)

        assert [entry.type for entry in history] == [
            "accepted", "attempt_claimed", "execution_started", "execution_finished", "trashed",
        ]  # fmt: skip
        assert [entry.rev for entry in history] == sorted({entry.rev for entry in history})

    def test_an_end_is_never_replaced(self, store: ExecutionStore) -> None:
        """The first committed end wins."""
        running = self._running(store)
        ended = store.record(running.id, 1, (SUCCEEDED,))

        again = store.record(running.id, 1, (FAILED,))

        assert again == ended == store.get(1)

    def test_two_ends_in_one_report_are_one(self, store: ExecutionStore) -> None:
        """The second is passed over."""
        running = self._running(store)

        ended = store.record(running.id, 1, (SUCCEEDED, FAILED))

        assert ended.status is Status.SUCCEEDED

    def test_a_stale_attempt_changes_nothing(self, store: ExecutionStore) -> None:
        """Attempt 1 went back to the queue; its late end is no end of attempt 2."""
        running = self._running(store)
        store.record(running.id, 1, (STARTED, AttemptReturned(at=SOME_MOMENT)))
        second = store.claim(backend="local")
        rev = store.last_rev()

        late = store.record(running.id, 1, (FAILED,))

        assert second is not None
        assert (second.attempt, second.cells_total) == (2, None)
        assert late == second
        assert store.last_rev() == rev

    def test_a_report_about_nobody_is_refused(self, store: ExecutionStore) -> None:
        """As everywhere."""
        with pytest.raises(NotFoundError):
            store.record("ab" * 16, 1, (STARTED,))

    # ------------------------------------------------------------ cancel

    def test_what_waits_is_cancelled_at_once(self, store: ExecutionStore) -> None:
        """And never claimed."""
        store.accept(make_submission())

        cancelled = store.request_cancel(1)

        assert (cancelled.status, cancelled.message) == (
            Status.CANCELLED,
            "Cancelled before it started.",
        )
        assert cancelled.finished_at is not None
        assert store.claim(backend="local") is None

    def test_what_runs_is_asked_to_end(self, store: ExecutionStore) -> None:
        """The status follows when the end has come."""
        self._running(store)

        asked = store.request_cancel(1)

        assert (asked.status, asked.cancel_requested) == (Status.RUNNING, True)
        assert store.request_cancel(1) == asked

    def test_what_is_over_cannot_be_cancelled(self, store: ExecutionStore) -> None:
        """Too late changes nothing."""
        ended = self._ended(store)

        assert store.request_cancel(1) == ended

    def test_a_returned_attempt_whose_end_was_asked_for_is_cancelled(
        self, store: ExecutionStore
    ) -> None:
        """It would wait for ever: nobody claims it any more."""
        running = self._running(store)
        store.request_cancel(1)

        returned = store.record(running.id, 1, (AttemptReturned(at=SOME_MOMENT),))

        assert returned.status is Status.CANCELLED

    def test_a_cancel_among_the_reports_counts_too(self, store: ExecutionStore) -> None:
        """A backend may pass one on."""
        running = self._running(store)

        asked = store.record(running.id, 1, (CancelRequested(at=SOME_MOMENT),))

        assert asked.cancel_requested

    # ------------------------------------------------------------ edit, trash

    def test_people_change_only_what_they_name(self, store: ExecutionStore) -> None:
        """Everything else stays."""
        before, _ = store.accept(make_submission(tags=("old",)))

        store.edit(1, title="New", starred=True)
        after = store.edit(1, tags=("a", "b", "a"), note="n", pinned=True)

        assert (after.title, after.note, after.tags) == ("New", "n", ("a", "b"))
        assert (after.starred, after.pinned) == (True, True)
        assert after.parameters == before.parameters
        assert store.edit(1, title="New") == after

    def test_what_is_not_over_is_not_trashed(self, store: ExecutionStore) -> None:
        """Cancel first."""
        store.accept(make_submission())

        with pytest.raises(ConflictError, match=r"^#1 is queued\. Cancel it first\.$"):
            store.trash(1)

    def test_the_trash_gives_back_what_it_took(self, store: ExecutionStore) -> None:
        """Not found meanwhile, in no list, then as before."""
        ended = self._ended(store, tags=("t",))
        store.edit(1, starred=True)

        trashed = store.trash(1)

        assert trashed.deleted_at is not None
        assert store.trash("#1") == trashed
        assert store.get(1, include_deleted=True) == trashed
        with pytest.raises(NotFoundError):
            store.get(1)
        with pytest.raises(NotFoundError):
            store.edit(1, title="x")
        for query in self._queries_for_one():
            assert store.find(query).executions == ()
        restored = store.untrash(1)
        assert (restored.deleted_at, restored.status) == (None, ended.status)
        for query in self._queries_for_one():
            assert store.find(query).executions == (restored,)
        assert store.untrash(1) == restored
