"""What is compared with its id while it is written is held to the same as what is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.objects.local_file import HEADER, Verifier, pack_header

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
