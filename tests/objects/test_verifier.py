"""What is compared with its id while it is written is held to the same as what is read."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard

from jupyter_async_exec.errors import CorruptObjectError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.objects.local_file import (
    HEADER,
    Verifier,
    complete_header,
    pack_header,
    verify_file,
)
from jupyter_async_exec.objects.packing import FRAME_START, Framing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path)


def packed(objects: LocalObjectStore, data: bytes) -> tuple[str, bytes]:
    object_id = objects.put(data)
    return object_id, objects.file_of(object_id).read_bytes()


def is_right(object_id: str, data: bytes, *, portion_bytes: int = 7) -> bool:
    verifier = Verifier(object_id)
    for start in range(0, len(data), portion_bytes):
        verifier.update(memoryview(data)[start : start + portion_bytes])
    return verifier.is_right()


@pytest.mark.parametrize("portion_bytes", [1, 27, 28, 29, 1_000_000])
@pytest.mark.parametrize("data", [b"", b"some bytes", os.urandom(300_000), bytes(30_000_000)])
def test_an_object_is_right_in_whatever_portions_it_comes(
    objects: LocalObjectStore, data: bytes, portion_bytes: int
) -> None:
    object_id, file = packed(objects, data)

    assert is_right(object_id, file, portion_bytes=max(portion_bytes, len(file) // 1_000))


def damaged(file: bytes) -> Iterator[bytes]:
    for position in range(len(file)):
        yield file[:position] + bytes([file[position] ^ 1]) + file[position + 1 :]
        yield file[:position]
    yield file + b"?"


def test_whatever_is_damaged_is_noticed(objects: LocalObjectStore) -> None:
    object_id, file = packed(objects, b"precious bytes")

    assert not any(is_right(object_id, each) for each in damaged(file))


def as_it_is(data: bytes, *, has_crc: bool = True) -> tuple[str, bytes]:
    framing = Framing()
    frame = framing.pack(data) + framing.end()
    crc = zlib.crc32(frame) if has_crc else None
    return hashlib.sha256(data).hexdigest(), pack_header(len(data), len(frame), crc) + frame


@pytest.mark.parametrize("has_crc", [True, False])
@pytest.mark.parametrize("portion_bytes", [1, 33, 34, 35, 1_000_000])
def test_what_is_kept_as_it_is_is_right_in_whatever_portions_it_comes(
    portion_bytes: int, has_crc: bool
) -> None:
    object_id, file = as_it_is(os.urandom(300_000), has_crc=has_crc)

    assert is_right(object_id, file, portion_bytes=max(portion_bytes, len(file) // 1_000))


@pytest.mark.parametrize("has_crc", [True, False])
def test_whatever_is_damaged_of_what_is_kept_as_it_is_is_noticed(has_crc: bool) -> None:
    object_id, file = as_it_is(b"precious bytes", has_crc=has_crc)
    # Where there is no checksum there is nothing to damage, and with a larger window than it
    # needs it is the same object.
    n_others = 0 if has_crc else 4 + 1

    assert sum(is_right(object_id, each) for each in damaged(file)) == n_others


def test_what_only_begins_like_bytes_as_they_are_is_left_to_whoever_reads_it(
    tmp_path: Path,
) -> None:
    data = bytes(300_000)
    small_window = zstandard.ZstdCompressionParameters.from_level(
        3, window_log=17, write_content_size=False
    )
    frame = zstandard.ZstdCompressor(compression_params=small_window).compress(data)
    assert frame.startswith(FRAME_START)
    object_id = hashlib.sha256(data).hexdigest()
    file = pack_header(len(data), len(frame), zlib.crc32(frame)) + frame
    (tmp_path / "file").write_bytes(file)

    assert not is_right(object_id, file)
    verify_file(object_id, tmp_path / "file")


@pytest.mark.parametrize("is_known", [True, False])
def test_a_checksum_that_is_lacking_is_written(tmp_path: Path, is_known: bool) -> None:
    data = os.urandom(300_000)
    (object_id, whole), (_, lacking) = as_it_is(data), as_it_is(data, has_crc=False)
    path = tmp_path / "file"
    path.write_bytes(lacking)
    with pytest.raises(CorruptObjectError):
        verify_file(object_id, path)

    complete_header(path, zlib.crc32(lacking[HEADER.size :]) if is_known else None)

    assert path.read_bytes() == whole
    verify_file(object_id, path)


def test_a_checksum_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    _, file = as_it_is(b"data")
    path = tmp_path / "file"
    for content in (file, file[:-1], file[:10], b""):
        path.write_bytes(content)

        complete_header(path, 0)

        assert path.read_bytes() == content


def test_another_object_is_not_right(objects: LocalObjectStore) -> None:
    _, file = packed(objects, b"other")
    wanted, _ = packed(objects, b"wanted")

    assert not is_right(wanted, file)


def test_what_holds_more_than_it_says_is_not_unpacked_to_its_end(
    objects: LocalObjectStore,
) -> None:
    object_id, file = packed(objects, bytes(30_000_000))
    lying = pack_header(10, len(file) - HEADER.size, 0) + file[HEADER.size :]
    verifier = Verifier(object_id)

    verifier.update(lying)

    assert not verifier.is_right()
    assert verifier._plain_bytes <= 10 + 1024 * 1024
