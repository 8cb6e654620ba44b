"""Room is made by what a person lets go, and nothing that is needed is ever missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jupyter_async_exec.core.events import ExecutionFinished, ExecutionStarted
from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.core.retention import Retention, read_age_s, read_size_bytes
from jupyter_async_exec.errors import ConflictError, InvalidRequestError, NotFoundError
from jupyter_async_exec.objects.local import ASIDE_PREFIX, LocalObjectStore
from jupyter_async_exec.runner.lock import try_lock
from jupyter_async_exec.service.collection import LOCK_FILE, Collector
from jupyter_async_exec.service.verification.verify import verify
from jupyter_async_exec.snapshots.manifest import CapturedFile, Manifest
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_submission, make_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
START = datetime(2026, 11, 21, tzinfo=UTC)


class Place:
    """A store with objects, a collector, and a clock that only goes when told."""

    #: An empty store: to make one takes longer than to copy it.
    template: Path

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.folder = folder
        shutil.copy(self.template, folder / "store.sqlite")
        self.store = ExecutionStore(f"sqlite:///{folder / 'store.sqlite'}", clock=lambda: self.now)
        self.objects = LocalObjectStore(folder / "objects")
        self.collector = self.make_collector()

    def make_collector(self) -> Collector:
        return Collector(
            self.store,
            self.objects,
            data_dir=self.folder,
            changed=lambda: None,
            clock=lambda: self.now,
            settle_s=0,
        )

    def snapshot(self, content: str) -> str:
        """Capture a notebook with a file beside it."""
        notebook = self.objects.put(b'{"cells": []}')
        beside = self.objects.put(content.encode())
        file = CapturedFile(path="a.txt", object_id=beside, size_bytes=len(content))
        manifest = Manifest(
            notebook_path="a.ipynb",
            notebook_object=notebook,
            files=(file,),
            kernel_name="python3",
            language="python",
        )
        return self.objects.put(manifest.canonical)

    def queued(self, content: str = "a", **fields: Any) -> Execution:
        submission = make_submission(
            snapshot_id=self.snapshot(content), created_at=self.now, **fields
        )
        return self.store.accept(submission)[0]

    def finished(self, content: str = "a", result: str = "r", **fields: Any) -> Execution:
        execution = self.queued(content, **fields)
        claimed = self.store.claim(backend="local")
        while claimed is not None and claimed.number != execution.number:
            claimed = self.store.claim(backend="local")
        return self.finish(execution, result)

    def finish(self, execution: Execution, result: str = "r") -> Execution:
        events = (
            ExecutionStarted(at=self.now, cells_total=1),
            ExecutionFinished(
                at=self.now,
                status=Status.SUCCEEDED,
                output_object=self.objects.put(result.encode()),
            ),
        )
        return self.store.record(execution.id, 1, events)

    def age_objects(self) -> None:
        """Let all objects be as old as if they had been put days ago."""
        for path in (self.folder / "objects").rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    os.utime(path, (0, 0))

    def numbers(self) -> list[int]:
        return [each.number for each in self.store.iterate()]

    def damages(self) -> list[str]:
        return [each.message for each in verify(self.store, self.objects).damages]


@pytest.fixture(scope="module", autouse=True)
def template(tmp_path_factory: pytest.TempPathFactory) -> None:
    Place.template = tmp_path_factory.mktemp("template") / "store.sqlite"
    ExecutionStore(f"sqlite:///{Place.template}").close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.store.close()


async def test_nothing_goes_that_nobody_let_go(place: Place) -> None:
    place.finished()
    place.now += 1_000 * DAY
    place.age_objects()

    collected = await place.collector.collect(Retention())

    assert collected.executions == ()
    assert collected.freed_bytes == 0
    assert place.numbers() == [1]
    assert place.damages() == []


async def test_a_dry_run_changes_nothing_and_tells_what_would_go(place: Place) -> None:
    place.finished("a" * 10_000)
    place.finished("b" * 10_000)
    place.now += 31 * DAY
    place.age_objects()
    retention = Retention(older_than_s=30 * 86_400)

    planned = await place.collector.plan(retention)
    before = place.numbers()
    collected = await place.collector.collect(retention)

    assert before == [1, 2]
    assert [each.number for each in planned.executions] == [1, 2]
    assert planned.freed_bytes == collected.freed_bytes > 0
    assert planned.n_objects == collected.n_objects
    assert (place.numbers(), list(place.objects.ids())) == ([], [])
    assert place.objects.used_bytes() == 0


async def test_what_was_deleted_goes_after_its_time_and_not_before(place: Place) -> None:
    place.finished()
    place.store.trash(1)
    place.age_objects()

    place.now += 29 * DAY
    await place.collector.collect(Retention())
    early = place.numbers()
    place.now += DAY
    await place.collector.collect(Retention())

    assert early == [1]
    assert place.numbers() == []
    assert place.queued().number == 2


async def test_what_must_stay_never_goes(place: Place) -> None:
    sweep = make_sweep(snapshot_id=place.snapshot("a"))
    place.store.sweeps.accept(
        sweep, [make_submission(sweep_id=sweep.id, snapshot_id=sweep.snapshot_id) for _ in "12"]
    )
    place.finished("starred")
    place.finished("pinned")
    place.finished("reused by a sweep that is not over")
    place.finished("free")
    running = place.store.get(1)
    place.finish(running)
    place.store.edit(3, starred=True)
    place.store.edit(4, pinned=True)
    place.store.trash(4)
    other = make_sweep(snapshot_id=sweep.snapshot_id)
    place.store.sweeps.accept(
        other,
        [make_submission(sweep_id=other.id, snapshot_id=sweep.snapshot_id)],
        reused=[5],
    )
    place.queued("waits")
    place.now += 1_000 * DAY
    place.age_objects()

    collected = await place.collector.collect(
        Retention(older_than_s=0, unused_for_s=0, keep_last=0, max_bytes=0, trash_s=0)
    )

    assert [each.number for each in collected.executions] == [6]
    assert place.numbers() == [1, 2, 3, 4, 5, 7, 8]
    assert place.damages() == []


async def test_conditions_have_to_hold_together(place: Place) -> None:
    for _ in range(3):
        place.finished(notebook_path="a.ipynb")
        place.now += DAY
    place.finished(notebook_path="b.ipynb")
    place.store.collect.note_uses([1])
    place.now += DAY

    async def going(**retention: Any) -> list[int]:
        found = await place.collector.plan(Retention(**retention))
        return [each.number for each in found.executions]

    assert await going(older_than_s=2 * 86_400) == [2, 3, 1]
    assert await going(unused_for_s=2 * 86_400) == [2, 3]
    assert await going(keep_last=1) == [2, 1]
    assert await going(keep_last=1, unused_for_s=2 * 86_400) == [2]
    assert await going(keep_last=0) == [2, 3, 1, 4]


async def test_a_size_lets_go_what_was_of_no_use_for_longest(place: Place) -> None:
    for number in (1, 2, 3):
        place.finished(content=os.urandom(20_000).hex(), result=f"{number}")
        place.now += DAY
    place.store.collect.note_uses([1])
    place.age_objects()
    used_bytes = place.objects.used_bytes()

    collected = await place.collector.collect(Retention(max_bytes=used_bytes - 10_000))

    assert [each.number for each in collected.executions] == [2]
    assert place.objects.used_bytes() <= used_bytes - 10_000
    assert place.damages() == []


async def test_what_has_arrived_in_part_goes_once_nobody_sends_it_on(place: Place) -> None:
    abandoned, arriving = (place.objects.arrival_path(each * 64, "sender") for each in "ab")
    for path in (abandoned, arriving):
        path.write_bytes(b"half")
    os.utime(abandoned, (0, 0))

    await place.collector.collect(Retention())

    assert not abandoned.exists()
    assert arriving.exists()


async def test_new_objects_are_left_alone_and_what_is_put_again_is_new(place: Place) -> None:
    old, again = place.objects.put(b"old"), place.objects.put(b"again")
    new = place.objects.put(b"new")
    for object_id in (old, again):
        os.utime(place.folder / "objects" / object_id[:2] / object_id[2:], (0, 0))
    place.objects.put(b"again")

    collected = await place.collector.collect(Retention())

    assert sorted(place.objects.ids()) == sorted([again, new])
    assert (collected.n_objects, collected.later_bytes > 0) == (1, True)


async def test_a_snapshot_is_kept_while_it_is_run_again(place: Place) -> None:
    """Whoever runs a snapshot again says so before the old row may go."""
    snapshot_id = place.finished().snapshot_id
    place.store.trash(1)
    place.now += 31 * DAY
    place.age_objects()
    ids = list(place.objects.ids())
    touched = [place.objects.touch(object_id) for object_id in ids]

    await place.collector.collect(Retention())
    again = place.store.accept(make_submission(snapshot_id=snapshot_id))[0]

    assert all(touched)
    assert place.numbers() == [again.number]
    assert place.damages() == []


@pytest.mark.parametrize("moment", ["stat", "replace", "unlink"])
@pytest.mark.parametrize("comes", ["before", "after"])
@pytest.mark.parametrize("act", ["put", "touch", "get"])
def test_who_needs_an_object_at_any_moment_of_its_removal_has_it(
    tmp_path: Path, moment: str, comes: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server does so right before or after each step of the removal."""
    objects, other = LocalObjectStore(tmp_path), LocalObjectStore(tmp_path)
    object_id = objects.put(b"x")
    os.utime(tmp_path / object_id[:2] / object_id[2:], (0, 0))
    real = getattr(os, moment)
    has_it: list[bool] = []

    def step(*arguments: Any, **named: Any) -> Any:
        if has_it:
            return real(*arguments, **named)
        has_it.append(False)
        if comes == "after":
            answer = real(*arguments, **named)
        if act == "put":
            has_it[0] = other.put(b"x") == object_id
        elif act == "touch":
            has_it[0] = other.touch(object_id)
        else:
            with contextlib.suppress(NotFoundError):
                has_it[0] = other.get(object_id) == b"x"
        return answer if comes == "after" else real(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(f"jupyter_async_exec.objects.local.os.{moment}", step)
        objects.discard_unused(object_id, since_s=time.time() - 60)

    is_gone = (moment, comes) == ("unlink", "after")
    assert has_it == [act == "put" or not is_gone]
    if act != "get" and has_it[0]:
        assert objects.get(object_id) == b"x"
    assert objects.strangers() == ()


@pytest.mark.parametrize("step", ["replace", "unlink"])
def test_a_process_that_dies_while_it_removes_takes_nothing_that_is_needed(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = LocalObjectStore(tmp_path)
    needed, unused = objects.put(b"needed"), objects.put(b"unused")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))

    class DiedError(BaseException):
        """The process is gone."""

    def die(*_: object) -> None:
        raise DiedError

    with monkeypatch.context() as patched:
        patched.setattr(f"jupyter_async_exec.objects.local.os.{step}", die)
        for object_id in (needed, unused):
            with pytest.raises(DiedError):
                objects.discard_unused(object_id, since_s=time.time())
    # Another server needs one of them meanwhile, and collects afterwards.
    other = LocalObjectStore(tmp_path)
    assert other.touch(needed)
    for object_id in set(other.ids()) - {needed}:
        other.discard_unused(object_id, since_s=time.time())

    assert other.get(needed) == b"needed"
    assert list(other.ids()) == [needed]
    assert other.strangers() == ()


async def test_whoever_comes_second_is_told_so(place: Place) -> None:
    lock = try_lock(place.folder / LOCK_FILE)
    assert lock is not None

    with pytest.raises(ConflictError):
        await place.collector.collect(Retention())

    os.close(lock)
    await place.collector.collect(Retention())


async def test_a_snapshot_that_cannot_be_read_keeps_all_objects(place: Place) -> None:
    execution = place.finished()
    place.finished("other", "other result")
    place.store.trash(2)
    place.now += 31 * DAY
    place.age_objects()
    n_objects = len(list(place.objects.ids()))
    place.objects.delete(execution.snapshot_id)

    collected = await place.collector.collect(Retention())

    assert place.numbers() == [1]
    assert collected.message is not None
    assert len(list(place.objects.ids())) == n_objects - 1


def test_an_object_that_was_being_removed_is_still_read_and_comes_back(tmp_path: Path) -> None:
    """Whoever removes dies between the two steps; meanwhile somebody wanted it."""
    objects = LocalObjectStore(tmp_path)
    for data, wants in (
        (b"read", lambda object_id: objects.get(object_id) == b"read"),
        (b"listed", lambda object_id: object_id in set(objects.ids())),
        (b"touched", objects.touch),
        (b"looked for", objects.contains),
        (b"put", lambda object_id: objects.put(b"put") == object_id),
    ):
        object_id = objects.put(data)
        path = tmp_path / object_id[:2] / object_id[2:]
        path.rename(path.with_name(f"{ASIDE_PREFIX}{path.name}"))

        assert wants(object_id)
        assert objects.get(object_id) == data

    assert objects.strangers() == ()


def test_an_object_touched_at_the_last_moment_stays(tmp_path: Path) -> None:
    class Late(LocalObjectStore):
        """Somebody touches it after it was looked at and before it is gone."""

        def _aside(self, object_id: str) -> str:
            super().touch(object_id)
            return super()._aside(object_id)

    objects = Late(tmp_path)
    object_id = objects.put(b"x")
    os.utime(tmp_path / object_id[:2] / object_id[2:], (0, 0))

    freed_bytes = objects.discard_unused(object_id, since_s=time.time() - 60)

    assert freed_bytes == 0
    assert objects.get(object_id) == b"x"


async def test_opening_a_result_counts_as_use_once_an_hour(place: Place) -> None:
    execution = place.finished()
    place.now += DAY
    place.collector.uses.note(execution)
    place.now += DAY / 48
    place.collector.uses.note(execution)
    place.make_collector().uses.note(place.queued())

    (found,) = place.store.collect.collectable()

    assert found.used_at == START + DAY


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (read_age_s, "30d", 30 * 86_400),
        (read_age_s, " 12 h", 43_200),
        (read_size_bytes, "10GB", 10**10),
        (read_size_bytes, "1.5 MiB", 1_500_000),
        (read_size_bytes, "500", 500),
    ],
)
def test_ages_and_sizes_are_read(read: Any, text: str, value: float) -> None:
    assert read(text) == value
    for nonsense in ("", "d", "-1d", "10 apples"):
        with pytest.raises(InvalidRequestError):
            read(nonsense)


class AnySequence(RuleBasedStateMachine):
    """Whatever happens in whatever order, what rows refer to is there."""

    @initialize()
    def open(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.place = Place(Path(self.temporary.name))
        self.must_stay: set[int] = set()

    def _any(self, place_in_list: int) -> Execution | None:
        found = list(self.place.store.iterate())
        return found[place_in_list % len(found)] if found else None

    @rule(content=st.sampled_from("abc"), result=st.sampled_from("xy"))
    def run(self, content: str, result: str) -> None:
        self.place.finished(content, result)

    @rule(index=st.integers(0, 5))
    def run_again(self, index: int) -> None:
        found = self._any(index)
        if found is not None:
            for object_id in list(self.place.objects.ids()):
                self.place.objects.touch(object_id)
            self.place.store.accept(make_submission(snapshot_id=found.snapshot_id))

    @rule(index=st.integers(0, 5), change=st.sampled_from(["pinned", "starred"]), on=st.booleans())
    def keep(self, index: int, change: str, on: bool) -> None:
        found = self._any(index)
        if found is not None and found.deleted_at is None:
            if change == "pinned":
                self.place.store.edit(found.id, pinned=on)
            else:
                self.place.store.edit(found.id, starred=on)

    @rule(index=st.integers(0, 5), undo=st.booleans())
    def delete(self, index: int, undo: bool) -> None:
        found = self._any(index)
        if found is not None and found.is_final:
            (self.place.store.untrash if undo else self.place.store.trash)(found.id)

    @rule(days=st.integers(1, 40))
    def wait(self, days: int) -> None:
        self.place.now += days * DAY
        self.place.age_objects()

    @rule(
        retention=st.builds(
            Retention,
            older_than_s=st.sampled_from([None, 0.0, 86_400.0 * 10]),
            unused_for_s=st.sampled_from([None, 86_400.0]),
            keep_last=st.sampled_from([None, 0, 2]),
            max_bytes=st.sampled_from([None, 0, 10_000]),
            trash_s=st.sampled_from([0.0, 86_400.0 * 30]),
        ),
        dies_after=st.sampled_from(["", "trash", "rows"]),
    )
    def collect(self, retention: Retention, dies_after: str) -> None:
        import asyncio

        must_stay = {
            each.number
            for each in self.place.store.iterate()
            if each.starred or each.pinned or not each.is_final
        }
        collector = self.place.collector
        if dies_after:
            planned = asyncio.run(collector.plan(retention))
            numbers = [each.number for each in planned.executions]
            self.place.store.collect.trash(numbers)
            if dies_after == "rows":
                self.place.store.collect.remove(numbers)
        else:
            asyncio.run(collector.collect(retention))
        assert must_stay <= set(self.place.numbers())

    @invariant()
    def nothing_is_missing(self) -> None:
        if hasattr(self, "place"):
            for execution in self.place.store.iterate():
                try:
                    self.place.objects.get(execution.snapshot_id)
                    if execution.output_object is not None:
                        self.place.objects.get(execution.output_object)
                except NotFoundError as error:
                    raise AssertionError(f"#{execution.number}: {error}") from error

    def teardown(self) -> None:
        if hasattr(self, "place"):
            damages = self.place.damages()
            self.place.store.close()
            self.temporary.cleanup()
            assert damages == []


def test_after_any_sequence_no_object_is_missing_and_verify_finds_nothing() -> None:
    n_examples = int(os.environ.get("ROUNDS", "0")) or 8
    run_state_machine_as_test(
        AnySequence,
        settings=settings(
            max_examples=n_examples,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
