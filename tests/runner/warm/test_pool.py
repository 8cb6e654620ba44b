"""What is kept ready, and for how long."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.execution import new_id
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.runner.result import read_evidence
from jupyter_async_exec.runner.warm.forkserver import _is_harmless
from jupyter_async_exec.runner.warm.handle import is_possible
from jupyter_async_exec.runner.warm.pool import SpareRunner, WarmPool
from tests.runner.helpers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="runners are forked on Linux only"),
]


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[Callable[..., WarmPool]]:
    made: list[WarmPool] = []

    def make(**options: Any) -> WarmPool:
        pool = WarmPool(tmp_path, **{"nice": 0} | options)
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()


def folders_in(path: Path) -> list[Path]:
    return [each for each in path.iterdir() if each.is_dir()]


def take(pool: WarmPool) -> SpareRunner:
    found: list[SpareRunner] = []

    def look() -> bool:
        spare = pool.take("python3", pool._directory / f"taken-{new_id()}")
        if spare is not None:
            found.append(spare)
        return bool(found)

    wait_for(look, timeout_s=60)
    return found[0]


@pytest.mark.parametrize(
    ("variables", "possible"),
    [
        ({}, True),
        ({"PYTHONPATH": "/a:/b"}, True),
        ({"PYTHONPATH": "lib"}, False),
        ({"PYTHONPATH": ":/a"}, False),
        ({"PYTHONUSERBASE": "base"}, False),
    ],
)
def test_nothing_is_prepared_where_imports_depend_on_the_folder(
    variables: dict[str, str], possible: bool
) -> None:
    assert is_possible(variables) is possible


def test_a_fork_server_that_does_not_answer_is_replaced(
    make_pool: Callable[..., WarmPool],
) -> None:
    pool = make_pool(spares=0)
    pool.note_use("python3")
    pool.note_use("python3")
    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)
    first = pool.fork_server("python3")
    assert first is not None
    os.kill(first.pid, 9)
    with pytest.raises(UnavailableError):
        first.fork(Path("/"), cookie="", descriptors=(0, 1, 2))

    assert pool.fork_server("python3") is None
    pool.note_use("python3")

    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)
    assert pool.fork_server("python3") is not first


def test_a_spare_that_cannot_be_moved_is_given_up(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()
    pool.note_use("python3")
    take(pool).end()
    pool.note_use("python3")
    wait_for(lambda: bool(pool._kept["python3"].spares), timeout_s=60)

    assert pool.take("python3", Path("/proc/nowhere")) is None


def test_failures_long_overcome_are_not_counted(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()
    pool.note_use("python3")
    take(pool).end()
    pool._kept["python3"].n_spare_failures = 2

    # The first may have been ready already.
    for _ in range(2):
        pool.note_use("python3")
        take(pool).end()

    assert pool._kept["python3"].n_spare_failures == 0


def test_nothing_is_kept_before_the_first_use(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()

    assert pool.take("python3", Path("/none")) is None
    assert pool.fork_server("python3") is None


def test_after_a_use_a_spare_waits_and_after_another_the_next(
    make_pool: Callable[..., WarmPool],
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    first = take(pool)
    pool.note_use("python3")

    second = take(pool)

    assert first.directory != second.directory
    assert first.is_alive
    first.end()
    second.end()


def test_a_burst_has_more_spares_and_afterwards_there_is_one(
    make_pool: Callable[..., WarmPool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.MAX_BURST", 2)
    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.BURST_S", 60.0)
    pool = make_pool()
    for _ in range(3):
        pool.note_use("python3")
    wait_for(lambda: len(pool._kept["python3"].spares) == 2, timeout_s=60)

    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.BURST_S", 0.0)
    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.BURST_OVER_S", 0.0)
    with pool._changed:
        pool._changed.notify()

    wait_for(lambda: len(pool._kept["python3"].spares) == 1)
    wait_for(lambda: len(folders_in(tmp_path)) == 1)


def test_a_package_that_the_kernel_only_uses_when_it_is_there_keeps_nobody_from_forking() -> None:
    assert all(_is_harmless(name) for name in ("msgpack._cmsgpack", "orjson.orjson"))


def test_without_spares_runners_are_forked_from_the_second_use_on(
    make_pool: Callable[..., WarmPool], tmp_path: Path
) -> None:
    pool = make_pool(spares=0)
    pool.note_use("python3")
    pool.note_use("python3")

    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)

    assert pool.take("python3", Path("/none")) is None
    assert not folders_in(tmp_path)


def test_what_nobody_uses_goes(make_pool: Callable[..., WarmPool], tmp_path: Path) -> None:
    pool = make_pool(idle_s=1.0)

    def is_used_and_kept() -> bool:
        pool.note_use("python3")
        return pool.fork_server("python3") is not None

    wait_for(is_used_and_kept, timeout_s=60)

    wait_for(lambda: pool.fork_server("python3") is None)
    wait_for(lambda: not folders_in(tmp_path))


def test_nothing_is_kept_while_memory_is_short(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.MEMORY_RESERVE_BYTES", 10**18)
    pool = make_pool(idle_s=0.5)

    pool.note_use("python3")

    wait_for(lambda: pool._thread is None)
    assert pool.fork_server("python3") is None


def test_a_new_package_or_variable_makes_the_spare_useless(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    take(pool).end()

    monkeypatch.setenv("SOMETHING_NEW", "1")

    wait_for(lambda: pool.fork_server("python3") is None)
    pool.note_use("python3")
    take(pool).end()


def test_failures_count_no_more_when_what_a_kernel_starts_from_has_changed(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    take(pool).end()
    kept = pool._kept["python3"]
    kept.n_spare_failures = kept.n_server_failures = 1000

    monkeypatch.setenv("SOMETHING_NEW", "1")
    wait_for(lambda: pool.fork_server("python3") is None)
    pool.note_use("python3")

    take(pool).end()


def test_a_kernel_that_cannot_wait_has_a_fork_server_again_after_the_first_died(
    make_pool: Callable[..., WarmPool],
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)
    first = pool.fork_server("python3")
    assert first is not None
    pool._kept["python3"].n_spare_failures = 1000

    os.kill(first.pid, 9)
    with pytest.raises(UnavailableError):
        first.fork(Path("/"), cookie="", descriptors=(0, 1, 2))
    pool.note_use("python3")

    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)


def test_what_is_kept_goes_when_memory_becomes_short(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)

    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.MEMORY_RESERVE_BYTES", 10**18)
    pool.note_use("python3")

    wait_for(lambda: pool.fork_server("python3") is None)
    wait_for(lambda: not folders_in(tmp_path))


def test_nobody_waits_while_spares_are_ended(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    wait_for(lambda: bool(pool._kept["python3"].spares), timeout_s=60)
    is_ending, may_end = threading.Event(), threading.Event()
    end = SpareRunner.end
    waited_in_vain = []

    def end_slowly(spare: SpareRunner) -> None:
        is_ending.set()
        waited_in_vain.append(not may_end.wait(30))
        end(spare)

    monkeypatch.setattr(SpareRunner, "end", end_slowly)
    monkeypatch.setenv("SOMETHING_NEW", "1")
    wait_for(lambda: pool.fork_server("python3") is None)
    pool.note_use("python3")
    assert is_ending.wait(30)

    pool.note_use("python3")
    pool.take("python3", Path("/none"))
    may_end.set()

    wait_for(lambda: bool(waited_in_vain))
    assert waited_in_vain == [False]


def test_a_spare_that_died_is_not_used(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()
    pool.note_use("python3")
    spare = take(pool)

    os.kill(read_evidence(spare.directory)["pid"], 9)

    wait_for(lambda: not spare.is_alive)
    spare.end()
    assert not spare.directory.exists()


def test_closing_leaves_nothing(make_pool: Callable[..., WarmPool], tmp_path: Path) -> None:
    pool = make_pool()
    pool.note_use("python3")
    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)

    pool.close()

    wait_for(lambda: not folders_in(tmp_path))
    assert pool.take("python3", Path("/none")) is None
