"""What happens on a cluster when something dies, with a real scheduler and real workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.dispatcher import Dispatcher
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from jupyter_async_exec.testing.factories import make_submission
from tests.backends.dask.clusters import START_LIMIT_S, Cluster, become_ready
from tests.backends.dask.steps import has_begun, key_of, lost, nobody_is_left, opened
from tests.backends.executions import ENDLESS, claimed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_async_exec.core.execution import Submission


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


async def test_runners_end_with_their_worker_and_the_next_one_there_tells_how(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless = claimed(objects, ENDLESS)
    cluster.start_worker("machine 0")
    async with opened(tmp_path, cluster, objects) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)

        cluster.kill("machine 0")
        await asyncio.to_thread(nobody_is_left, endless)
        cluster.start_worker("machine 0 again", machine="machine 0")
        observation = await wait_for_end(backend, endless)
        harvest = await backend.harvest(key_of(endless), endless)

        assert (
            lost(observation) == "The worker below which it ran has ended while cell 1 was running."
        )
        assert harvest.log_object is not None
        assert b"begun" in objects.get(harvest.log_object)
        await backend.discard(key_of(endless))
        assert await backend.attempts() == ()
    cluster.kill("machine 0 again")


async def test_what_ran_on_a_machine_that_vanished_is_lost_with_what_had_come(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless = claimed(objects, ENDLESS)
    cluster.start_worker("machine 1")
    async with opened(tmp_path, cluster, objects, lost_after_s=2.0) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)

        cluster.kill("machine 1")
        observation = await wait_for_end(backend, endless)
        harvest = await backend.harvest(key_of(endless), endless)
        await backend.discard(key_of(endless))

        assert "has not been heard of for 2 s" in lost(observation)
        assert harvest.output_object is not None
        assert b"begun" in objects.get(harvest.output_object)
        assert [remark.kind for remark in harvest.remarks] == ["files_lost"]


async def test_what_a_killed_worker_ran_is_run_once_more_and_not_once_more_again(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    marks = {name: tmp_path / name for name in ("once", "always")}
    store = ExecutionStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    cluster.start_worker("machine 3")
    async with opened(tmp_path, cluster, objects) as backend:
        dispatcher = Dispatcher(
            store=store,
            backends={"cluster": backend},
            lock_path=tmp_path / "dispatcher.lock",
            slots=lambda: 4,
        )
        dispatcher.start()
        for name, mark in marks.items():
            store.accept(_submission(objects, mark, is_endless=name == "always"))

        await _until(lambda: [_count(mark) for mark in marks.values()] == [1, 1])
        cluster.kill("machine 3")
        cluster.start_worker("machine 3 again", machine="machine 3")
        await _until(lambda: store.get(1).is_final and _count(marks["always"]) == 2)
        cluster.kill("machine 3 again")
        cluster.start_worker("machine 3 at last", machine="machine 3")
        await _until(lambda: store.get(2).is_final)
        await dispatcher.stop()

    once, always = store.get(1), store.get(2)
    assert (once.status, once.attempt, _count(marks["once"])) == (Status.SUCCEEDED, 2, 2)
    assert (always.reason, always.attempt, _count(marks["always"])) == (Reason.LOST, 2, 2)
    for execution in (once, always):
        (remark,) = execution.remarks
        assert remark.message == (
            "Attempt 1 was lost and tried again: its cells may have run twice. "
            "The worker below which it ran has ended while cell 1 was running."
        )
    store.close()
    cluster.kill("machine 3 at last")


def _submission(objects: LocalObjectStore, mark: Path, *, is_endless: bool) -> Submission:
    """Return a notebook that writes a line each time it begins, and does not end the first time."""
    source = (
        f"import time\nwith open({str(mark)!r}, 'a') as lines: lines.write('begun\\n')\n"
        f"if {is_endless} or len(open({str(mark)!r}).readlines()) == 1: time.sleep(600)"
    )
    return make_submission(
        backend="cluster",
        snapshot_id=claimed(objects, source).snapshot_id,
        kernel_name="python3",
        notebook_path="a.ipynb",
        parameters={},
        provenance={},
    )


def _count(mark: Path) -> int:
    return len(mark.read_text().splitlines()) if mark.exists() else 0


async def _until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        while not check():
            await asyncio.sleep(0.05)


async def test_a_new_scheduler_takes_new_executions_and_the_old_ones_are_lost(
    cluster: Cluster, objects: LocalObjectStore, tmp_path: Path
) -> None:
    endless, quick = claimed(objects, ENDLESS), claimed(objects, "print('done')")
    cluster.start_worker("machine 2")
    async with opened(tmp_path, cluster, objects) as backend:
        await backend.start(endless)
        await has_begun(backend, endless)

        cluster.kill("scheduler")
        cluster.kill("machine 2")
        cluster.start_scheduler()
        cluster.start_worker("machine 2 again", machine="machine 2")
        lost(await wait_for_end(backend, endless))
        await become_ready(backend, slots=4)
        await backend.start(quick)
        observation = await wait_for_end(backend, quick)

        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        await backend.discard(key_of(quick))
        await backend.discard(key_of(endless))
    cluster.kill("machine 2 again")
