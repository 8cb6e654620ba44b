"""Objects that several servers share: who needs one and who removes it never miss each other."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.errors import (
    AsyncExecError,
    CorruptObjectError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from jupyter_async_exec.objects import remote, use_marks
from jupyter_async_exec.objects.bucket import Bucket, Found
from jupyter_async_exec.objects.remote import RemoteObjectStore, open_remote
from jupyter_async_exec.objects.use_marks import GOING, USED, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.s3 import S3

DAY_S = 86_400.0


class HookedBucket(Bucket):
    """A folder; calls a function before each request."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"file://{folder}")
        self.before: Callable[[str], None] = lambda _: None

    def find(self, key: str) -> Found | None:
        self.before("find")
        return super().find(key)

    def create(self, key: str, path: Path) -> bool:
        self.before("create")
        return super().create(key, path)

    def mark(self, key: str) -> None:
        self.before("mark")
        super().mark(key)

    def fetch(self, key: str, path: Path) -> None:
        self.before("fetch")
        super().fetch(key, path)

    def list(self, folder: str = "") -> Iterator[tuple[str, Found | None]]:
        self.before("list")
        return super().list(folder)

    def delete(self, key: str) -> None:
        self.before("delete")
        super().delete(key)


class Place:
    """A bucket, and stores on it as several machines have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_machines = 0

    def bucket(self) -> HookedBucket:
        return HookedBucket(self.folder / "far")

    def machine(self, bucket: Bucket | None = None) -> RemoteObjectStore:
        self.n_machines += 1
        cache = self.folder / f"cache {self.n_machines}"
        return RemoteObjectStore(bucket or self.bucket(), cache)

    def put_long_ago(self, data: bytes, *, ago_s: float = 3 * DAY_S) -> str:
        object_id = self.machine().put(data)
        self.age(key_of(object_id), ago_s)
        return object_id

    def age(self, key: str, ago_s: float) -> None:
        then_s = time.time() - ago_s
        os.utime(self.folder / "far" / key, (then_s, then_s))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def away(_: str) -> None:
    raise UnavailableError("The object store does not answer.")


def test_what_nobody_needs_is_removed_and_what_was_used_lately_stays(place: Place) -> None:
    unused, used = place.put_long_ago(b"unused"), place.put_long_ago(b"used")
    place.machine().touch(used)

    freed = [
        place.machine().discard_unused(each, since_s=time.time() - DAY_S) for each in (unused, used)
    ]

    assert freed[0] > 0
    assert freed[1] == 0
    assert list(place.machine().ids()) == [used]
    assert list(place.bucket().list(GOING)) == []
    assert [name for name, _ in place.bucket().list(USED)] == [used]


def test_what_was_used_within_the_hour_stays_whatever_is_asked_for(place: Place) -> None:
    object_id = place.put_long_ago(b"new", ago_s=use_marks.SPARED_S - 60)

    freed_bytes = place.machine().discard_unused(object_id, since_s=time.time() + DAY_S)

    assert freed_bytes == 0
    assert place.machine().contains(object_id)


@pytest.mark.parametrize("what", ["put", "touch"])
def test_who_needs_an_object_and_who_removes_it_never_miss_each_other(
    tmp_path: Path, what: str
) -> None:
    """Whoever needs it begins before each single request of whoever removes it."""
    n_requests = count_requests_of_a_removal(Place(tmp_path / "count"))
    assert n_requests > 5
    for step in range(n_requests + 1):
        place = Place(tmp_path / str(step))
        object_id, needing, bucket = place.put_long_ago(b"data"), place.machine(), place.bucket()
        kept: list[bool] = []

        def need(
            objects: RemoteObjectStore = needing, its: str = object_id, kept: list[bool] = kept
        ) -> None:
            kept.append(objects.touch(its) if what == "touch" else bool(objects.put(b"data")))

        thread = threading.Thread(target=need)
        removing = Beginning(bucket, step, thread)
        place.machine(bucket).discard_unused(object_id, since_s=time.time() - DAY_S)
        removing.let_begin()
        thread.join()

        is_there = place.machine().contains(object_id)
        assert is_there is kept[0], f"step {step}"
        assert what == "touch" or is_there
        assert list(place.bucket().list(GOING)) == []


class Beginning:
    """Starts a thread before the nth request of a bucket, and lets it get as far as it can."""

    def __init__(self, bucket: HookedBucket, step: int, thread: threading.Thread) -> None:
        self._left = step
        self._thread = thread
        self._has_begun = False
        bucket.before = self._before

    def _before(self, _: str) -> None:
        self._left -= 1
        if self._left < 0:
            self.let_begin()

    def let_begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._thread.start()
            # It is done, or it waits for us.
            self._thread.join(0.1)


def count_requests_of_a_removal(place: Place) -> int:
    object_id, bucket, asked = place.put_long_ago(b"data"), place.bucket(), list[str]()
    bucket.before = asked.append
    assert place.machine(bucket).discard_unused(object_id, since_s=time.time() - DAY_S) > 0
    return len(asked)


def test_a_removal_whose_process_died_holds_nobody_up_for_ever(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id = place.machine().put(b"data")
    place.bucket().mark(f"{GOING}/{object_id}")
    monkeypatch.setattr(use_marks, "PATIENCE_S", 0.2)

    with pytest.raises(UnavailableError, match="try again"):
        place.machine().touch(object_id)
    place.age(f"{GOING}/{object_id}", use_marks.ABANDONED_S + 1)

    assert place.machine().touch(object_id)
    assert list(place.bucket().list(GOING)) == []


def test_what_was_put_is_not_sent_or_asked_about_again(place: Place) -> None:
    bucket = place.bucket()
    objects, asked = place.machine(bucket), list[str]()
    object_id = objects.put(b"data")
    bucket.before = asked.append

    objects.put(b"data")
    objects.touch_all([object_id])
    objects.get(object_id)

    assert asked == []


def test_nothing_is_put_while_the_storage_is_away_and_it_can_be_put_afterwards(
    place: Place,
) -> None:
    bucket = place.bucket()
    objects = place.machine(bucket)
    bucket.before = away

    for _ in range(2):
        with pytest.raises(UnavailableError):
            objects.put(b"data")
    bucket.before = lambda _: None
    object_id = objects.put(b"data")

    assert place.machine().get(object_id) == b"data"


def test_what_was_read_before_can_be_read_while_the_storage_is_away(place: Place) -> None:
    bucket = place.bucket()
    objects, object_id = place.machine(bucket), place.machine().put(b"data")
    objects.get(object_id)

    bucket.before = away

    assert objects.get(object_id) == b"data"
    with pytest.raises(UnavailableError):
        objects.get("0" * 64)


def test_a_damaged_copy_is_fetched_again_and_a_damaged_object_is_said_to_be(place: Place) -> None:
    writing, reading = place.machine(), place.machine()
    object_id = writing.put(os.urandom(2_000_000))
    data = reading.get(object_id)
    damage(reading, object_id)

    assert reading.get(object_id) == data

    far = place.folder / "far" / key_of(object_id)
    far.write_bytes(far.read_bytes()[:-1] + b"?")
    assert reading.get(object_id) == data
    with pytest.raises(CorruptObjectError):
        reading.check(object_id)
    with pytest.raises(CorruptObjectError):
        place.machine().get(object_id)


def test_a_damaged_copy_is_never_sent(place: Place) -> None:
    objects = place.machine()
    object_id = objects.put(os.urandom(2_000))
    damage(objects, object_id)
    place.bucket().delete(key_of(object_id))
    objects._marks.forget(object_id)

    with pytest.raises(UnavailableError, match="try again"):
        objects._send({object_id: (objects._cache._path(object_id), False)})

    assert not objects.contains(object_id)


def damage(objects: RemoteObjectStore, object_id: str) -> None:
    path = Path(objects._cache._path(object_id))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def test_copies_take_no_more_room_than_they_may(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIDY_INTERVAL_S", 0.0)
    monkeypatch.setattr("jupyter_async_exec.objects.local_cache.IN_USE_S", 0.0)
    objects = RemoteObjectStore(place.bucket(), place.folder / "small", cache_bytes=500_000)

    ids = [objects.put(os.urandom(100_000)) for _ in range(10)]

    assert objects._cache.used_bytes() <= 600_000
    assert [len(objects.get(each)) for each in ids] == [100_000] * 10


def test_what_a_killed_process_left_of_a_copy_is_named_and_removed(place: Place) -> None:
    objects = RemoteObjectStore(place.bucket(), place.folder / "copies")
    half = objects.arrival_path("a" * 64, "sender")
    half.write_bytes(b"half")
    assert objects.leftovers() == ()
    os.utime(half, (0, 0))

    assert objects.leftovers() == (str(half),)
    objects.remove_leftovers()

    assert not half.exists()


@pytest.mark.parametrize("url", ["", "bucket/prefix", "nowhere://bucket", "s3://key:secret@bucket"])
def test_an_address_that_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(AsyncExecError, match=r"\.$"):
        open_remote(url, tmp_path)


def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="configured"):
        open_remote("s3://bucket", tmp_path, options={"key": "a", "username": "b"})


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_said_to_be(s3: S3, tmp_path: Path) -> None:
    objects = open_remote("s3://no-such-bucket/team", tmp_path, options=s3.options)

    with pytest.raises(UnavailableError, match="no-such-bucket"):
        objects.put(b"data")


@pytest.mark.slow
def test_a_large_file_is_sent_in_parts_and_never_written_over(s3: S3, tmp_path: Path) -> None:
    data = os.urandom(11_000_000)
    path, copy = tmp_path / "large", tmp_path / "copy"
    path.write_bytes(data)
    objects = open_remote("s3://bucket/large", tmp_path / "a", options=s3.options)
    bucket = Bucket("s3://bucket/large", s3.options)

    object_id = objects.put_file(path)
    open_remote("s3://bucket/large", tmp_path / "b", options=s3.options).copy_to(object_id, copy)

    assert copy.read_bytes() == data
    assert bucket.create(key_of(object_id), path) is False


@pytest.mark.slow
def test_a_storage_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    options = {
        "endpoint_url": "http://127.0.0.1:9",
        "key": "a",
        "secret": "b",
        # Once is enough here.
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    objects = open_remote("s3://bucket", tmp_path, options=options)

    with pytest.raises(UnavailableError, match="does not answer"):
        objects.put(b"data")
    with pytest.raises(UnavailableError):
        objects.get("0" * 64)
    with pytest.raises(NotFoundError):
        objects._cache.get("0" * 64)
