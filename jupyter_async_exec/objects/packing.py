"""How bytes become the kept form of an object: compressed, or as they are where that saves little.

The second is a Zstandard frame of blocks that are not compressed. Where such a
frame has which bytes follows from its length alone, so that it can be read out
of a file that lies elsewhere; see `lending`.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator

ZSTD_LEVEL = 3
#: What shrinks less than to this share is kept as it is.
HARDLY = 0.95
#: What a larger file is judged by: so many samples of so many bytes, evenly spread.
N_SAMPLES = 16
SAMPLE_BYTES = 64 * 1024
#: For samples; whether something shrinks at all, it tells as well as the usual level.
_QUICK_LEVEL = 1

#: The magic number of a frame, no size, no checksum, and a window of 128 KiB: the least memory
#: that a reader can do with. Source: RFC 8878, 3.1.1.
FRAME_START = bytes.fromhex("28b52ffd 00 38")
#: The largest block of such a frame.
BLOCK_BYTES = 128 * 1024
BLOCK_HEADER_BYTES = 3
#: A last block without bytes.
FRAME_END = bytes.fromhex("010000")

_local = threading.local()


class Packer(Protocol):
    """Makes the frame of an object out of bytes that come one after the other."""

    def pack(self, chunk: bytes) -> bytes:
        """Return what of the frame is known now."""

    def end(self) -> bytes:
        """Return its rest."""


class Compressing:
    """A frame of compressed bytes."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()

    def pack(self, chunk: bytes) -> bytes:
        """Return what of the frame is known now."""
        return self._compressor.compress(chunk)

    def end(self) -> bytes:
        """Return its rest."""
        return self._compressor.flush()


class Framing:
    """A frame of bytes as they are; its blocks are full where every chunk but the last is."""

    def __init__(self) -> None:
        self._start = FRAME_START

    def pack(self, chunk: bytes) -> bytes:
        """Return what of the frame is known now."""
        framed = b"".join([self._start, *blocks(chunk)])
        self._start = b""
        return framed

    def end(self) -> bytes:
        """Return its rest."""
        return self._start + FRAME_END


def framed_bytes(size_bytes: int) -> int:
    """Return how long the frame of so many bytes is, as they are."""
    n_blocks = -(-size_bytes // BLOCK_BYTES)
    return len(FRAME_START) + n_blocks * BLOCK_HEADER_BYTES + size_bytes + len(FRAME_END)


def read_framed(descriptor: int, size_bytes: int, offset: int, limit_bytes: int) -> bytes:
    """Return a part of the frame of a file's bytes as they are.

    Parameters
    ----------
    descriptor
        Of the file.
    size_bytes
        How long the file is.
    offset, limit_bytes
        Where in the frame the part begins, and how long it may be.
    """
    if offset >= framed_bytes(size_bytes):
        return b""
    stride_bytes = BLOCK_BYTES + BLOCK_HEADER_BYTES
    first = max(0, offset - len(FRAME_START)) // stride_bytes
    # Where the end of the frame is follows from the block before it, which may not be full.
    first = min(first, max(0, size_bytes - 1) // BLOCK_BYTES)
    last = -(-max(0, offset + limit_bytes - len(FRAME_START)) // stride_bytes)
    begin, end = (min(each * BLOCK_BYTES, size_bytes) for each in (first, last))
    content = read_at(descriptor, begin, end - begin)
    parts: list[bytes | memoryview] = list(blocks(content))
    place = len(FRAME_START) + first * stride_bytes
    if first == 0:
        parts.insert(0, FRAME_START)
        place = 0
    if end == size_bytes:
        parts.append(FRAME_END)
    return _cut(parts, offset - place, limit_bytes)


def read_at(descriptor: int, offset: int, n_bytes: int) -> bytes:
    """Return so many bytes of a file, less only where it ends."""
    content = os.pread(descriptor, n_bytes, offset)
    while 0 < len(content) < n_bytes:
        rest = os.pread(descriptor, n_bytes - len(content), offset + len(content))
        if not rest:
            break
        content += rest
    return content


def compress(data: bytes) -> bytes:
    """Return all bytes of an object as a frame."""
    return _compressor().compress(data)


def shrinks_hardly(descriptor: int, size_bytes: int) -> bool:
    """Tell whether a file's bytes are better kept as they are; it is at its beginning after it."""
    samples = []
    for place in range(0, size_bytes, max(SAMPLE_BYTES, size_bytes // N_SAMPLES)):
        os.lseek(descriptor, place, os.SEEK_SET)
        samples.append(os.read(descriptor, SAMPLE_BYTES))
    os.lseek(descriptor, 0, os.SEEK_SET)
    sample = b"".join(samples)
    packed = zstandard.ZstdCompressor(level=_QUICK_LEVEL).compress(sample)
    return len(packed) > HARDLY * len(sample)


def blocks(content: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """Yield bytes as blocks that are not compressed, each after its header."""
    content = memoryview(content)
    for place in range(0, len(content), BLOCK_BYTES):
        block = content[place : place + BLOCK_BYTES]
        # Bit 0: whether it is the last; bits 1 and 2: that it is not compressed.
        yield (len(block) << 3).to_bytes(BLOCK_HEADER_BYTES, "little")
        yield block


def _cut(parts: list[bytes | memoryview], begin: int, limit_bytes: int) -> bytes:
    """Return what lies so far within these bytes, with one copy."""
    chosen = []
    for part in parts:
        chosen.append(part[begin : begin + limit_bytes])
        limit_bytes -= len(chosen[-1])
        begin = max(0, begin - len(part))
    return b"".join(chosen)


def _compressor() -> zstandard.ZstdCompressor:
    # One for each thread: it must not be shared, and making one is dear.
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        _local.compressor = compressor
    return compressor
