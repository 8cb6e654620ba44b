"""Large files are read where they lie, and what changed meanwhile never passes for what it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.errors import NotFoundError, UnavailableError
from jupyter_async_exec.objects import lending
from jupyter_async_exec.objects.lending import LendingStore
from jupyter_async_exec.objects.local import LocalObjectStore

if TYPE_CHECKING:
    from jupyter_async_exec.objects.base import ObjectStore


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "LENT_BYTES", 100_000)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, told: list[str]) -> LendingStore:
    return LendingStore(tmp_path / "objects", kept=told.append, n_lent=2)


def made(path: Path, content: bytes | None = None) -> Path:
    path.write_bytes(os.urandom(500_000) if content is None else content)
    return path


def kept_form(store: ObjectStore, object_id: str, *, portion_bytes: int = 70_000) -> bytes:
    _, total_bytes = store.read_packed(object_id, offset=0, limit_bytes=0)
    return b"".join(
        store.read_packed(object_id, offset=offset, limit_bytes=portion_bytes)[0]
        for offset in range(0, total_bytes, portion_bytes)
    )


def test_a_large_file_is_read_where_it_lies_as_if_it_were_kept(
    store: LendingStore, told: list[str], tmp_path: Path
) -> None:
    path = made(tmp_path / "large")
    elsewhere = LocalObjectStore(tmp_path / "elsewhere")

    object_id = store.put_file(path)

    assert store.lends(object_id)
    assert told == [object_id]
    assert store.size_bytes(object_id) == 500_000
    arrived = elsewhere.arrival_path(object_id, "sender")
    arrived.write_bytes(kept_form(store, object_id))
    elsewhere.adopt({object_id: arrived})
    assert elsewhere.get(object_id) == path.read_bytes()


def test_what_is_small_or_shrinks_or_is_one_too_many_is_copied(
    store: LendingStore, tmp_path: Path
) -> None:
    copied = [made(tmp_path / "small", os.urandom(50_000)), made(tmp_path / "even", bytes(500_000))]
    lent = [made(tmp_path / f"lent {index}") for index in range(2)]

    ids = store.put_files([*copied, *lent, made(tmp_path / "one too many")])

    assert [each is not None and store.lends(each) for each in ids] == [
        *(False, False),
        *(True, True),
        False,
    ]
    assert all(each is not None and store.contains(each) for each in ids)


def test_the_same_bytes_are_lent_once(store: LendingStore, told: list[str], tmp_path: Path) -> None:
    path = made(tmp_path / "large")

    ids = store.put_files([path, made(tmp_path / "again", path.read_bytes())])

    assert ids == (told[0], told[0])
    assert len(told) == 1


def test_a_file_may_be_removed_while_it_is_lent(store: LendingStore, tmp_path: Path) -> None:
    object_id = store.put_file(path := made(tmp_path / "large"))
    before = kept_form(store, object_id)

    path.unlink()

    assert kept_form(store, object_id) == before


def test_a_file_that_changed_is_not_lent_again_but_copied(
    store: LendingStore, tmp_path: Path
) -> None:
    before = store.put_file(path := made(tmp_path / "large"))

    with path.open("ab") as growing:
        growing.write(b"more")
    with pytest.raises(UnavailableError, match="changed meanwhile"):
        store.read_packed(before, offset=0, limit_bytes=1_000)
    after = store.put_file(path)

    with pytest.raises(NotFoundError):
        store.read_packed(before, offset=0, limit_bytes=1_000)
    assert not store.lends(after)
    assert store.get(after) == path.read_bytes()


def test_a_change_that_shows_in_no_time_is_found_when_it_is_doubted(
    store: LendingStore, tmp_path: Path
) -> None:
    changed = store.put_file(path := made(tmp_path / "changed"))
    steady = store.put_file(made(tmp_path / "steady"))
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.contains(changed)

    store.recheck([changed, steady])

    assert not store.contains(changed)
    assert store.contains(steady)
    assert not store.lends(store.put_file(path))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists them")
def test_what_is_returned_is_closed(store: LendingStore, tmp_path: Path) -> None:
    def n_open() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = n_open()
    store.put_files([made(tmp_path / f"{index}") for index in range(2)])
    assert n_open() == before + 2

    store.close()

    assert n_open() == before
