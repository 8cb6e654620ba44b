"""What every execution store must do with what it holds; part of the store's contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import (
    ExecutionFinished,
    ExecutionStarted,
)
from jupyter_async_exec.core.execution import (
    CellError,
    Execution,
    Reason,
    Status,
)
from jupyter_async_exec.core.preset import Preset
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.store import ExecutionQuery
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue
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


class StoreListContract:
    """Lists, changes, what is kept beside executions, and what may go."""

    @pytest.fixture
    def store(self) -> ExecutionStore:
        """Return an empty store; to be overridden."""
        raise NotImplementedError

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

    def test_the_newest_of_a_notebook_is_the_first_of_its_page(self, store: ExecutionStore) -> None:
        for path in ("a.ipynb", "b.ipynb", "a.ipynb", "a.ipynb"):
            store.accept(make_submission(notebook_path=path, submitted_by="ann"))
        store.accept(make_submission(notebook_path="a.ipynb", submitted_by="bob"))
        store.trash(store.request_cancel(4).id)

        def newest(path: str, owner: str | None = None) -> int | None:
            found = store.find_newest(path, owner=owner)
            return None if found is None else found.number

        assert [newest("a.ipynb"), newest("b.ipynb"), newest("c.ipynb")] == [5, 2, None]
        assert [newest("a.ipynb", "ann"), newest("a.ipynb", "bob")] == [3, 5]
        assert newest("b.ipynb", "bob") is None

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
