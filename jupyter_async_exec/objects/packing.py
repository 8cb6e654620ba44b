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
    from collections.abc import Iterator, Sequence

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

#: Blocks that are read at once at most; systems take 1,024 buffers or more (POSIX: IOV_MAX).
N_BUFFERS = 512

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


class Unframing:
    """Takes bytes out of a frame of bytes as they are, wherever that was cut."""

    def __init__(self) -> None:
        #: What has come of what is next besides bytes, and how long that is.
        self._header = b""
        self._header_bytes = len(FRAME_START)
        #: What is still to come of a block.
        self._left_bytes = 0
        self._is_last = False

    @property
    def has_ended(self) -> bool:
        """Whether all of the frame has come."""
        return self._is_last and not self._left_bytes

    def unpack(self, data: memoryview) -> Iterator[memoryview]:
        """Yield the bytes in what comes next, without a copy.

        Raises
        ------
        ValueError
            It is no such frame, or more than one.
        """
        while data:
            if self._left_bytes:
                block, data = data[: self._left_bytes], data[self._left_bytes :]
                self._left_bytes -= len(block)
                yield block
                continue
            if self._is_last:
                raise ValueError("Something follows the frame.")
            n_lacking = self._header_bytes - len(self._header)
            self._header += bytes(data[:n_lacking])
            data = data[n_lacking:]
            if len(self._header) == self._header_bytes:
                self._read_header()

    def _read_header(self) -> None:
        if self._header_bytes == BLOCK_HEADER_BYTES:
            header = int.from_bytes(self._header, "little")
            self._is_last, kind, self._left_bytes = bool(header & 1), header >> 1 & 3, header >> 3
            if kind or self._left_bytes > BLOCK_BYTES:
                raise ValueError("A block is not of bytes as they are.")
        elif self._header != FRAME_START:
            raise ValueError("The frame is another one.")
        self._header, self._header_bytes = b"", BLOCK_HEADER_BYTES


def framed_bytes(size_bytes: int) -> int:
    """Return how long the frame of so many bytes is, as they are."""
    n_blocks = -(-size_bytes // BLOCK_BYTES)
    return len(FRAME_START) + n_blocks * BLOCK_HEADER_BYTES + size_bytes + len(FRAME_END)


def read_framed(
    descriptor: int, size_bytes: int, offset: int, limit_bytes: int
) -> bytes | memoryview:
    """Return a part of the frame of a file's bytes as they are; nothing if it became shorter.

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
    last = min(last, first + N_BUFFERS)
    begin, end = (min(each * BLOCK_BYTES, size_bytes) for each in (first, last))
    sizes_bytes = [min(BLOCK_BYTES, end - place) for place in range(begin, end, BLOCK_BYTES)]
    frame_end = FRAME_END if end == size_bytes else b""
    n_others = len(FRAME_START) + len(sizes_bytes) * BLOCK_HEADER_BYTES + len(frame_end)
    # Everything is read to where it belongs: to put it there afterwards is one more copy.
    frame = memoryview(bytearray(n_others + end - begin))
    frame[: len(FRAME_START)] = FRAME_START
    place, targets = len(FRAME_START), []
    for block_bytes in sizes_bytes:
        frame[place : place + BLOCK_HEADER_BYTES] = _block_header(block_bytes)
        place += BLOCK_HEADER_BYTES
        targets.append(frame[place : place + block_bytes])
        place += block_bytes
    frame[place:] = frame_end
    if not _fill(targets, descriptor, begin):
        return b""
    # As if the first of these blocks were the first of all.
    cut = offset - first * stride_bytes
    return frame[cut : cut + limit_bytes]


def _fill(targets: Sequence[memoryview], descriptor: int, offset: int) -> bool:
    """Read bytes of a file into several places; tell whether there are so many."""
    if os.preadv(descriptor, targets, offset) == sum(map(len, targets)):
        return True
    # Who is interrupted reads less.
    for target in targets:
        content = read_at(descriptor, offset, len(target))
        if len(content) < len(target):
            return False
        target[:] = content
        offset += len(target)
    return True


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
        yield _block_header(len(block))
        yield block


def _block_header(block_bytes: int) -> bytes:
    # Bit 0: whether it is the last; bits 1 and 2: that it is not compressed.
    return (block_bytes << 3).to_bytes(BLOCK_HEADER_BYTES, "little")


def _compressor() -> zstandard.ZstdCompressor:
    # One for each thread: it must not be shared, and making one is dear.
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        _local.compressor = compressor
    return compressor
