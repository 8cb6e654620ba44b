"""A cluster grows with what waits, and nobody who runs something is ever ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.dask import slurm
from jupyter_async_exec.backends.dask.gateway import GatewayManager
from jupyter_async_exec.backends.dask.growth import Growth
from jupyter_async_exec.backends.dask.roster import Worker
from jupyter_async_exec.backends.dask.settings import ClusterSettings
from jupyter_async_exec.backends.dask.starting import manager_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.backends.dask.managers import Manager

SETTINGS = ClusterSettings(kind="a.B", minimum=0, maximum=4, idle_s=10.0)


class FakeCluster:
    """One that is told about each of its workers, or jobs of several; notes what it hears."""

    def __init__(self, *jobs: object) -> None:
        self.worker_spec: dict[object, object] = dict.fromkeys(jobs)
        self.workers: dict[object, object] = {}
        self.new_spec: object = {"cls": "worker"}
        self.calls: list[Any] = []

    def scale(self, n: int) -> None:
        self.calls.append(n)

    def scale_down(self, names: list[object]) -> None:
        self.calls.append(names)

    def sync(self, act: Any, *arguments: Any) -> None:
        act(*arguments)


class BareCluster:
    """One that ends workers of its own choice."""

    def __init__(self, n: int = 0) -> None:
        self.scheduler_info = {"workers": dict.fromkeys(range(n))}
        self.calls: list[int] = []

    def scale(self, n: int) -> None:
        self.calls.append(n)


class FakeLink:
    """Every agent takes nothing more when it is told so, unless it is busy."""

    def __init__(self) -> None:
        self.busy: set[str] = set()
        self.retired: set[str] = set()
        self.ended: list[str] = []
        self.n_left = 0

    async def ask(self, worker: str, verb: str, fields: Any, **_: object) -> tuple[Any, bytes]:
        assert verb == "retire"
        if fields.get("is_over"):
            self.retired.discard(worker)
        elif worker not in self.busy:
            self.retired.add(worker)
        return {"is_retired": worker in self.retired}, b""

    async def end_workers(self, addresses: Sequence[str]) -> None:
        self.ended += addresses

    async def identity(self) -> dict[str, Any]:
        return {"workers": dict.fromkeys(range(self.n_left))}


def make_workers(*busy: int) -> list[Worker]:
    return [Worker(f"tcp://{n}", name=n, slots=2, busy=each) for n, each in enumerate(busy)]


class Steps:
    """Takes one step after the other with what there is."""

    def __init__(self, manager: Manager, settings: ClusterSettings = SETTINGS) -> None:
        self.link = FakeLink()
        self._growth = Growth(manager, settings)

    async def step(self, workers: list[Worker], *, waiting: int = 0, at_s: float = 0.0) -> bool:
        link: Any = self.link
        return await self._growth.step(link, workers, waiting, 0, at_s)


@pytest.mark.parametrize(("waiting", "wanted"), [(1, 1), (2, 1), (3, 2), (100, 4)])
async def test_it_grows_with_what_waits_up_to_its_limit(waiting: int, wanted: int) -> None:
    cluster = FakeCluster(0)

    await Steps(manager_of(cluster)).step(make_workers(0), waiting=waiting)

    assert cluster.calls == ([wanted] if wanted > 1 else [])


async def test_whoever_ended_by_itself_is_asked_for_again() -> None:
    cluster = FakeCluster(0, 1)
    steps = Steps(manager_of(cluster))
    await steps.step(make_workers(1, 1))
    assert cluster.calls == []

    await steps.step(make_workers(1), at_s=100.0)
    await steps.step(make_workers(1), at_s=101.0)

    assert cluster.calls == [2]


async def test_only_who_is_idle_for_long_enough_is_ended() -> None:
    cluster = FakeCluster(0, 1, 2)
    steps = Steps(manager_of(cluster))

    await steps.step(make_workers(1, 0, 0))
    assert cluster.calls == []
    assert await steps.step(make_workers(1, 0, 1), at_s=11.0)

    assert cluster.calls == [[1]]


async def test_who_begins_something_at_the_last_moment_is_left_alone() -> None:
    cluster = FakeCluster(0, 1)
    steps = Steps(manager_of(cluster))
    steps.link.busy.add("tcp://1")

    await steps.step(make_workers(1, 0))
    await steps.step(make_workers(1, 0), at_s=11.0)

    assert cluster.calls == []
    assert steps.link.retired == set()


async def test_a_job_ends_only_when_all_its_workers_are_idle() -> None:
    cluster = FakeCluster("slurm-0", "slurm-1")
    workers = make_workers(1, 0, 0, 0)
    for worker, name in zip(workers, ("0-0", "0-1", "1-0", "1-1"), strict=True):
        worker.name = f"slurm-{name}"
    steps = Steps(manager_of(cluster))

    await steps.step(workers)
    await steps.step(workers, at_s=11.0)

    assert cluster.calls == [4, ["slurm-1"]]
    assert steps.link.retired == {"tcp://2", "tcp://3"}


async def test_who_does_not_go_is_ended_again() -> None:
    cluster = FakeCluster(0, 1)
    steps = Steps(manager_of(cluster))
    await steps.step(make_workers(1, 0))
    await steps.step(make_workers(1, 0), at_s=11.0)
    await steps.step(make_workers(1, 0), at_s=12.0)
    assert cluster.calls == [[1]]

    await steps.step(make_workers(1, 0), at_s=50.0)

    assert cluster.calls == [[1], [1]]
    assert steps.link.retired == {"tcp://1"}


async def test_a_cluster_that_cannot_grow_is_kept_whole_and_ends_as_a_whole() -> None:
    cluster = FakeCluster(0, 1)
    cluster.new_spec = None
    steps = Steps(manager_of(cluster))

    assert await steps.step(make_workers(1, 0))
    assert await steps.step(make_workers(1, 0), at_s=20.0)
    assert await steps.step(make_workers(0, 0), at_s=21.0)
    steps.link.busy.add("tcp://1")
    assert await steps.step(make_workers(0, 0), at_s=40.0)
    assert steps.link.retired == {"tcp://0"}
    assert await steps.step(make_workers(0, 1), at_s=41.0)
    assert steps.link.retired == set()
    steps.link.busy.clear()
    assert await steps.step(make_workers(0, 0), at_s=42.0)
    assert not await steps.step(make_workers(0, 0), at_s=60.0)

    assert steps.link.retired == {"tcp://0", "tcp://1"}
    assert cluster.calls == []


async def test_a_worker_of_ssh_that_ended_is_started_again() -> None:
    cluster = FakeCluster(0, 1)
    cluster.new_spec = None
    for name, has_ended in ((0, False), (1, True)):
        process = SimpleNamespace(is_closing=lambda has_ended=has_ended: has_ended)
        cluster.workers[name] = SimpleNamespace(proc=process)
    steps = Steps(manager_of(cluster))

    await steps.step(make_workers(1, 1))
    await steps.step(make_workers(1), at_s=40.0)

    assert set(cluster.workers) == {0}
    assert cluster.calls == [2]


async def test_a_cluster_that_chooses_itself_shrinks_only_when_nobody_runs_anything() -> None:
    cluster = BareCluster()
    steps = Steps(manager_of(cluster), ClusterSettings(kind="a.B", minimum=1, idle_s=10.0))
    await steps.step([], waiting=3)
    await steps.step(make_workers(1, 0, 0), at_s=1.0)
    await steps.step(make_workers(1, 0, 0), at_s=20.0)
    assert cluster.calls == [3]

    await steps.step(make_workers(0, 0, 0), at_s=21.0)
    await steps.step(make_workers(0, 0, 0), at_s=40.0)
    assert cluster.calls == [3, 1]
    assert len(steps.link.retired) == 3
    # Who of them stays is only known when the others are gone.
    await steps.step(make_workers(0, 0, 0), waiting=6, at_s=41.0)
    assert cluster.calls == [3, 1]
    await steps.step(make_workers(0), waiting=6, at_s=42.0)
    await steps.step(make_workers(0), waiting=6, at_s=43.0)

    assert cluster.calls == [3, 1, 3]
    assert "tcp://0" not in steps.link.retired


async def test_a_cluster_that_was_found_again_is_never_told_to_have_fewer_than_there_are() -> None:
    cluster = BareCluster(2)

    await Steps(manager_of(cluster)).step(make_workers(1, 1, 1), waiting=1)

    assert cluster.calls == [3]


class FakeGateway(BareCluster):
    """One of a Gateway that gives two workers at most."""

    def scale(self, n: int) -> None:
        super().scale(n)
        if n > 2:
            import warnings

            warnings.warn(
                f"Scale request of {n} workers would exceed resource limit of 2 workers. "
                "Scaling to 2 instead.",
                stacklevel=1,
            )


async def test_a_gateway_is_not_asked_for_more_than_it_gives() -> None:
    cluster = FakeGateway()
    steps = Steps(GatewayManager(SimpleNamespace(), cluster))

    await steps.step([], waiting=8)
    await steps.step(make_workers(2), waiting=6, at_s=1.0)

    assert cluster.calls == [4]


async def test_a_gateway_hears_of_fewer_when_those_who_go_are_gone() -> None:
    cluster = FakeGateway(2)
    steps = Steps(GatewayManager(SimpleNamespace(), cluster))
    steps.link.n_left = 1

    await steps.step(make_workers(0, 1))
    await steps.step(make_workers(0, 1), at_s=11.0)

    assert steps.link.ended == ["tcp://0"]
    assert cluster.calls == [1]


async def test_a_gateway_ends_nobody_while_others_are_on_their_way() -> None:
    cluster = FakeGateway(1)
    steps = Steps(GatewayManager(SimpleNamespace(), cluster))

    await steps.step(make_workers(1), waiting=2)
    await steps.step(make_workers(0), waiting=1, at_s=1.0)
    await steps.step(make_workers(0), waiting=1, at_s=20.0)

    assert steps.link.ended == []


async def test_it_is_needed_as_long_as_something_waits_or_runs_and_some_time_after() -> None:
    steps = Steps(manager_of(FakeCluster()))

    assert await steps.step(make_workers(1))
    assert await steps.step([], waiting=1, at_s=100.0)
    assert await steps.step([], at_s=101.0)
    assert not await steps.step([], at_s=112.0)


class FakeJobs(FakeCluster):
    """One of Slurm's."""

    job_cls = SimpleNamespace(cancel_command="scancel")

    def __init__(self, *jobs: str) -> None:
        super().__init__(*jobs)
        self.workers = {name: SimpleNamespace(job_id=name.removeprefix("job-")) for name in jobs}


async def test_a_job_that_left_the_queue_without_a_worker_makes_room_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = FakeJobs("job-1", "job-2")
    manager = manager_of(cluster)
    queue: set[str] | None = {"2"}
    monkeypatch.setattr(slurm, "read_queue", lambda: queue)

    await manager.ask(2)
    assert set(cluster.workers) == {"job-1", "job-2"}
    queue = None
    await manager.ask(2)
    assert set(cluster.workers) == {"job-1", "job-2"}
    queue = {"2"}
    await manager.ask(2)

    assert set(cluster.workers) == {"job-2"}
    assert cluster.calls == [2, 2, 2]
