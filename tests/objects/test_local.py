"""Objects on the local disk: what goes in comes out, or an error says that it does not."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.errors import (
    CorruptObjectError,
    DiskFullError,
)
from jupyter_async_exec.objects import local
from jupyter_async_exec.objects.local import LocalObjectStore

if TYPE_CHECKING:
    from pathlib import Path

BIG = b"a line that repeats\n" * 200_000
on_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def stored_file(objects: LocalObjectStore, object_id: str) -> Path:
    return objects.local_directory / object_id[:2] / object_id[2:]


@on_one_folder
@given(data=st.binary(max_size=5_000))
def test_what_is_put_is_what_is_got(objects: LocalObjectStore, data: bytes) -> None:
    object_id = objects.put(data)

    assert object_id == hashlib.sha256(data).hexdigest()
    assert objects.get(object_id) == data
    assert objects.size_bytes(object_id) == len(data)
    with objects.open(object_id) as file:
        assert file.read() == data


def test_a_damaged_object_leaves_no_copy_behind(objects: LocalObjectStore, tmp_path: Path) -> None:
    object_id = objects.put(os.urandom(2_000_000))
    path = stored_file(objects, object_id)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)

    with pytest.raises(CorruptObjectError):
        objects.copy_to(object_id, tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


@on_one_folder
@given(
    data=st.binary(max_size=300), where=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255)
)
def test_a_flipped_byte_is_always_noticed(
    objects: LocalObjectStore, data: bytes, where: float, mask: int
) -> None:
    object_id = objects.put(data)
    path = stored_file(objects, object_id)
    stored = path.read_bytes()
    damaged = bytearray(stored)
    damaged[int(where * len(damaged))] ^= mask
    path.write_bytes(damaged)

    try:
        with pytest.raises(CorruptObjectError):
            objects.get(object_id)
        with pytest.raises(CorruptObjectError), objects.open(object_id) as file:
            file.read()
    finally:
        path.write_bytes(stored)


@on_one_folder
@given(data=st.binary(max_size=300), where=st.floats(0, 1, exclude_max=True))
def test_a_truncated_object_is_always_noticed_and_healed_by_putting_it_again(
    objects: LocalObjectStore, data: bytes, where: float
) -> None:
    object_id = objects.put(data)
    path = stored_file(objects, object_id)
    path.write_bytes(path.read_bytes()[: int(where * path.stat().st_size)])

    assert not objects.contains(object_id)
    with pytest.raises(CorruptObjectError):
        objects.get(object_id)
    with pytest.raises(CorruptObjectError):
        objects.size_bytes(object_id)
    assert objects.get(objects.put(data)) == data


def test_bytes_added_to_an_object_are_noticed(objects: LocalObjectStore) -> None:
    object_id = objects.put(b"data")
    with stored_file(objects, object_id).open("ab") as file:
        file.write(b"more")

    with pytest.raises(CorruptObjectError):
        objects.get(object_id)


def test_another_object_under_the_name_is_noticed(objects: LocalObjectStore) -> None:
    first, second = objects.put(b"first"), objects.put(b"second")
    stored_file(objects, first).write_bytes(stored_file(objects, second).read_bytes())

    with pytest.raises(CorruptObjectError):
        objects.get(first)


def test_a_link_in_place_of_an_object_is_not_followed(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    object_id = objects.put(b"data")
    path = stored_file(objects, object_id)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert not objects.contains(object_id)
    with pytest.raises(CorruptObjectError):
        objects.get(object_id)


def test_a_deleted_object_is_gone_and_its_room_too(objects: LocalObjectStore) -> None:
    object_id = objects.put(os.urandom(100_000))
    kept = objects.put(b"kept")
    before = objects.used_bytes()

    objects.delete(object_id)

    assert list(objects.ids()) == [kept]
    assert 0 < objects.used_bytes() <= before - 100_000


def test_used_room_is_counted_again_only_where_something_changed(
    objects: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "RACY_NS", -(10**18))
    ids = [objects.put(b"%d" % index) for index in range(20)]
    before = objects.used_bytes()
    scanned: list[str] = []
    scan = os.scandir

    def note_scan(path: Path) -> object:
        scanned.append(str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", note_scan)
    assert objects.used_bytes() == before
    assert scanned == [str(objects.local_directory)]

    time.sleep(0.02)  # a tick of the file system's clock
    objects.delete(ids[0])

    assert objects.used_bytes() == before * 19 // 20
    assert stored_file(objects, ids[0]).parent.name in scanned[-1]


def test_what_a_killed_process_left_half_written_is_removed_after_a_day(
    objects: LocalObjectStore,
) -> None:
    place = stored_file(objects, objects.put(b"kept")).parent
    half, now = place / ".new-0123456789abcdef", time.time()
    half.write_bytes(bytes(100_000))
    os.utime(half, (now, now - 86_000))
    os.utime(place, (now - 60, now - 60))
    assert objects.used_bytes() > 100_000
    assert half.exists()

    os.utime(half, (now, now - 87_000))

    assert 0 < objects.used_bytes() < 100_000
    assert not half.exists()


def test_what_has_arrived_in_part_is_counted_and_removed_once_nobody_sends_it(
    objects: LocalObjectStore,
) -> None:
    path, now = objects.arrival_path("a" * 64, "sender"), time.time()
    path.write_bytes(bytes(100_000))
    os.utime(path, (now, now - 86_000))
    assert objects.used_bytes() >= 100_000

    os.utime(path, (now, now - 87_000))

    assert objects.used_bytes() == 0
    assert not path.exists()


def test_objects_are_private(objects: LocalObjectStore) -> None:
    object_id = objects.put(b"secret")
    path = stored_file(objects, object_id)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(objects.local_directory.stat().st_mode) == 0o700


def test_any_zstd_program_can_read_an_object(objects: LocalObjectStore) -> None:
    object_id = objects.put(BIG)

    with (
        stored_file(objects, object_id).open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader,
    ):
        assert reader.read() == BIG


def test_a_file_that_changes_all_the_time_is_kept_under_the_hash_of_what_was_kept(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "busy"
    path.write_bytes(os.urandom(3_000_000))
    stop = threading.Event()

    def scribble() -> None:
        while not stop.is_set():
            with path.open("r+b") as file:
                file.write(os.urandom(1_000_000))
                file.truncate(2_500_000)
            with path.open("ab") as file:
                file.write(os.urandom(400_000))

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        object_ids = {objects.put_file(path) for _ in range(10)}
    finally:
        stop.set()
        writer.join()

    for object_id in object_ids:
        assert hashlib.sha256(objects.get(object_id)).hexdigest() == object_id


def test_a_batch_names_its_objects_once_all_are_on_the_disk(
    objects: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        sync(descriptor)
        done.append("folder" if is_folder else "file")

    def note_rename(source: str, target: str) -> None:
        rename(source, target)
        done.append("name")

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    with objects.batch() as batch:
        ids = [batch.put(b"%d" % index) for index in (1, 2, 1)]

    assert len(set(ids)) == 2
    # Two folders of objects and the top folder, in which they are new.
    assert done == ["file"] * 2 + ["name"] * 2 + ["folder"] * 3

    done.clear()
    objects.put(b"1")
    assert done == []

    # Who renamed it may not have synced the folder yet.
    LocalObjectStore(objects.local_directory).put(b"1")
    assert done == ["folder"]


def test_a_batch_that_fails_leaves_nothing_behind(objects: LocalObjectStore) -> None:
    def fail() -> None:
        with objects.batch() as batch:
            object_id = batch.put(b"data")
            assert batch.size_bytes(object_id) == 4
            batch.put(BIG)
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert [path for path in objects.local_directory.rglob("*") if path.is_file()] == []


def test_a_disk_that_is_full_when_it_syncs_leaves_nothing_behind(
    objects: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def put_two() -> None:
        with objects.batch() as batch:
            batch.put(b"one")
            batch.put(b"two")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        with pytest.raises(DiskFullError, match="no room"):
            put_two()

    assert [path for path in objects.local_directory.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing_half_written(
    objects: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", no_room)
        with pytest.raises(DiskFullError, match="no room"):
            objects.put(b"data")

    assert list(objects.ids()) == []
    assert [path for path in objects.local_directory.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_five_thousand_small_files_are_kept(objects: LocalObjectStore, tmp_path: Path) -> None:
    contents = [b"%d" % index + os.urandom(1_000) for index in range(5_000)]

    with objects.batch() as batch, ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(batch.put, contents))

    assert objects.get(ids[-1]) == contents[-1]
