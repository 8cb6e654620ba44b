"""A cache keeps what was used last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.objects import local_cache
from jupyter_async_exec.objects.local_cache import Cache

if TYPE_CHECKING:
    import pytest


def age(cache: Cache, object_id: str, seconds: float) -> None:
    path = Path(cache._path(object_id))
    status = path.stat()
    os.utime(path, (status.st_atime - seconds, status.st_mtime - seconds))


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    ids = [cache.put(os.urandom(100_000)) for _ in range(5)]
    for index, object_id in enumerate(ids):
        age(cache, object_id, 10_000 - 1_000 * index)
    cache.touch(ids[0])

    cache.make_room(400_000)

    assert [cache.contains(each) for each in ids] == [True, False, False, True, True]


def test_what_is_in_use_stays_however_little_room_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    object_id = cache.put(os.urandom(100_000))
    age(cache, object_id, local_cache.IN_USE_S / 2)

    cache.make_room(0)

    assert cache.contains(object_id)


def test_what_nobody_has_sent_on_for_a_day_makes_room_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    object_id = cache.put(os.urandom(100_000))
    age(cache, object_id, 10_000)
    abandoned = cache.arrival_path("a" * 64, "store")
    abandoned.write_bytes(bytes(100_000))
    os.utime(abandoned, (0, 0))

    cache.make_room(150_000)

    assert not abandoned.exists()
    assert cache.contains(object_id)
