"""The store against the simplest thing that could be right: a list in memory."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from jupyter_async_exec.core.events import (
    AttemptReturned,
    CellFinished,
    CellStarted,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    MetricRecorded,
)
from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.core.transitions import apply
from jupyter_async_exec.errors import ConflictError
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission
from tests.store.emptying import empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

INDEX = st.integers(0, 5)
TAGS = ("a", "b")
NOTEBOOKS = ("x.ipynb", "y.ipynb")
EVENTS: tuple[Event, ...] = (
    AttemptReturned(at=SOME_MOMENT),
    ExecutionStarted(at=SOME_MOMENT, cells_total=2),
    CellStarted(at=SOME_MOMENT, cell_index=0),
    CellFinished(at=SOME_MOMENT, cell_index=0),
    MetricRecorded(at=SOME_MOMENT, name="loss", value=0.5),
    ExecutionFinished(at=SOME_MOMENT, status=Status.SUCCEEDED),
    ExecutionFinished(at=SOME_MOMENT, status=Status.FAILED, message="Broken."),
    ExecutionFinished(at=SOME_MOMENT, status=Status.CANCELLED),
)


class StoreAgainstModel(RuleBasedStateMachine):
    """Every change is made to both; in the end, every list is the same."""

    #: Makes an empty store and returns its address.
    make_empty: ClassVar[Callable[[], str]]

    @initialize()
    def open(self) -> None:
        self.store = ExecutionStore(type(self).make_empty(), clock=lambda: SOME_MOMENT)
        self.model: list[Execution] = []
        self.requests: dict[str, int] = {}

    @rule(
        request=st.sampled_from((None, None, "r1", "r2")),
        tags=st.sets(st.sampled_from(TAGS)),
        notebook=st.sampled_from(NOTEBOOKS),
    )
    def accept(self, request: str | None, tags: set[str], notebook: str) -> None:
        submission = make_submission(
            request_id=request, tags=tuple(sorted(tags)), notebook_path=notebook
        )

        execution, is_new = self.store.accept(submission)

        assert is_new == (request not in self.requests)
        if is_new:
            assert execution.number == len(self.model) + 1
            self.model.append(execution)
            if request is not None:
                self.requests[request] = execution.number
        else:
            assert execution.number == self.requests[request or ""]

    @rule()
    def claim(self) -> None:
        waiting = [each for each in self.model if each.status is Status.QUEUED]

        claimed = self.store.claim(backend="local")

        if waiting:
            assert claimed is not None
            first = waiting[0]
            self._expect(replace(first, status=Status.RUNNING, attempt=first.attempt + 1), claimed)
        else:
            assert claimed is None

    @rule(index=INDEX, events=st.lists(st.sampled_from(EVENTS), max_size=4), late=st.booleans())
    def record(self, index: int, events: list[Event], late: bool) -> None:
        if index >= len(self.model):
            return
        old = self.model[index]
        attempt = old.attempt - 1 if late else old.attempt

        new = self.store.record(old.id, attempt, events)

        if late or old.is_final:
            assert new == old
            return
        expected = old
        for event in events:
            expected = apply(expected, event)
            if expected.status is Status.QUEUED and expected.cancel_requested:
                expected = self._cancelled(expected)
        self._expect(expected, new)

    @rule(index=INDEX)
    def request_cancel(self, index: int) -> None:
        if index >= len(self.model) or self.model[index].deleted_at is not None:
            return
        old = self.model[index]

        new = self.store.request_cancel(old.number)

        if old.is_final:
            assert new == old
        elif old.status is Status.QUEUED:
            self._expect(self._cancelled(replace(old, cancel_requested=True)), new)
        else:
            self._expect(replace(old, cancel_requested=True), new)

    @rule(index=INDEX, starred=st.booleans(), tags=st.sets(st.sampled_from(TAGS)))
    def edit(self, index: int, starred: bool, tags: set[str]) -> None:
        if index >= len(self.model) or self.model[index].deleted_at is not None:
            return
        old, kept = self.model[index], tuple(sorted(tags))

        new = self.store.edit(old.id, starred=starred, tags=kept)

        self._expect(replace(old, starred=starred, tags=kept), new)

    @rule(index=INDEX, back=st.booleans())
    def trash(self, index: int, back: bool) -> None:
        if index >= len(self.model):
            return
        old = self.model[index]
        if back:
            self._expect(replace(old, deleted_at=None), self.store.untrash(old.number))
        elif old.is_final:
            self._expect(replace(old, deleted_at=SOME_MOMENT), self.store.trash(old.number))
        else:
            with pytest.raises(ConflictError):
                self.store.trash(old.number)

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            self._all_lists_are_the_same()
        finally:
            self.store.close()

    def _all_lists_are_the_same(self) -> None:
        live = [each for each in reversed(self.model) if each.deleted_at is None]
        failed = frozenset({Status.FAILED, Status.QUEUED})
        self._compare(ExecutionQuery(), live)
        self._compare(ExecutionQuery(statuses=failed), (e for e in live if e.status in failed))
        self._compare(ExecutionQuery(tag="a"), (e for e in live if "a" in e.tags))
        self._compare(ExecutionQuery(starred=True), (e for e in live if e.starred))
        self._compare(
            ExecutionQuery(text="trai", notebook="x.ipynb", statuses=failed),
            (e for e in live if e.status in failed and e.notebook_path == "x.ipynb"),
        )
        running = [e for e in self.model if e.status is Status.RUNNING]
        assert self.store.running() == running
        assert self.store.changes_since(0) == sorted(self.model, key=lambda e: e.rev)

    def _compare(self, query: ExecutionQuery, expected: Iterable[Execution]) -> None:
        assert list(self.store.find(query).executions) == list(expected)

    def _expect(self, expected: Execution, actual: Execution) -> None:
        old = self.model[actual.number - 1]
        assert replace(actual, rev=0) == replace(expected, rev=0)
        assert (actual.rev == old.rev) == (replace(actual, rev=0) == replace(old, rev=0))
        self.model[actual.number - 1] = actual

    @staticmethod
    def _cancelled(execution: Execution) -> Execution:
        end = ExecutionFinished(
            at=SOME_MOMENT, status=Status.CANCELLED, message="Cancelled before it started."
        )
        return apply(execution, end)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n_examples"), [("sqlite", 300), ("postgresql", 60)])
def test_the_store_does_what_the_model_does(
    kind: str, n_examples: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    def copied() -> str:
        path = tmp_path / "store.sqlite"
        for name in ("", "-wal", "-shm"):
            path.with_name(f"store.sqlite{name}").unlink(missing_ok=True)
        shutil.copy(request.getfixturevalue("empty_store_file"), path)
        return f"sqlite:///{path}"

    def emptied() -> str:
        return empty(request.getfixturevalue("kept_url"))

    StoreAgainstModel.make_empty = staticmethod(copied if kind == "sqlite" else emptied)

    run_state_machine_as_test(
        StoreAgainstModel,
        settings=settings(
            max_examples=n_examples,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
