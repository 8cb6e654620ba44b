"""Who is chosen to run something, and what is said when nobody is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.dask import roster
from jupyter_async_exec.backends.dask.link import distributed_version
from jupyter_async_exec.backends.dask.protocol import (
    PROTOCOL,
    UnreachableError,
    installed_release,
)
from jupyter_async_exec.backends.dask.roster import Roster, Worker
from jupyter_async_exec.core.resources import Floor
from jupyter_async_exec.errors import KernelMissingError, NoRoomError, UnavailableError

if TYPE_CHECKING:
    from jupyter_async_exec.backends.base import Health
    from jupyter_async_exec.core.resources import Resources

ONE, TWO = "tcp://one:1", "tcp://two:2"


class FakeLink:
    """A cluster of two workers that say what the test says."""

    def __init__(self) -> None:
        self.version = distributed_version()
        self.workers: dict[str, dict[str, Any] | Exception] = {}
        self.error: Exception | None = None
        for address in (ONE, TWO):
            self.workers[address] = {
                "protocol": PROTOCOL,
                "version": installed_release(),
                "host": address,
                "place": address,
                "slots": 2,
                "busy": 0,
                "ending": 0,
                "kernels": ["python3"],
                "resources": {"memory_gb": 8.0},
                "used": {},
            }

    async def identity(self) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return {"workers": dict.fromkeys(self.workers)}

    async def scheduler_version(self) -> str:
        return self.version

    async def introduce(self, worker: str, options: object) -> tuple[bool, Any]:
        described = self.workers[worker]
        if isinstance(described, Exception):
            raise described
        return True, described

    async def ask(self, worker: str, *_: object, **__: object) -> tuple[Any, bytes]:
        return (await self.introduce(worker, {}))[1], b""

    def describe(self, worker: str, **changes: object) -> None:
        described = self.workers[worker]
        assert isinstance(described, dict)
        described |= changes


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> FakeLink:
    monkeypatch.setattr(roster, "LOOK_S", 0.001)
    return FakeLink()


async def looked(link: FakeLink, *, slots: int | None = None, grows: bool = False) -> Roster:
    """Return a roster that has looked at least twice."""
    found = Roster(
        link,  # type: ignore[arg-type]
        name="box",
        slots=slots,
        options={},
        arrived=lambda _: None,
        grows=grows,
    )
    for _ in range(2):
        try:
            await found._look()
            found._problem = None
        except UnavailableError as error:
            found._problem = f"box: {error}"
    found._first.set()
    return found


async def health(link: FakeLink, *, slots: int | None = None) -> Health:
    return (await looked(link, slots=slots)).health()


async def test_slots_are_those_of_all_workers_unless_fewer_are_wanted(link: FakeLink) -> None:
    assert (await health(link)).slots == 4
    assert (await health(link, slots=3)).slots == 3
    assert (await health(link)).problem is None


async def test_what_others_run_there_is_no_room_for_us(link: FakeLink) -> None:
    link.describe(ONE, busy=2)
    link.describe(TWO, busy=2)

    found = await health(link)

    assert found.slots == 0
    assert found.problem is not None
    assert "busy with executions of others" in found.problem


async def test_kernels_are_those_of_all_workers_once_all_have_answered(link: FakeLink) -> None:
    link.describe(ONE, kernels=["python3", "ir"])
    assert (await health(link)).kernels == frozenset({"python3", "ir"})

    link.workers[TWO] = UnreachableError("silent")
    assert (await health(link)).kernels is None


async def test_a_full_cluster_is_of_use_and_one_without_workers_is_not(link: FakeLink) -> None:
    link.describe(ONE, busy=2)
    link.describe(TWO, busy=2)
    assert (await health(link)).is_usable

    link.workers.clear()
    assert not (await health(link)).is_usable


async def test_the_worker_with_most_room_is_chosen(link: FakeLink) -> None:
    link.describe(ONE, busy=1)

    assert (await (await looked(link)).choose("python3")).address == TWO


async def test_a_worker_without_the_kernel_is_not_chosen(link: FakeLink) -> None:
    link.describe(TWO, kernels=["ir"], slots=10)

    assert (await (await looked(link)).choose("python3")).address == ONE


async def test_a_kernel_that_no_worker_has_is_missing(link: FakeLink) -> None:
    with pytest.raises(KernelMissingError, match="python3") as caught:
        await (await looked(link)).choose("julia")

    assert caught.value.details["installed"] == ["python3"]


async def test_another_release_of_dask_is_refused_with_both_names(link: FakeLink) -> None:
    link.version = "2019.1.0"

    problem = (await health(link)).problem

    assert problem is not None
    assert "2019.1.0" in problem
    assert distributed_version() in problem


async def test_another_release_of_ours_is_refused_with_both_names(link: FakeLink) -> None:
    link.describe(ONE, version="9.9")
    link.describe(TWO, version="9.9")

    found = await health(link)

    assert found.slots == 0
    assert found.problem is not None
    assert "9.9" in found.problem
    assert installed_release() in found.problem


async def test_of_several_workers_the_one_that_cannot_be_used_is_named(link: FakeLink) -> None:
    link.describe(ONE, version="9.9")

    found = await health(link)

    assert (found.slots, found.is_usable) == (2, True)
    assert found.problem is not None
    assert found.problem.startswith("box: 1 of 2 workers cannot be used: tcp://one:1: it has jup")


async def test_a_scheduler_without_workers_is_no_error_and_says_so(link: FakeLink) -> None:
    link.workers.clear()

    with pytest.raises(UnavailableError, match="no workers"):
        await (await looked(link)).choose("python3")


async def test_where_workers_come_when_they_are_needed_they_are_said_to_be_on_their_way(
    link: FakeLink,
) -> None:
    link.workers.clear()
    found = await looked(link, grows=True)

    assert found.health().problem == "box: no worker has come yet."


async def test_a_scheduler_that_does_not_answer_is_said_to_be_so(link: FakeLink) -> None:
    link.error = UnavailableError("tcp://nowhere does not answer.")

    problem = (await health(link)).problem

    assert problem == "box: tcp://nowhere does not answer."


async def test_nothing_is_taken_while_the_scheduler_does_not_answer(link: FakeLink) -> None:
    found = await looked(link)
    assert found.health().slots == 4

    found._problem = "box: tcp://nowhere does not answer."

    assert found.health().slots == 0
    with pytest.raises(NoRoomError, match="does not answer"):
        await found.choose("python3")


async def test_a_worker_that_came_back_is_used_again(link: FakeLink) -> None:
    described = link.workers.pop(ONE)
    link.workers[ONE] = UnavailableError("not now")
    found = await looked(link)
    assert found.health().slots == 2

    link.workers[ONE] = described
    async with asyncio.timeout(5):
        while found.health().slots != 4:
            await found._look()


async def test_of_many_workers_a_few_are_asked_at_a_time_and_all_in_turn(
    link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "N_GREETED", 1)
    found = await looked(link)
    workers = [found.get(address) for address in (ONE, TWO)]
    before = [worker.n_looks for worker in workers if worker is not None]

    for _ in range(4):
        await found._look()

    after = [worker.n_looks for worker in workers if worker is not None]
    assert [n - m for n, m in zip(after, before, strict=True)] == [2, 2]


def test_a_full_worker_has_no_room_whoever_fills_it() -> None:
    worker = Worker(ONE, slots=2, busy=2)
    assert worker.n_free == 0

    worker.busy = 0
    worker.ours |= {AttemptKey(str(n), 1): {} for n in range(3)}
    assert worker.n_free == 0


def test_another_begins_beside_one_that_only_ends_where_the_worker_lets_it() -> None:
    key = AttemptKey("a", 1)
    worker = Worker(ONE, slots=1, busy=1, ours={key: {}}, ending={key})
    assert worker.n_free == 0
    assert not worker.has_memory_for_ending

    worker.n_ending = 1

    assert worker.n_free == 1
    assert worker.has_memory_for_ending


async def test_where_one_only_ends_there_is_room_for_another(link: FakeLink) -> None:
    roster = await looked(link, slots=2)
    ended, running = AttemptKey("a", 1), AttemptKey("b", 1)
    for address, key in ((ONE, ended), (TWO, running)):
        worker = roster.get(address)
        assert worker is not None
        worker.slots, worker.busy = 1, 1
        worker.ours[key] = {}
    needed: dict[str, Resources] = {key.execution_id: {} for key in (ended, running)}
    assert not Floor(roster.health().rooms, needed).has_room({})

    roster.note_ending(ended)
    roster._workers[ONE].n_ending = 1

    health = roster.health()
    assert (health.slots, health.has_memory_for_ending) == (2, True)
    floor = Floor(health.rooms, needed)
    assert floor.has_room({})
    floor.put({})
    assert not floor.has_room({})


async def test_what_ended_lends_its_slot_no_more(link: FakeLink) -> None:
    roster = await looked(link)
    worker = roster.get(ONE)
    assert worker is not None
    ended, running = AttemptKey("a", 1), AttemptKey("b", 1)
    worker.slots, worker.busy, worker.n_ending = 1, 2, 1
    worker.ours |= {ended: {}, running: {}}
    roster.note_ending(ended)
    assert worker.n_free == 0

    roster.let_go(ended)

    assert worker.n_free == 0
    assert worker.has_memory_for_ending
