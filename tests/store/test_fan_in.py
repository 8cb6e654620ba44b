"""Executions that wait for others, in the store: started, held up and ended in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.events import Event, ExecutionFinished, ExecutionStarted
from jupyter_async_exec.core.execution import Collect, Execution, Hold, Status
from jupyter_async_exec.core.sweeps import SweepCounts
from jupyter_async_exec.store import ExecutionStore, codec
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission, make_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = SOME_MOMENT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def store(store_url: str, clock: Hands) -> Iterator[ExecutionStore]:
    store = ExecutionStore(store_url, clock=clock)
    yield store
    store.close()


def accept(store: ExecutionStore, **changes: Any) -> Execution:
    return store.accept(make_submission(**changes))[0]


def end(store: ExecutionStore, number: int, status: Status = Status.SUCCEEDED) -> Execution:
    execution = store.get(number)
    event: Event = ExecutionFinished(at=SOME_MOMENT, status=status)
    return store.record(execution.id, execution.attempt, (event,))


def claim(store: ExecutionStore) -> int | None:
    execution = store.claim(backend="local")
    return None if execution is None else execution.number


def collecting(*others: Execution, **changes: Any) -> Collect:
    return Collect(executions=tuple(each.id for each in others), **changes)


def make_content(*numbers: int) -> dict[str, Any]:
    return {"value": [{"number": n} for n in numbers], "files": [], "note": None}


def test_one_that_waits_is_never_claimed_and_holds_up_nobody(store: ExecutionStore) -> None:
    first = accept(store)
    waiting = accept(store, after=(first.id,))
    accept(store)

    assert (waiting.hold, waiting.waits_for) == (Hold.OTHERS, "Waits for #1.")
    assert [claim(store) for _ in range(3)] == [1, 3, None]

    end(store, 1)

    assert claim(store) == 2
    released = store.get(2)
    assert (released.hold, released.waits_for, released.after) == (None, None, (first.id,))


def test_the_sentence_tells_how_far_the_others_are_as_a_change(store: ExecutionStore) -> None:
    both = [accept(store), accept(store)]
    waiting = accept(store, collect=collecting(*both))

    end(store, 2, Status.FAILED)

    now = store.get(3)
    assert now.waits_for == "Waits for #1 and #2, 1 of 2 done."
    assert now.rev > waiting.rev
    assert now.rev in {each.rev for each in store.changes_since(waiting.rev)}


def test_the_end_of_one_ends_a_whole_chain_behind_it(store: ExecutionStore) -> None:
    last = accept(store)
    for _ in range(30):
        last = accept(store, after=(last.id,))

    store.request_cancel(1)

    ended = store.get(last.number)
    assert (ended.status, ended.hold, ended.cancel_requested) == (Status.CANCELLED, None, False)
    assert (
        ended.message == f"Not started: #{last.number - 1}, which it was to follow, was cancelled."
    )
    assert store.counts().queued == 0
    assert store.health.endless() == []


def test_it_is_decided_at_acceptance_where_all_is_over_already(store: ExecutionStore) -> None:
    good, bad = accept(store), accept(store)
    end(store, 1)
    end(store, 2, Status.FAILED)

    assert accept(store, after=(good.id,)).hold is None
    assert accept(store, collect=collecting(good, bad)).hold is None
    assert accept(store, after=(good.id, bad.id)).status is Status.CANCELLED


def test_one_that_is_deleted_is_waited_for_no_longer(store: ExecutionStore) -> None:
    both = [accept(store), accept(store)]
    end(store, 1)
    waiting = accept(store, collect=collecting(*both))
    store.trash(1)

    assert store.get(waiting.id).waits_for == "Waits for #2, 0 of 1 done."

    store.untrash(1)
    end(store, 2, Status.CANCELLED)

    assert store.get(waiting.id).hold is None
    assert [each.number for each in store.fan_in.sources(waiting) if each.is_usable] == [1]


def test_the_first_k_are_enough(store: ExecutionStore) -> None:
    three = [accept(store) for _ in range(3)]
    waiting = accept(store, collect=collecting(*three, first=2))

    end(store, 3)
    assert store.get(waiting.id).hold is Hold.OTHERS
    end(store, 1)

    assert store.get(waiting.id).hold is None


def test_a_moment_is_waited_for_and_known_to_who_asks(store: ExecutionStore, clock: Hands) -> None:
    two = [accept(store), accept(store)]
    waiting = accept(store, collect=collecting(*two, within_s=60.0))
    assert store.fan_in.next_due() == SOME_MOMENT + timedelta(seconds=60)
    end(store, 2)

    clock.now = SOME_MOMENT + timedelta(seconds=59)
    store.fan_in.consider_due()
    assert store.get(waiting.id).hold is Hold.OTHERS
    clock.now = SOME_MOMENT + timedelta(seconds=60)
    store.fan_in.consider_due()

    assert store.get(waiting.id).hold is None
    assert store.fan_in.next_due() is None


def test_a_moment_that_has_come_is_not_waited_for_again_and_again(
    store: ExecutionStore, clock: Hands
) -> None:
    before, collected = accept(store), accept(store)
    its = collecting(collected, within_s=60.0)
    waiting = accept(store, after=(before.id,), collect=its)
    end(store, 2)

    clock.now = SOME_MOMENT + timedelta(seconds=61)
    store.fan_in.consider_due()

    assert store.fan_in.next_due() is None
    assert store.get(waiting.id).hold is Hold.OTHERS


def test_a_moment_counts_though_what_comes_before_is_recorded_late(
    store: ExecutionStore, clock: Hands
) -> None:
    before, collected = accept(store), accept(store)
    accept(store)
    its = Collect(executions=(collected.id, store.get(3).id), within_s=60.0)
    waiting = accept(store, after=(before.id,), collect=its)
    end(store, 2)
    clock.now = SOME_MOMENT + timedelta(seconds=61)
    store.fan_in.consider_due()

    # It ended before that moment, which is known only now.
    end(store, 1)
    assert store.fan_in.next_due() == SOME_MOMENT + timedelta(seconds=60)
    store.fan_in.consider_due()

    assert store.get(waiting.id).hold is None


def test_a_sweep_and_what_collects_it_are_accepted_together(store: ExecutionStore) -> None:
    earlier = accept(store)
    end(store, 1)
    sweep = make_sweep(request_id="once")
    members = [make_submission(sweep_id=sweep.id, parameters={"x": x}) for x in range(3)]
    sweep = replace(sweep, canary_id=members[0].id)
    then = make_submission(collect=Collect(sweep_id=sweep.id))

    store.sweeps.accept(sweep, members, reused=[earlier.number], then=then)
    store.sweeps.accept(sweep, members, reused=[earlier.number], then=then)

    (waiting,) = store.fan_in.collecting_sweep(sweep.id)
    assert (waiting.number, waiting.waits_for) == (5, "Waits for #1\u20134, 1 of 4 done.")
    # The others are not started, and nothing more is to be waited for.
    end(store, 2, Status.FAILED)
    assert [store.get(number).status for number in (3, 4)] == [Status.CANCELLED] * 2
    assert claim(store) == 5


def test_what_is_added_to_a_sweep_is_waited_for_too(store: ExecutionStore) -> None:
    sweep = make_sweep()
    store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id, parameters={"x": 1})])
    waiting = accept(store, collect=Collect(sweep_id=sweep.id))
    store.sweeps.add(sweep.id, [make_submission(sweep_id=sweep.id, parameters={"x": 2})])

    end(store, 1)
    assert store.get(waiting.id).waits_for == "Waits for #1 and #3, 1 of 2 done."
    end(store, 3)

    assert store.get(waiting.id).hold is None


def test_what_it_is_handed_is_sealed_once_and_part_of_its_record(store: ExecutionStore) -> None:
    first = accept(store)
    end(store, 1)
    collect = accept(store, parameters={"top": 3}, collect=collecting(first))

    sealed = store.fan_in.hand_over(collect.id, make_content(1))
    again = store.fan_in.hand_over(collect.id, make_content(1, 2))

    assert sealed.parameters == {"top": 3, "executions": [{"number": 1}]}
    assert again == sealed
    assert store.get(2).parameters == sealed.parameters
    # Lists would be megabytes.
    assert store.get_all([2])[0].parameters == {"top": 3}
    relations = store.fan_in.relations(first)
    assert [each.number for each in relations.collected_by] == [2]
    assert [each.number for each in store.fan_in.relations(sealed).collects] == [1]
    end(store, 2)
    assert store.health.misindexed() == []


def test_progress_does_not_write_what_it_was_handed_again(
    store: ExecutionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(store)
    end(store, 1)
    collect = accept(store, collect=Collect(executions=(store.get(1).id,)))
    claim(store)
    content = make_content(1)
    store.fan_in.hand_over(collect.id, content)
    written: list[str] = []
    dump_json = codec.dump_json

    def dump_and_note(value: object) -> str:
        written.append(dump_json(value))
        return written[-1]

    monkeypatch.setattr(codec, "dump_json", dump_and_note)
    event = ExecutionStarted(at=SOME_MOMENT, cells_total=3)
    recorded = store.record(collect.id, 1, (event,))

    assert written
    assert not [each for each in written if '"number":1' in each]
    assert recorded == store.get(collect.id)
    assert recorded.parameters["executions"] == content["value"]
    assert recorded.provenance["handed"] == content


def test_files_that_were_handed_over_are_referred_to_as_long_as_the_collect_is_there(
    store: ExecutionStore,
) -> None:
    first = accept(store)
    end(store, 1)
    collect = accept(store, collect=collecting(first))
    content = {**make_content(1), "files": [{"path": "a", "object_id": "ab" * 32}]}

    store.fan_in.hand_over(collect.id, content)

    assert "ab" * 32 in set(store.referenced_objects())


def test_both_directions_are_known(store: ExecutionStore) -> None:
    first = accept(store)
    second = accept(store, after=(first.id,))
    third = accept(store, collect=collecting(first, second))

    found = store.fan_in.relations(first)

    assert [each.number for each in found.then] == [2]
    assert [each.number for each in found.collected_by] == [3]
    assert [each.number for each in store.fan_in.relations(second).after] == [1]
    assert [each.number for each in store.fan_in.relations(third).collects] == [1, 2]


def test_everything_that_waits_can_be_looked_at_again(store: ExecutionStore, clock: Hands) -> None:
    first = accept(store)
    waiting = accept(store, collect=collecting(first, within_s=1.0))
    clock.now = SOME_MOMENT + timedelta(hours=1)

    store.fan_in.consider_all()

    ended = store.get(waiting.id)
    assert ended.status is Status.CANCELLED
    assert ended.message is not None
    assert ended.message.endswith("succeeded in time.")


def test_a_search_is_collected_when_nothing_more_is_to_come(store: ExecutionStore) -> None:
    sweep = make_sweep(counts=SweepCounts(to_come=2))
    store.sweeps.accept(sweep, [make_submission(sweep_id=sweep.id, parameters={"x": 1})])
    waiting = accept(store, collect=Collect(sweep_id=sweep.id))
    end(store, 1)

    assert store.get(waiting.id).waits_for == "Waits for #1 and 2 more to come, 1 of 3 done."

    assert store.sweeps.choose(sweep.id, (), to_come=2) == []

    assert store.get(waiting.id).hold is None


def test_what_is_waited_for_is_not_removed_meanwhile(store: ExecutionStore) -> None:
    first, second = accept(store), accept(store)
    end(store, 1)
    waiting = accept(store, collect=collecting(first, second))

    assert store.collect.collectable() == []
    store.trash(1)
    assert store.collect.remove([1]) == 0

    store.request_cancel(waiting.id)

    assert [each.number for each in store.collect.collectable()] == [1, 3]
    assert store.collect.remove([1]) == 1
