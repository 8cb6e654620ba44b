"""Two executions never have the same GPU, whatever ends how; tried with ids that need no GPU."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends import gpus as gpus_module
from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.gpus import FIND_AGAIN_S, VISIBLE, Gpus, find_gpus
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.core.resources import GPU
from jupyter_async_exec.errors import NoRoomError, UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.launch import terminate
from jupyter_async_exec.runner.lock import take_lock
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.executions import claimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution

ENDLESS = (
    "import os, time\n"
    f"print('sees', repr(os.environ.get({VISIBLE!r})), flush=True)\n"
    "time.sleep(600)"
)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def make_gpus(tmp_path: Path, ids: Sequence[str] = ("0", "1"), *, hides: bool = True) -> Gpus:
    return Gpus(tmp_path / "gpus", lambda: ids, hides=hides)


@asynccontextmanager
async def opened(
    tmp_path: Path, objects: LocalObjectStore, gpus: Gpus | None = None, *, spares: int = 0
) -> AsyncIterator[LocalBackend]:
    backend = LocalBackend(
        tmp_path / "attempts",
        objects=objects,
        nice=0,
        spares=spares,
        gpus=gpus or make_gpus(tmp_path),
    )
    try:
        yield backend
    finally:
        await backend.close()


def key_of(execution: Execution) -> AttemptKey:
    return AttemptKey(execution.id, execution.attempt)


def asking(objects: LocalObjectStore, n: int) -> Execution:
    return replace(claimed(objects, ENDLESS), resources={GPU: float(n)} if n else {})


async def seen_by(backend: LocalBackend, execution: Execution) -> str:
    """Return what a notebook sees of the GPUs."""
    async with asyncio.timeout(60):
        while True:
            log, _ = await backend.read_log(key_of(execution), offset=0, limit_bytes=10_000)
            for line in log.decode().splitlines(keepends=True):
                if line.startswith("sees ") and line.endswith("\n"):
                    return line.strip()
            await asyncio.sleep(0.02)


def attempt(tmp_path: Path, name: str) -> Path:
    directory = tmp_path / "attempts" / name
    directory.mkdir(parents=True)
    return directory


def test_each_has_its_own_and_nobody_gets_what_is_not_free(tmp_path: Path) -> None:
    gpus = make_gpus(tmp_path)

    assert gpus.take(attempt(tmp_path, "a"), 1)[VISIBLE] == "0"
    assert gpus.take(attempt(tmp_path, "b"), 1)[VISIBLE] == "1"
    with pytest.raises(NoRoomError, match="no GPU is free"):
        gpus.take(attempt(tmp_path, "c"), 1)


def test_several_are_taken_all_or_none(tmp_path: Path) -> None:
    gpus = make_gpus(tmp_path, ["0", "1", "2"])
    gpus.take(attempt(tmp_path, "a"), 2)

    with pytest.raises(UnavailableError, match="not 2 GPUs are free"):
        gpus.take(attempt(tmp_path, "b"), 2)

    assert gpus.take(attempt(tmp_path, "c"), 1)[VISIBLE] == "2"


def test_one_that_is_named_twice_is_shared_by_two(tmp_path: Path) -> None:
    gpus = make_gpus(tmp_path, ["0", "0", "1"])

    assert gpus.take(attempt(tmp_path, "a"), 2)[VISIBLE] == "0,1"
    assert gpus.take(attempt(tmp_path, "b"), 1)[VISIBLE] == "0"


def test_it_is_free_again_when_no_process_of_the_attempt_lives(tmp_path: Path) -> None:
    gpus = make_gpus(tmp_path, ["0"])
    first = attempt(tmp_path, "a")
    gpus.take(first, 1)
    lock = take_lock(first)
    gpus.keep(first)
    with pytest.raises(UnavailableError):
        gpus.take(attempt(tmp_path, "b"), 1)

    os.close(lock)

    assert gpus.take(attempt(tmp_path, "c"), 1)[VISIBLE] == "0"


def test_who_died_while_it_prepared_an_attempt_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from jupyter_async_exec.backends.gpus import Gpus;"
        "folder = pathlib.Path(sys.argv[1]);"
        "Gpus(folder / 'gpus', lambda: ['0'], hides=True).take(folder / 'a', 1)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)

    assert make_gpus(tmp_path, ["0"]).take(attempt(tmp_path, "b"), 1)[VISIBLE] == "0"


def test_a_damaged_note_is_nobodys(tmp_path: Path) -> None:
    gpus = make_gpus(tmp_path, ["0"])
    gpus.take(attempt(tmp_path, "a"), 1)
    (note,) = (tmp_path / "gpus").glob("*.json")
    note.write_text(json.dumps({"attempt": 3}))

    assert gpus.take(attempt(tmp_path, "b"), 1)[VISIBLE] == "0"


def test_what_this_process_may_use_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "2, 3")
    assert find_gpus() == ("2", "3")

    monkeypatch.setenv(VISIBLE, "")
    assert find_gpus() == ()


def test_a_driver_that_does_not_answer_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    command.chmod(0o755)
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpus_module, "_FIND_LIMIT_S", 0.05)

    with pytest.raises(UnavailableError, match="not known"):
        find_gpus()


def test_what_could_not_be_found_is_looked_for_again(tmp_path: Path) -> None:
    now_s = 0.0
    answers: list[Sequence[str] | None] = [None, None, ["0", "1"]]

    def find() -> Sequence[str]:
        answer = answers.pop(0)
        if answer is None:
            raise UnavailableError("It is not known.")
        return answer

    gpus = Gpus(tmp_path, find, hides=True, otherwise=["0"], monotonic=lambda: now_s)
    assert [gpus.ids, gpus.ids] == [("0",), ("0",)]
    assert len(answers) == 2

    deadline_s = time.monotonic() + 30
    while len(gpus.ids) < 2:
        now_s += FIND_AGAIN_S
        assert time.monotonic() < deadline_s

    assert gpus.ids == ("0", "1")
    assert answers == []


def test_nvidia_smi_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    command.chmod(0o755)
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == ("0", "1")

    command.write_text("#!/bin/sh\necho 'No devices were found'; exit 6\n")
    assert find_gpus() == ()

    command.unlink()
    assert find_gpus() == ()


@pytest.mark.slow
async def test_two_at_the_same_time_see_different_ones_and_a_third_waits(
    tmp_path: Path, objects: LocalObjectStore
) -> None:
    async with opened(tmp_path, objects) as backend:
        first, second, third = (asking(objects, 1) for _ in range(3))
        unasked = asking(objects, 0)
        await asyncio.gather(*(backend.start(each) for each in (first, second, unasked)))
        with pytest.raises(UnavailableError):
            await backend.start(third)

        seen = {await seen_by(backend, each) for each in (first, second)}
        assert seen == {"sees '0'", "sees '1'"}
        assert await seen_by(backend, unasked) == "sees ''"

        # After a crash, and after the end.
        directory = tmp_path / "attempts" / str(key_of(first))
        freed = await seen_by(backend, first)
        await asyncio.to_thread(terminate, directory)
        await backend.start(third)
        assert await seen_by(backend, third) == freed
        for each in (first, second, third, unasked):
            await backend.discard(key_of(each))
        again = asking(objects, 2)
        await backend.start(again)
        assert await seen_by(backend, again) == "sees '0,1'"
        await backend.discard(key_of(again))


@pytest.mark.slow
async def test_the_next_server_leaves_a_gpu_to_whom_it_belongs(
    tmp_path: Path, objects: LocalObjectStore
) -> None:
    first, second = asking(objects, 1), asking(objects, 1)
    async with opened(tmp_path, objects) as backend:
        await backend.start(first)
        assert await seen_by(backend, first) == "sees '0'"

    async with opened(tmp_path, objects) as backend:
        await backend.start(second)
        assert await seen_by(backend, second) == "sees '1'"
        with pytest.raises(UnavailableError):
            await backend.start(asking(objects, 1))

        await backend.cancel(key_of(first))
        await wait_for_end(backend, first)
        for each in (first, second):
            await backend.discard(key_of(each))


@pytest.mark.slow
async def test_who_asks_for_none_sees_what_the_server_sees_unless_gpus_were_named(
    tmp_path: Path, objects: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "7")
    async with opened(tmp_path, objects, make_gpus(tmp_path, hides=False)) as backend:
        unasked = asking(objects, 0)
        await backend.start(unasked)

        assert await seen_by(backend, unasked) == "sees '7'"
        await backend.discard(key_of(unasked))


async def test_one_shared_by_two_is_offered_twice_and_never_as_two(
    tmp_path: Path, objects: LocalObjectStore
) -> None:
    gpus = make_gpus(tmp_path, ["0", "0", "1"])
    async with opened(tmp_path, objects, gpus) as backend:
        (room,) = (await backend.health()).rooms

    assert room.resources[GPU] == 3
    assert room.most[GPU] == 2


async def test_what_a_machine_has_is_told(tmp_path: Path, objects: LocalObjectStore) -> None:
    async with opened(tmp_path, objects) as backend:
        (room,) = (await backend.health()).rooms

    assert room.resources[GPU] == 2
    assert room.resources["memory_gb"] > 0
