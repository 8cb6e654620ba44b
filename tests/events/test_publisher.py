"""The bus hears every change of status at once, and progress once a second."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_events import EventLogger

from jupyter_async_exec.core.access import Access, Team
from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.core.sweeps import SweepCounts
from jupyter_async_exec.events import SCHEMA_ID, Publisher
from jupyter_async_exec.events.publisher import SWEEP_SCHEMA_ID
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_execution, make_sweep

if TYPE_CHECKING:
    from collections.abc import Callable


class Bus:
    """Collects events; its time stands still until it is told to pass."""

    def __init__(self, access: Access | None = None, *, is_for_many: bool = False) -> None:
        self.events: list[dict[str, Any]] = []
        self.sweep_events: list[dict[str, Any]] = []
        self.now_s = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.publisher = Publisher(
            self.emit,
            boot_id="boot",
            access=access,
            is_for_many=is_for_many,
            monotonic=lambda: self.now_s,
            call_later=lambda wait_s, call: self.timers.append((self.now_s + wait_s, call)),
        )

    def emit(self, schema_id: str, data: dict[str, Any]) -> None:
        assert schema_id in (SCHEMA_ID, SWEEP_SCHEMA_ID)
        events = self.events if schema_id == SCHEMA_ID else self.sweep_events
        events.append(data)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        due = [call for at_s, call in self.timers if at_s <= self.now_s]
        self.timers = [(at_s, call) for at_s, call in self.timers if at_s > self.now_s]
        for call in due:
            call()

    @property
    def done(self) -> list[int]:
        return [event["progress"]["cells_done"] for event in self.events]


@pytest.fixture
def bus() -> Bus:
    return Bus()


def running(cells_done: int = 0, **changes: Any) -> Execution:
    fields: dict[str, Any] = {
        "id": "ab" * 16,
        "number": 7,
        "status": Status.RUNNING,
        "cells_done": cells_done,
        "cells_total": 9,
        "rev": 10 + cells_done,
    }
    return make_execution(**{**fields, **changes})


def test_an_event_says_where_it_stands_and_nothing_else(bus: Bus) -> None:
    bus.publisher.publish([running(3, current_cell=5, sweep_id="s")])

    assert bus.events == [
        {
            "id": "ab" * 16,
            "number": 7,
            "status": "running",
            "progress": {"cells_done": 3, "cells_total": 9, "current_cell": 5},
            "sweep": "s",
            "deleted": False,
            "rev": 1,
            "boot_id": "boot",
        }
    ]


def test_progress_is_told_once_a_second_and_the_last_is_not_lost(bus: Bus) -> None:
    for cells_done in range(5):
        bus.publisher.publish([running(cells_done)])
        bus.now_s += 0.125
    assert bus.done == [0]

    bus.wait(0.375)
    assert bus.done == [0, 4]

    bus.wait(60.0)
    assert bus.done == [0, 4]


def test_progress_after_a_quiet_second_is_told_at_once(bus: Bus) -> None:
    bus.publisher.publish([running(0)])
    bus.wait(1.0)

    bus.publisher.publish([running(1)])

    assert bus.done == [0, 1]


def test_an_end_is_told_at_once_and_overtakes_waiting_progress(bus: Bus) -> None:
    bus.publisher.publish([running(0), running(1)])

    bus.publisher.publish([running(2, status=Status.SUCCEEDED)])
    bus.wait(5.0)

    assert [event["status"] for event in bus.events] == ["running", "succeeded"]
    assert bus.done == [0, 2]


def test_trash_and_back_are_told_at_once(bus: Bus) -> None:
    ended = running(9, status=Status.SUCCEEDED)

    bus.publisher.publish([ended])
    bus.publisher.publish([replace(ended, deleted_at=SOME_MOMENT, rev=20)])
    bus.publisher.publish([replace(ended, rev=21)])

    assert [event["deleted"] for event in bus.events] == [False, True, False]


def test_a_new_title_is_news_too(bus: Bus) -> None:
    ended = running(9, status=Status.SUCCEEDED)
    bus.publisher.publish([ended])

    bus.publisher.publish([replace(ended, title="New", rev=20)])
    bus.wait(1.0)

    assert len(bus.events) == 2


def test_the_same_or_an_older_revision_is_no_news(bus: Bus) -> None:
    bus.publisher.publish([running(5), running(5), running(4, status=Status.QUEUED)])
    bus.wait(5.0)

    assert bus.done == [5]


def test_revisions_have_no_gaps(bus: Bus) -> None:
    assert bus.publisher.rev == 0

    for step in range(50):
        bus.publisher.publish(
            [running(step, id=f"{n:032x}", status=list(Status)[step % 5]) for n in range(3)]
        )
        bus.wait(0.3)

    assert [event["rev"] for event in bus.events] == list(range(1, len(bus.events) + 1))
    assert bus.publisher.rev == len(bus.events)


def test_each_execution_has_its_own_second(bus: Bus) -> None:
    first, second = "1" * 32, "2" * 32
    bus.publisher.publish([running(0, id=first)])
    bus.wait(0.5)
    bus.publisher.publish([running(0, id=second), running(1, id=first), running(1, id=second)])

    assert bus.publisher.flush_due() == pytest.approx(0.5)
    bus.wait(0.5)
    assert [event["id"] for event in bus.events] == [first, second, first]
    bus.wait(0.5)
    assert [event["id"] for event in bus.events] == [first, second, first, second]
    assert bus.publisher.flush_due() is None


def test_what_is_due_at_once_is_sent_one_by_one(bus: Bus) -> None:
    ids = [f"{n:032x}" for n in range(3)]
    bus.publisher.publish([running(0, id=each) for each in ids])
    bus.publisher.publish([running(1, id=each) for each in ids])
    bus.now_s += 1.0
    del bus.events[:]

    waits = [bus.publisher.flush_due() for _ in ids]

    assert waits == [0.0, 0.0, None]
    assert [event["id"] for event in bus.events] == ids


async def test_the_servers_event_logger_takes_it() -> None:
    stream = StringIO()
    logger = EventLogger(handlers=[logging.StreamHandler(stream)])
    publisher = Publisher(logger, boot_id="boot")
    Publisher(logger, boot_id="again")

    publisher.publish([running(1), running(2)])
    await asyncio.sleep(0)
    publisher.publish([running(3, status=Status.FAILED, deleted_at=SOME_MOMENT)])

    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["__schema__"] for event in events] == [SCHEMA_ID, SCHEMA_ID]
    assert [event["status"] for event in events] == ["running", "failed"]


def test_a_sweep_that_ends_is_told_without_a_gap_for_who_follows_executions(bus: Bus) -> None:
    bus.publisher.publish([running(rev=1)])
    counts = SweepCounts(succeeded=23, failed=1)
    sweep = make_sweep(counts=counts, finished_at=SOME_MOMENT, first_number=18, last_number=41)

    bus.publisher.publish_sweeps([sweep])
    bus.publisher.publish([running(rev=2, status=Status.SUCCEEDED)])

    (event,) = bus.sweep_events
    assert (event["status"], event["finished"], event["rev"]) == ("failed", True, 1)
    assert (event["first_number"], event["counts"]["succeeded"]) == (18, 23)
    assert [each["rev"] for each in bus.events] == [1, 2]


def test_nobody_hears_of_what_belongs_to_others() -> None:
    bus = Bus(Access(user="ada", team=Team.NONE))

    bus.publisher.publish([running(submitted_by="bob"), running(id="cd" * 16, submitted_by="ada")])
    bus.publisher.publish_sweeps([make_sweep(submitted_by="bob")])

    assert [(event["id"], event["rev"]) for event in bus.events] == [("cd" * 16, 1)]
    assert bus.sweep_events == []


def test_several_people_hear_only_that_something_changed() -> None:
    bus = Bus(Access(team=Team.NONE), is_for_many=True)

    bus.publisher.publish([running(3, number=7, submitted_by="bob", sweep_id="s")])
    bus.publisher.publish([running(3, number=8, id="cd" * 16, submitted_by="")])

    hidden, shown = bus.events
    # A gap: whoever hears of it asks for the list.
    assert (hidden["id"], hidden["number"], hidden["sweep"]) == ("0" * 32, 0, None)
    assert (hidden["status"], hidden["deleted"], hidden["rev"]) == ("cancelled", True, 2)
    assert (shown["number"], shown["rev"]) == (8, 3)
