"""What every execution store must do: inherit, give a `store` fixture, done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import (
    AttemptReturned,
    CancelRequested,
    CellFinished,
    CellStarted,
    ExecutionFinished,
    ExecutionStarted,
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
from jupyter_async_exec.core.preset import Preset
from jupyter_async_exec.errors import ConflictError, InvalidRequestError, NotFoundError
from jupyter_async_exec.store import ExecutionQuery
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue
    from jupyter_async_exec.core.resources import Resources
    from jupyter_async_exec.store import ExecutionStore

STARTED = ExecutionStarted(at=SOME_MOMENT, cells_total=3)
SUCCEEDED = ExecutionFinished(at=SOME_MOMENT, status=Status.SUCCEEDED)
FAILED = ExecutionFinished(at=SOME_MOMENT, status=Status.FAILED, reason=Reason.LOST)
HOSTILE_QUESTIONS = (
    '"', "'", '"*) OR NEAR(', "a AND", "NOT", "OR", "title:x", "^a", "a*b", "-a", "()", "{a b}",
    "a\x00b", "\ud800", "💥", "%", "_", "\\", "; DROP TABLE executions", "a" * 10_000, "\ue001一",
    "#", "##1", "#-1", "#99999999999999999999", "99999999999999999999", "lr=", "=", "=0.1", "+ +",
    ".",    "²", "ß", "İ", "٣", "\u202e", "a\nb",
)  # fmt: skip


def preset(name: str, **parameters: JSONValue) -> Preset:
    """Return a preset."""
    return Preset(name=name, parameters=parameters, updated_at=SOME_MOMENT)


class ExecutionStoreContract:
    """Tests that hold for every store; the subclass has a `store` fixture, empty each time."""

    @pytest.fixture
    def store(self) -> ExecutionStore:
        """Return an empty store; to be overridden."""
        raise NotImplementedError

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

    # ------------------------------------------------------------ lists

    def test_pages_follow_each_other_without_gap_or_overlap(self, store: ExecutionStore) -> None:
        """In both directions, also while others are added."""
        for _ in range(7):
            store.accept(make_submission())

        for newest_first in (True, False):
            numbers: list[int] = []
            cursor = None
            for _ in range(3):
                page = store.find(ExecutionQuery(limit=3, cursor=cursor, newest_first=newest_first))
                numbers += [execution.number for execution in page.executions]
                cursor = page.next_cursor
            assert cursor is None
            assert numbers == sorted(range(1, 8), reverse=newest_first)

    def test_filters_mix(self, store: ExecutionStore) -> None:
        """Each alone and all together."""
        self._ended(store, tags=("t",), sweep_id="s1", notebook_path="a.ipynb", title="alpha")
        store.accept(make_submission(tags=("t",), notebook_path="a.ipynb"))
        store.accept(make_submission(sweep_id="s1", title="alpha beta"))
        store.edit(1, starred=True)
        succeeded, queued = frozenset({Status.SUCCEEDED}), frozenset({Status.QUEUED})

        def found(query: ExecutionQuery) -> list[int]:
            return [execution.number for execution in store.find(query).executions]

        assert found(ExecutionQuery(tag="t")) == [2, 1]
        assert found(ExecutionQuery(tag="T")) == []
        assert found(ExecutionQuery(sweep="s1")) == [3, 1]
        assert found(ExecutionQuery(notebook="a.ipynb")) == [2, 1]
        assert found(ExecutionQuery(starred=True)) == [1]
        assert found(ExecutionQuery(starred=False)) == [3, 2]
        assert found(ExecutionQuery(statuses=queued)) == [3, 2]
        assert found(ExecutionQuery(statuses=succeeded | queued)) == [3, 2, 1]
        assert found(ExecutionQuery(statuses=frozenset(Status))) == [3, 2, 1]
        assert found(ExecutionQuery(notebook="a.ipynb", statuses=queued)) == [2]
        assert found(ExecutionQuery(tag="t", sweep="s1")) == [1]
        assert found(ExecutionQuery(text="alpha", statuses=queued)) == [3]
        assert found(ExecutionQuery(text="alpha", starred=False)) == [3]
        assert found(
            ExecutionQuery(
                notebook="a.ipynb",
                statuses=succeeded,
                sweep="s1",
                text="alp",
                tag="t",
                starred=True,
            )
        ) == [1]

    def test_a_changed_status_moves_between_lists(self, store: ExecutionStore) -> None:
        """Also in searches."""
        running = self._running(store)
        failed = frozenset({Status.FAILED})
        assert store.find(ExecutionQuery(statuses=failed, text="train")).executions == ()

        ended = store.record(running.id, 1, (FAILED,))

        assert store.find(ExecutionQuery(statuses=failed)).executions == (ended,)
        assert store.find(ExecutionQuery(statuses=failed, text="train")).executions == (ended,)

    @pytest.mark.parametrize(
        "text",
        [
            "learning_rate", "LEARN", "rate", "tra", "projects/train.ipynb", "0.0", "0.01",
            "learning_rate=0.01", "learning_rate=0.0", "epochs=3", "über", "uber", "Notiz", "best",
            "KeyError", "error", "label", "Cell 7", "cell   failed", "#1", "1", "名前", "前",
            "café",            "hyperparameter_optimisation_study_of_2026", "fresh", "model=Big",
        ],
    )  # fmt: skip
    def test_words_find_it(self, store: ExecutionStore, text: str) -> None:
        """Title, path, note, tags, parameters, message, error, number."""
        running = self._running(
            store,
            title="Über learning_rate 名前 cafe\u0301",
            tags=("best",),
            parameters={"learning_rate": 0.01, "epochs": 3, "model": "big model"},
        )
        store.record(
            running.id,
            1,
            (
                ExecutionFinished(
                    at=SOME_MOMENT,
                    status=Status.FAILED,
                    message="Cell 7 failed.",
                    error=CellError(cell_index=6, ename="KeyError", evalue="'label'"),
                ),
            ),
        )
        store.edit(1, note="eine Notiz, hyperparameter_optimisation_study_of_2026, refresh fresh")

        found = store.find(ExecutionQuery(text=text)).executions

        assert [execution.number for execution in found] == [1]

    @pytest.mark.parametrize("text", ["earning", "zebra", "#2", "learning_rate=0.02", "→", "0.02"])
    def test_other_words_do_not(self, store: ExecutionStore, text: str) -> None:
        """Words are found by their beginning."""
        store.accept(make_submission(title="learning 0.01 → 0.03"))

        assert store.find(ExecutionQuery(text=text)).executions == ()

    def test_old_words_are_forgotten(self, store: ExecutionStore) -> None:
        """After a rename only the new title finds it."""
        store.accept(make_submission(title="before"))

        store.edit(1, title="after")

        assert store.find(ExecutionQuery(text="before")).executions == ()
        assert len(store.find(ExecutionQuery(text="after")).executions) == 1

    @pytest.mark.parametrize("text", HOSTILE_QUESTIONS)
    def test_a_question_is_never_syntax(self, store: ExecutionStore, text: str) -> None:
        """Any characters at all, also beside a filter: an answer, no error."""
        store.accept(make_submission(title="harmless"))

        store.find(ExecutionQuery(text=text))
        store.find(ExecutionQuery(text=text, tag=text, notebook=text, sweep=text))
        store.find(ExecutionQuery(tag=text))
        store.edit(1, title=text, note=text, tags=(text,))

        assert len(store.find(ExecutionQuery()).executions) == 1

    @pytest.mark.parametrize("cursor", ["x", "", "-1", "1.5", "9" * 30, "\ud800", "٣"])
    def test_a_cursor_that_is_none_is_refused(self, store: ExecutionStore, cursor: str) -> None:
        """With a sentence."""
        with pytest.raises(InvalidRequestError, match="cursor"):
            store.find(ExecutionQuery(cursor=cursor))

    @pytest.mark.parametrize("limit", [0, -1, 1_001])
    def test_a_limit_that_is_none_is_refused(self, store: ExecutionStore, limit: int) -> None:
        """With a sentence."""
        with pytest.raises(InvalidRequestError, match="limit"):
            store.find(ExecutionQuery(limit=limit))

    # ------------------------------------------------------------ changes

    def test_every_change_has_a_later_revision(self, store: ExecutionStore) -> None:
        """A reader that knows revision n asks for what came after."""
        self._ended(store)
        store.accept(make_submission())
        rev = store.last_rev()

        store.edit(1, title="x")
        store.accept(make_submission())
        store.trash(1)

        changed = store.changes_since(rev)
        assert [execution.number for execution in changed] == [3, 1]
        assert changed[-1].rev == store.last_rev()
        assert store.changes_since(store.last_rev()) == []
        assert [each.number for each in store.changes_since(0, limit=1)] == [2]

    def test_lists_leave_out_what_may_be_megabytes(self, store: ExecutionStore) -> None:
        """Artifacts and provenance are for whoever asks for the one execution."""
        ended = self._ended(store, provenance={"notes": ["far from here"]})

        (listed,) = store.find(ExecutionQuery()).executions

        assert ended.provenance == {"notes": ["far from here"]}
        assert listed == replace(ended, provenance={}, artifacts=())
        assert store.changes_since(0) == [listed]
        assert store.get(1) == ended

    def test_the_data_version_tells_that_something_changed(self, store: ExecutionStore) -> None:
        """And that nothing did."""
        before = store.data_version()
        assert store.data_version() == before

        store.accept(make_submission())

        assert store.data_version() != before

    def test_counts_and_running(self, store: ExecutionStore) -> None:
        """What is not over yet."""
        self._ended(store)
        self._running(store)
        store.accept(make_submission(backend="dask"))
        store.accept(make_submission(backend="dask"))
        dask = store.claim(backend="dask")

        assert (store.counts().queued, store.counts().running) == (1, 2)
        assert store.queued_count() == 1
        assert [execution.number for execution in store.running()] == [2, 3]
        assert store.running(backend="dask") == [dask]
        assert store.count_running() == {"local": 1, "dask": 1}

    def test_what_runs_and_is_to_end_is_known(self, store: ExecutionStore) -> None:
        """Not what waited, which is over at once."""
        running = self._running(store)
        store.accept(make_submission())
        assert store.find_unwanted() == []

        store.request_cancel(1)
        store.request_cancel(2)

        assert store.find_unwanted() == [(running.id, 1)]

    def test_everything_can_be_walked_through(self, store: ExecutionStore) -> None:
        """The trash too."""
        self._ended(store)
        store.accept(make_submission())
        store.trash(1)

        assert [execution.number for execution in store.iterate()] == [1, 2]

    # ------------------------------------------------------------ settings

    def test_a_setting_is_what_was_set_last(self, store: ExecutionStore) -> None:
        """None before."""
        assert store.settings.get("slots") is None

        store.settings.put("slots", 4)
        store.settings.put("slots", {"local": 2})

        assert store.settings.get("slots") == {"local": 2}

    # ------------------------------------------------------------ presets

    def test_a_preset_gives_way_to_one_of_its_name(self, store: ExecutionStore) -> None:
        """By name, as many as there may be."""
        presets = store.presets

        kept = [presets.put("a.ipynb", preset(n, x=i), at_most=2) for i, n in enumerate("bab")]

        assert kept == [True] * 3
        assert not presets.put("a.ipynb", preset("c"), at_most=2)
        assert presets.all("a.ipynb") == [preset("a", x=1), preset("b", x=2)]
        assert presets.delete("a.ipynb", "a")
        assert not presets.delete("a.ipynb", "a")

    def test_presets_follow_a_folder_and_replace_what_is_in_the_way(
        self, store: ExecutionStore
    ) -> None:
        """What is elsewhere stays."""
        for path, name in (
            ("old/a.ipynb", "moved"), ("old/b/c.ipynb", "moved"), ("older.ipynb", "other"),
            ("new/a.ipynb", "moved"), ("new/a.ipynb", "stays"),
        ):  # fmt: skip
            store.presets.put(path, preset(name, path=path), at_most=9)

        n_moved = store.presets.move("old", "new")

        assert n_moved == 2
        assert store.presets.all("new/a.ipynb") == [
            preset("moved", path="old/a.ipynb"),
            preset("stays", path="new/a.ipynb"),
        ]
        assert len(store.presets.all("new/b/c.ipynb")) == len(store.presets.all("older.ipynb")) == 1
        assert store.presets.all("old/a.ipynb") == []

    # ------------------------------------------------------------ what may go

    def test_what_may_go_goes_with_all_that_belongs_to_it(self, store: ExecutionStore) -> None:
        """Its number is never given again."""
        self._ended(store, tags=("t",))
        self._ended(store)
        store.edit(1, starred=True)
        store.collect.note_uses([1, 2, 99])
        store.collect.note_uses([2])

        may_go = [each.number for each in store.collect.collectable()]
        n_moved = store.collect.trash([1, 2])
        n_removed = store.collect.remove([1, 2])

        assert (may_go, n_moved, n_removed) == ([2], 1, 1)
        assert [each.number for each in store.iterate()] == [1]
        assert store.accept(make_submission())[0].number == 3

    # ------------------------------------------------------------ health

    def test_a_sound_store_has_nothing_to_complain_of(self, store: ExecutionStore) -> None:
        """Also after everything that can be made again was."""
        running = self._running(store, tags=("t",), parameters={"lr": 0.01})
        store.record(running.id, 1, (STARTED, SUCCEEDED))
        store.accept(make_submission())
        health = store.health

        for _ in range(2):
            assert health.complaints() == []
            assert (health.misindexed(), health.endless()) == ([], [])
            assert (health.is_search_sound(), health.rev_behind()) == (True, False)
            health.rebuild_indexes()
            assert health.rebuild_search() == 2
            health.catch_up_rev()
        assert [number for number, _ in health.walk()] == [1, 2]
        assert len(store.find(ExecutionQuery(text="train")).executions) == 2

    # ------------------------------------------------------------ helpers

    @staticmethod
    def _running(store: ExecutionStore, **changes: object) -> Execution:
        store.accept(make_submission(**changes))
        claimed = store.claim(backend="local")
        assert claimed is not None
        return claimed

    @classmethod
    def _ended(cls, store: ExecutionStore, **changes: object) -> Execution:
        running = cls._running(store, **changes)
        return store.record(running.id, running.attempt, (SUCCEEDED,))

    @staticmethod
    def _queries_for_one() -> list[ExecutionQuery]:
        return [
            ExecutionQuery(),
            ExecutionQuery(text="train"),
            ExecutionQuery(text="#1"),
            ExecutionQuery(tag="t"),
            ExecutionQuery(starred=True),
            ExecutionQuery(notebook="projects/train.ipynb"),
            ExecutionQuery(statuses=frozenset({Status.SUCCEEDED})),
        ]
