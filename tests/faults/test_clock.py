"""A clock that jumps forward and back: order stays, no duration is negative, nothing is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.clock import parse_at, utc_now
from jupyter_async_exec.core.events import (
    AttemptClaimed,
    CellFinished,
    CellStarted,
    ExecutionFinished,
    ExecutionStarted,
)
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.transitions import apply
from jupyter_async_exec.dispatcher import Dispatcher
from jupyter_async_exec.runner.journal import JournalWriter, iterate_journal
from jupyter_async_exec.runner.result import conclude
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import make_execution, make_submission
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from pathlib import Path

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


class JumpingClock:
    """Goes forward and back by hours, a minute further each time it is asked."""

    def __init__(self) -> None:
        self._n_asked = 0

    def __call__(self) -> datetime:
        self._n_asked += 1
        jump = timedelta(hours=(0, -5, 7, -30, 2)[self._n_asked % 5], minutes=self._n_asked)
        return utc_now() + jump


@given(created=MOMENTS, started=MOMENTS, finished=MOMENTS)
def test_no_duration_is_negative(created: datetime, started: datetime, finished: datetime) -> None:
    execution = make_execution(created_at=created)
    for event in (
        AttemptClaimed(at=created, attempt=1),
        ExecutionStarted(at=started, cells_total=1),
        CellStarted(at=started, cell_index=0),
        CellFinished(at=finished, cell_index=0),
        ExecutionFinished(at=finished, status=Status.SUCCEEDED),
    ):
        execution = apply(execution, event)

    assert execution.started_at is not None
    assert execution.finished_at is not None
    assert execution.created_at <= execution.started_at <= execution.finished_at


def test_a_journal_never_goes_back_in_time(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal.jsonl", clock=JumpingClock())
    for kind in ("execution_started", "cell_started", "cell_finished", "execution_finished") * 3:
        fields = {"cells_total": 1, "cell_index": 0, "status": "succeeded"}
        writer.append(writer.stamp(kind, fields))
    writer.close()

    records = list(iterate_journal(tmp_path / "journal.jsonl"))

    moments = [parse_at(record["at"]) for record in records]
    assert all(before <= after for before, after in pairwise(moments))
    result = conclude(records, evidence={}, attempt=1)
    assert result.started_at is not None
    assert result.started_at <= result.finished_at


async def test_executions_under_a_jumping_clock_keep_their_order_and_are_never_lost(
    tmp_path: Path,
) -> None:
    clock = JumpingClock()
    store = ExecutionStore(f"sqlite:///{tmp_path / 'store.sqlite'}", clock=clock)
    backend = ScriptedBackend()
    dispatcher = Dispatcher(
        store=store,
        backends={"local": backend},
        lock_path=tmp_path / "dispatcher.lock",
        slots=lambda: 1,
        clock=clock,
    )
    for _ in range(4):
        store.accept(make_submission(created_at=clock()))

    dispatcher.start()
    dispatcher.wake()
    async with asyncio.timeout(20):
        for number in range(1, 5):
            while number not in backend.attempts_by_number:
                await asyncio.sleep(0.01)
            backend.attempts_by_number[number].events.append(
                ExecutionStarted(at=clock(), cells_total=1)
            )
            backend.end(number)
        while store.counts().running or store.counts().queued:
            await asyncio.sleep(0.01)
    await dispatcher.stop()
    page = store.find(ExecutionQuery())
    store.close()

    assert [each.number for each in page.executions] == [4, 3, 2, 1]
    assert [key.execution_id for key in backend.started] == [
        each.id for each in reversed(page.executions)
    ]
    for each in page.executions:
        assert each.status is Status.SUCCEEDED
        assert each.started_at is not None
        assert each.finished_at is not None
        assert each.created_at <= each.started_at <= each.finished_at
