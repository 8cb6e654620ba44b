"""What every object store has to hold: subclass, override two fixtures, and run it with pytest."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.errors import (
    ConflictError,
    CorruptObjectError,
    InvalidRequestError,
    NotFoundError,
)
from jupyter_async_exec.objects.base import PARALLEL_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.objects.base import ObjectStore

BIG = b"a line that repeats\n" * 200_000


class ObjectStoreContract:
    """Override `objects` and `others`; every test has to pass."""

    @pytest.fixture
    def objects(self) -> ObjectStore:
        """Return the store under test, empty."""
        raise NotImplementedError

    @pytest.fixture
    def others(self, objects: ObjectStore) -> ObjectStore:
        """Return the same store as another process, or another machine, has it open."""
        raise NotImplementedError

    @pytest.mark.parametrize("data", [b"", b"small", BIG])
    def test_what_one_puts_the_other_gets(
        self, objects: ObjectStore, others: ObjectStore, data: bytes
    ) -> None:
        object_id = objects.put(data)

        assert object_id == hashlib.sha256(data).hexdigest()
        assert others.contains(object_id)
        assert others.size_bytes(object_id) == len(data)
        assert others.get(object_id) == data
        with others.open(object_id) as file:
            assert file.read() == data

    def test_the_same_bytes_are_kept_once_whoever_puts_them(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        ids = {each.put(BIG) for each in (objects, others, objects)}

        assert list(others.ids()) == list(ids)
        assert objects.strangers() == ()

    def test_a_batch_is_seen_by_others_when_it_ends_and_not_before(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        with objects.batch() as batch:
            ids = {batch.put(b"%d" % index) for index in range(5)}
            assert list(others.ids()) == []
            assert {batch.size_bytes(each) for each in ids} == {1}

        assert set(others.ids()) == ids
        assert others.touch_all([*ids, "0" * 64]) == ids

    def test_a_batch_that_fails_leaves_no_object_behind(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        def fail() -> None:
            with objects.batch() as batch:
                batch.put(b"data")
                raise LookupError

        with pytest.raises(LookupError):
            fail()

        assert list(others.ids()) == []
        assert not others.contains(hashlib.sha256(b"data").hexdigest())

    def test_several_are_brought_together_and_a_missing_one_is_said_to_be(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        ids = [objects.put(b"%d" % index) for index in range(3)]

        others.bring(ids)

        assert [others.get(each) for each in ids] == [b"0", b"1", b"2"]
        with pytest.raises(NotFoundError):
            others.get("0" * 64)

    def test_objects_are_carried_in_pieces_as_they_are_kept(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        object_id = objects.put(b"carried" * 1_000)
        packed, packed_bytes = objects.read_packed(object_id, offset=0, limit_bytes=50)
        rest, _ = objects.read_packed(object_id, offset=50, limit_bytes=packed_bytes)
        objects.delete(object_id)

        path = others.arrival_path(object_id, "sender")
        path.write_bytes(b"".join([packed, rest]))
        others.adopt({object_id: path})

        assert objects.get(object_id) == b"carried" * 1_000
        assert not path.exists()

    def test_what_is_not_carried_on_is_thrown_away_and_nothing_of_others(
        self, others: ObjectStore
    ) -> None:
        ids = [digit * 64 for digit in "ab"]
        given_up, goes_on = [
            [others.arrival_path(each, sender) for each in ids] for sender in ("a-1", "a-11")
        ]
        for path in (*given_up, *goes_on):
            path.write_bytes(b"half")

        others.discard_arrivals("a-1")

        assert not any(path.exists() for path in given_up)
        assert all(path.exists() for path in goes_on)

    def test_what_arrives_damaged_is_not_taken(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        object_id = objects.put(b"data")
        packed, _ = objects.read_packed(object_id, offset=0, limit_bytes=1_000)
        objects.delete(object_id)

        path = others.arrival_path(object_id, "sender")
        path.write_bytes(bytes(packed[:-1]) + b"?")
        with pytest.raises(CorruptObjectError):
            others.adopt({object_id: path})

        assert not objects.contains(object_id)
        assert not path.exists()

    def test_what_is_set_aside_can_be_put_again(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        object_id = objects.put(b"data")

        place = objects.set_aside(object_id)

        assert str(place).endswith(object_id)
        assert not others.contains(object_id)
        assert objects.set_aside(object_id) is None
        assert objects.put(b"data") == object_id
        objects.check(object_id)
        assert objects.strangers() == ()

    def test_what_was_put_just_now_is_not_discarded(self, objects: ObjectStore) -> None:
        object_id = objects.put(b"data")

        freed_bytes = objects.discard_unused(object_id, since_s=0.0)

        assert freed_bytes == 0
        assert objects.get(object_id) == b"data"

    def test_a_deleted_object_is_gone_and_its_room_too(
        self, objects: ObjectStore, others: ObjectStore
    ) -> None:
        object_id, kept = objects.put(os.urandom(100_000)), objects.put(b"kept")
        before_bytes = objects.used_bytes()
        assert objects.room(object_id)[0] >= 100_000

        objects.delete(object_id)
        objects.delete(object_id)

        assert list(others.ids()) == [kept]
        assert 0 < objects.used_bytes() <= before_bytes - 100_000
        with pytest.raises(NotFoundError):
            objects.room(object_id)

    @pytest.mark.parametrize("data", [b"", b"small", BIG, os.urandom(3_000_000)])
    def test_a_file_gets_the_same_object_as_its_bytes(
        self, objects: ObjectStore, tmp_path: Path, data: bytes
    ) -> None:
        path = tmp_path / "file"
        path.write_bytes(data)

        object_id = objects.put_file(path)

        assert object_id == objects.put(data)
        assert objects.get(object_id) == data
        assert objects.size_bytes(object_id) == len(data)
        assert list(objects.ids()) == [object_id]

    def test_a_big_object_is_read_in_pieces(self, objects: ObjectStore) -> None:
        object_id = objects.put(BIG)

        with objects.open(object_id) as file:
            pieces = list(iter(lambda: file.read(70_001), b""))

        assert b"".join(pieces) == BIG

    def test_a_piece_of_an_object_costs_no_more_memory_than_the_piece(
        self,
        objects: ObjectStore,
    ) -> None:
        object_id = objects.put(bytes(40_000_000))

        tracemalloc.start()
        with objects.open(object_id) as file:
            size_bytes = sum(len(piece) for piece in iter(lambda: file.read(500_000), b""))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert size_bytes == 40_000_000
        assert peak_bytes < 4_000_000

    def test_an_object_is_copied_with_its_executable_bit(
        self, objects: ObjectStore, tmp_path: Path
    ) -> None:
        object_id = objects.put(b"#!/bin/sh\n")

        objects.copy_to(object_id, tmp_path / "plain")
        objects.copy_to(object_id, tmp_path / "script", executable=True)

        assert (tmp_path / "script").read_bytes() == b"#!/bin/sh\n"
        assert os.access(tmp_path / "script", os.X_OK)
        assert not (tmp_path / "plain").stat().st_mode & 0o111

    def test_a_copy_never_overwrites_a_file(self, objects: ObjectStore, tmp_path: Path) -> None:
        object_id = objects.put(b"new")
        (tmp_path / "file").write_text("old")

        with pytest.raises(ConflictError):
            objects.copy_to(object_id, tmp_path / "file")

        assert (tmp_path / "file").read_text() == "old"

    def test_a_copy_never_writes_through_a_link(self, objects: ObjectStore, tmp_path: Path) -> None:
        object_id = objects.put(b"new")
        (tmp_path / "victim").write_text("old")
        (tmp_path / "link").symlink_to(tmp_path / "victim")

        with pytest.raises(ConflictError):
            objects.copy_to(object_id, tmp_path / "link")

        assert (tmp_path / "victim").read_text() == "old"

    def test_a_missing_object_is_said_to_be_missing(self, objects: ObjectStore) -> None:
        object_id = "0" * 64

        assert not objects.contains(object_id)
        for read in (objects.get, objects.open, objects.size_bytes):
            with pytest.raises(NotFoundError):
                read(object_id)
        objects.delete(object_id)

    @pytest.mark.parametrize(
        "hostile", ["", "../" * 8, "a" * 63, "A" * 64, "a" * 64 + "\n", "/" * 64]
    )
    def test_a_hostile_id_never_becomes_a_path(self, objects: ObjectStore, hostile: str) -> None:
        for act in (
            objects.get,
            objects.open,
            objects.size_bytes,
            objects.contains,
            objects.delete,
        ):
            with pytest.raises(InvalidRequestError):
                act(hostile)

    @pytest.mark.parametrize("make", ["folder", "pipe", "link"])
    def test_only_a_regular_file_is_taken(
        self, objects: ObjectStore, tmp_path: Path, make: str
    ) -> None:
        path = tmp_path / "odd"
        if make == "folder":
            path.mkdir()
        elif make == "pipe":
            os.mkfifo(path)
        else:
            (tmp_path / "file").write_text("text")
            path.symlink_to(tmp_path / "file")

        with pytest.raises(InvalidRequestError):
            objects.put_file(path)

    def test_a_missing_file_is_the_callers_to_handle(
        self, objects: ObjectStore, tmp_path: Path
    ) -> None:
        with pytest.raises(FileNotFoundError):
            objects.put_file(tmp_path / "absent")

        assert list(objects.ids()) == []

    def test_several_files_are_kept_together_and_a_missing_one_is_said_to_be(
        self, objects: ObjectStore, tmp_path: Path
    ) -> None:
        (tmp_path / "small").write_bytes(b"small")
        (tmp_path / "big").write_bytes(BIG)

        small, missing, big, again = objects.put_files(
            [tmp_path / "small", tmp_path / "absent", tmp_path / "big", tmp_path / "small"]
        )

        assert missing is None
        assert small == again
        assert objects.get(str(small)) == b"small"
        assert objects.get(str(big)) == BIG

    def test_large_files_kept_at_the_same_time_are_each_kept_whole(
        self, objects: ObjectStore, tmp_path: Path
    ) -> None:
        contents = [bytes([letter]) + os.urandom(PARALLEL_BYTES) for letter in b"abc"]
        paths = [tmp_path / str(number) for number in range(5)]
        for path, content in zip(paths, [*contents, contents[0], b"small"], strict=True):
            path.write_bytes(content)

        first, *others, again, small = objects.put_files(paths)

        assert again == first
        assert [objects.get(str(one)) for one in (first, *others, small)] == [*contents, b"small"]

    def test_many_threads_putting_the_same_bytes_make_one_object(
        self, objects: ObjectStore
    ) -> None:
        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(lambda index: objects.put(b"%d" % (index % 10)), range(400)))

        assert set(objects.ids()) == ids
        assert len(ids) == 10
