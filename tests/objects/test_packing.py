"""What would hardly shrink is kept as it is, in a form that every reader of objects knows."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import zstandard

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.objects.local_file import HEADER
from jupyter_async_exec.objects.packing import (
    BLOCK_BYTES,
    FRAME_END,
    FRAME_START,
    Framing,
    Unframing,
    framed_bytes,
    read_framed,
    shrinks_hardly,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZES = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 400_000]


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def framed(data: bytes) -> bytes:
    framing = Framing()
    return framing.pack(data) + framing.end()


@pytest.mark.parametrize("size_bytes", SIZES)
def test_a_frame_of_bytes_as_they_are_is_one_of_zstandard(size_bytes: int) -> None:
    data = os.urandom(size_bytes)

    frame = framed(data)

    assert len(frame) == framed_bytes(size_bytes)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(frame) == data


@pytest.mark.parametrize("limit_bytes", [1_000, BLOCK_BYTES, BLOCK_BYTES + 3, 10_000_000])
@pytest.mark.parametrize("size_bytes", SIZES)
def test_a_frame_is_read_in_parts_out_of_the_file_of_its_bytes(
    descriptor: int, size_bytes: int, limit_bytes: int
) -> None:
    data = os.urandom(size_bytes)
    os.write(descriptor, data)

    parts = [
        read_framed(descriptor, size_bytes, offset, limit_bytes)
        for offset in range(0, framed_bytes(size_bytes), limit_bytes)
    ]

    assert b"".join(parts) == framed(data)
    assert all(len(part) == limit_bytes for part in parts[:-1])


@pytest.mark.parametrize("size_bytes", SIZES)
def test_a_frame_may_be_cut_anywhere_in_its_end(descriptor: int, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    os.write(descriptor, data)
    total_bytes = framed_bytes(size_bytes)

    for offset in range(max(0, total_bytes - 8), total_bytes + 1):
        assert read_framed(descriptor, size_bytes, offset, 1_000) == framed(data)[offset:]


def test_of_a_file_that_became_shorter_nothing_is_read(descriptor: int) -> None:
    os.write(descriptor, os.urandom(3 * BLOCK_BYTES - 1))

    assert not read_framed(descriptor, 3 * BLOCK_BYTES, 0, 1_000_000)
    assert read_framed(descriptor, 3 * BLOCK_BYTES, 0, 1_000)


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="the system reads into one buffer only")
def test_what_is_read_by_and_by_is_whole(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(400_000)
    os.write(descriptor, data)
    monkeypatch.setattr(os, "preadv", lambda descriptor, buffers, offset: 0)

    assert read_framed(descriptor, len(data), 0, 1_000_000) == framed(data)


@pytest.mark.parametrize("portion_bytes", [1_000, BLOCK_BYTES, BLOCK_BYTES + 3, 10_000_000])
@pytest.mark.parametrize("size_bytes", SIZES)
def test_bytes_are_taken_out_of_a_frame_wherever_it_is_cut(
    size_bytes: int, portion_bytes: int
) -> None:
    data = os.urandom(size_bytes)
    frame = memoryview(framed(data))
    unframing = Unframing()

    taken = [
        bytes(part)
        for place in range(0, len(frame), portion_bytes)
        for part in unframing.unpack(frame[place : place + portion_bytes])
    ]

    assert b"".join(taken) == data
    assert unframing.has_ended


def test_of_a_frame_without_its_end_nobody_says_that_it_has_ended() -> None:
    frame = framed(b"some bytes")

    for end in range(len(frame)):
        unframing = Unframing()
        list(unframing.unpack(memoryview(frame)[:end]))
        assert not unframing.has_ended


@pytest.mark.parametrize(
    "frame",
    [
        zstandard.ZstdCompressor().compress(bytes(1_000)),
        FRAME_START + bytes.fromhex("450000"),
        FRAME_START + ((BLOCK_BYTES + 1) << 3).to_bytes(3, "little"),
        FRAME_START + FRAME_END + b"?",
    ],
    ids=["of another kind", "with a compressed block", "with a long block", "and more"],
)
def test_what_is_no_frame_of_bytes_as_they_are_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame|block"):
        list(Unframing().unpack(memoryview(frame)))


def test_a_file_is_judged_by_all_its_parts(descriptor: int) -> None:
    size_bytes = 8_000_000

    os.write(descriptor, os.urandom(size_bytes))
    assert shrinks_hardly(descriptor, size_bytes)

    # It begins as before, and has room for savings at its end.
    os.pwrite(descriptor, bytes(size_bytes // 2), size_bytes // 2)
    assert not shrinks_hardly(descriptor, size_bytes)
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0


def test_a_large_file_that_would_hardly_shrink_is_kept_as_it_is(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    (tmp_path / "file").write_bytes(content := os.urandom(3_000_000))

    object_id = objects.put_file(tmp_path / "file")

    kept = objects.file_of(object_id).read_bytes()
    assert kept[HEADER.size :] == framed(content)
    assert objects.get(object_id) == content


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_the_program_zstd_reads_what_is_kept_as_it_is(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    (tmp_path / "file").write_bytes(content := os.urandom(3_000_000))
    object_id = objects.put_file(tmp_path / "file")

    printed = subprocess.run(
        ["zstd", "-dc", str(objects.file_of(object_id))], capture_output=True, check=True
    )

    assert printed.stdout == content


def test_the_parts_of_a_frame_are_those_of_the_format() -> None:
    assert framed(b"") == FRAME_START + FRAME_END
    assert framed(b"abc") == FRAME_START + b"\x18\x00\x00abc" + FRAME_END
