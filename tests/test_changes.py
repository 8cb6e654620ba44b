"""What changed in the store is passed on: once, in order, without holding up the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec import changes
from jupyter_async_exec.changes import ChangeFeed
from jupyter_async_exec.testing.factories import make_submission, make_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.store import ExecutionStore

DEADLINE_S = 30.0


class Ear:
    """Notes what it is told, and who else had a turn meanwhile."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.turns: list[str] = []

    def __call__(self, executions: Sequence[Execution]) -> None:
        self.numbers += [execution.number for execution in executions]
        self.turns.append("event")

    def tick(self) -> None:
        self.turns.append("tick")
        asyncio.get_running_loop().call_soon(self.tick)


async def follow(feed: ChangeFeed, is_enough: Callable[[], bool]) -> None:
    feed.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not is_enough():
                feed.wake()
                await asyncio.sleep(0.01)
    finally:
        await feed.stop()


def started(store: ExecutionStore, ear: Ear) -> ChangeFeed:
    """Return a feed that has looked once, so that all that follows is news."""
    feed = ChangeFeed(store, ear)
    assert feed._look() == []
    return feed


def test_every_execution_of_a_burst_is_told_in_order(
    store: ExecutionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "BATCH", 7)
    ear = Ear()
    feed = started(store, ear)
    for _ in range(30):
        store.accept(make_submission())

    asyncio.run(follow(feed, lambda: len(ear.numbers) >= 30))

    assert ear.numbers == list(range(1, 31))


def test_of_several_changes_only_the_last_is_told(store: ExecutionStore) -> None:
    ear = Ear()
    feed = started(store, ear)
    for _ in range(2):
        store.accept(make_submission())
    store.edit(1, title="other")
    store.edit(1, title="another")

    asyncio.run(follow(feed, lambda: len(ear.numbers) >= 2))

    assert ear.numbers == [2, 1]


def test_others_have_their_turn_between_two_changes_of_a_burst(store: ExecutionStore) -> None:
    ear = Ear()
    feed = started(store, ear)
    for _ in range(20):
        store.accept(make_submission())

    async def main() -> None:
        asyncio.get_running_loop().call_soon(ear.tick)
        await follow(feed, lambda: len(ear.numbers) >= 20)

    asyncio.run(main())

    assert all(pair != ("event", "event") for pair in zip(ear.turns, ear.turns[1:], strict=False))


def test_a_listener_that_fails_hears_of_the_next_change(
    store: ExecutionStore, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []

    def listen(executions: Sequence[Execution]) -> None:
        if not caplog.records:
            raise ValueError("deaf")
        heard.extend(execution.number for execution in executions)

    feed = ChangeFeed(store, listen)
    feed._look()
    store.accept(make_submission())

    async def main() -> None:
        feed.start()
        async with asyncio.timeout(DEADLINE_S):
            while not heard:
                if caplog.records:
                    await asyncio.to_thread(store.accept, make_submission())
                feed.wake()
                await asyncio.sleep(0.01)
        await feed.stop()

    asyncio.run(main())

    assert 1 not in heard
    assert "deaf" in caplog.text


async def test_a_sweep_is_told_after_its_executions_at_its_start_and_its_end(
    store: ExecutionStore,
) -> None:
    told: list[str] = []
    feed = ChangeFeed(
        store,
        lambda executions: told.extend(f"#{each.number} {each.status}" for each in executions),
        lambda sweeps: told.extend(f"sweep {each.status}" for each in sweeps),
    )
    assert feed._look() == []
    sweep = make_sweep()
    store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id) for _ in range(2)])
    await follow(feed, lambda: "sweep queued" in told)

    store.sweeps.cancel(sweep.id)
    await follow(feed, lambda: "sweep cancelled" in told)

    assert told == [
        "#1 queued", "#2 queued", "sweep queued", "#1 cancelled", "#2 cancelled", "sweep cancelled",
    ]  # fmt: skip


@pytest.mark.parametrize("n_turns", range(4))
async def test_it_stops_although_something_changes_in_the_same_moment(
    store: ExecutionStore, n_turns: int
) -> None:
    feed = ChangeFeed(store, lambda _: None)
    feed.start()
    async with asyncio.timeout(DEADLINE_S):
        while feed._version is None:
            await asyncio.sleep(0.01)

    feed.wake()
    for _ in range(n_turns):
        await asyncio.sleep(0)

    await asyncio.wait_for(feed.stop(), DEADLINE_S)
