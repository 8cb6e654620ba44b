"""The file of one object: its header, and how it is read and checked."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import threading
import zlib
from typing import IO, TYPE_CHECKING, cast

import zstandard

from jupyter_async_exec.errors import CorruptObjectError, NotFoundError
from jupyter_async_exec.objects.packing import FRAME_START, Unframing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK_BYTES = 1024 * 1024
#: A skippable zstd frame, which `zstd -d` passes over, precedes the data: its
#: magic number and length, then the size of the bytes, the size of the
#: compressed bytes, and the CRC-32 of the compressed bytes and these two sizes.
HEADER = struct.Struct("<IIQQI")
HEADER_MAGIC = 0x184D2A5A
HEADER_PAYLOAD_BYTES = HEADER.size - 8
SIZES = struct.Struct("<QQ")
#: In the place of the magic number while an object is carried whose checksum its sender has not
#: found out: whoever takes it in reads all of it anyway, and writes it then.
OPEN_MAGIC = 0x184D2A55

READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

#: What tells how the rest is read; no object is shorter.
_START_BYTES = HEADER.size + len(FRAME_START)

_local = threading.local()


def pack_header(size_bytes: int, compressed_bytes: int, crc: int | None) -> bytes:
    """Return the header of an object.

    Parameters
    ----------
    size_bytes, compressed_bytes
        Of the bytes as they were put, and as they follow the header.
    crc
        CRC-32 of the compressed bytes; None if whoever takes the object in is to find it out.
    """
    if crc is None:
        return HEADER.pack(OPEN_MAGIC, HEADER_PAYLOAD_BYTES, size_bytes, compressed_bytes, 0)
    crc = zlib.crc32(SIZES.pack(size_bytes, compressed_bytes), crc)
    return HEADER.pack(HEADER_MAGIC, HEADER_PAYLOAD_BYTES, size_bytes, compressed_bytes, crc)


def complete_header(path: Path, crc: int | None = None) -> None:
    """Write the checksum of an object that was carried here into its file, if it came without.

    Parameters
    ----------
    path
        The file; whether it is right is not looked at.
    crc
        CRC-32 of the compressed bytes; None to read them.
    """
    with path.open("r+b", buffering=0) as file:
        data = file.read(HEADER.size)
        if len(data) < HEADER.size or HEADER.unpack(data)[0] != OPEN_MAGIC:
            return
        if crc is None:
            crc = 0
            while chunk := file.read(CHUNK_BYTES):
                crc = zlib.crc32(chunk, crc)
        _, _, size_bytes, compressed_bytes, _ = HEADER.unpack(data)
        file.seek(0)
        file.write(pack_header(size_bytes, compressed_bytes, crc))


def read_header(descriptor: int, object_id: str) -> tuple[int, int, int]:
    """Return size, compressed size (bytes) and checksum.

    Raises
    ------
    CorruptObjectError
        The file is not as long as they say, or no file.
    """
    status = os.fstat(descriptor)
    data = os.read(descriptor, HEADER.size) if stat.S_ISREG(status.st_mode) else b""
    return parse_header(data, status.st_size, object_id)


def parse_header(data: bytes, file_bytes: int, object_id: str) -> tuple[int, int, int]:
    """Return size, compressed size (bytes) and checksum from the first bytes of a file.

    Raises
    ------
    CorruptObjectError
        They are none, or the file is not as long (`file_bytes`) as they say.
    """
    if len(data) != HEADER.size:
        raise corrupt(object_id)
    magic, payload_bytes, size_bytes, compressed_bytes, crc = HEADER.unpack(data)
    if (
        magic != HEADER_MAGIC
        or payload_bytes != HEADER_PAYLOAD_BYTES
        or file_bytes != HEADER.size + compressed_bytes
    ):
        raise corrupt(object_id)
    return size_bytes, compressed_bytes, crc


def open_object(path: str, object_id: str) -> int:
    """Open the file of an object; return its descriptor.

    Raises
    ------
    NotFoundError
        There is none.
    CorruptObjectError
        It is a link or cannot be read.
    """
    try:
        return os.open(path, READ_FLAGS)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no object {object_id}.") from error
    except OSError as error:
        # Such as a link where a file should be, or an unreadable sector.
        raise CorruptObjectError(f"The object {object_id} cannot be read: {error}.") from error


def is_plausible(path: str) -> bool:
    """Tell whether a whole object seems to be at `path`, without reading all of it."""
    return plausible_size_bytes(path) is not None


def plausible_size_bytes(path: str) -> int | None:
    """Return the size of the object at `path`, `None` if none seems to be there."""
    try:
        descriptor = os.open(path, READ_FLAGS)
    except OSError:
        return None
    try:
        return read_header(descriptor, path)[0]
    except (CorruptObjectError, OSError):
        return None
    finally:
        os.close(descriptor)


def read_small(descriptor: int, object_id: str) -> bytes | None:
    """Return the checked bytes of an object up to `CHUNK_BYTES`, `None` for a larger one.

    Raises
    ------
    CorruptObjectError
        The bytes are not what was put.
    """
    size_bytes, compressed_bytes, crc = read_header(descriptor, object_id)
    if max(size_bytes, compressed_bytes) > CHUNK_BYTES:
        return None
    compressed = os.read(descriptor, compressed_bytes)
    running_crc = zlib.crc32(SIZES.pack(size_bytes, compressed_bytes), zlib.crc32(compressed))
    if len(compressed) != compressed_bytes or running_crc != crc:
        raise corrupt(object_id)
    try:
        data = _decompressor().decompress(compressed, max_output_size=CHUNK_BYTES)
    except zstandard.ZstdError as error:
        raise corrupt(object_id) from error
    if hashlib.sha256(data).hexdigest() != object_id:
        raise corrupt(object_id)
    return data


class VerifiedReader(io.RawIOBase):
    """Decompresses an object and, at its end, insists that it is what its name says.

    Parameters
    ----------
    descriptor
        At the start of the file; closed with the reader.
    object_id
        The object that it should be.

    Raises
    ------
    CorruptObjectError
        It is not; may be raised by any read.
    """

    def __init__(self, descriptor: int, object_id: str) -> None:
        super().__init__()
        self._object_id = object_id
        self._source = _CheckedSource(descriptor, object_id)
        self._hash = hashlib.sha256()
        # Gives no more than is asked for: a few compressed bytes may be gigabytes.
        source = cast("IO[bytes]", self._source)
        self._plain = zstandard.ZstdDecompressor().stream_reader(source)
        self._done = False

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the next bytes go; return how far."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, all that are left if it is negative."""
        if size is None or size < 0:
            return self.readall()
        if self._done or size == 0:
            return b""
        try:
            piece = self._plain.read(size)
        except zstandard.ZstdError as error:
            raise corrupt(self._object_id) from error
        self._hash.update(piece)
        if not piece:
            self._done = True
            if not self._source.is_whole() or self._hash.hexdigest() != self._object_id:
                raise corrupt(self._object_id)
        return piece

    def readall(self) -> bytes:
        """Return all bytes that are left."""
        return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._source.close()
        super().close()


def verify_file(object_id: str, path: Path) -> None:
    """Read a file to its end.

    Raises
    ------
    NotFoundError
        There is none.
    CorruptObjectError
        It is not the object.
    """
    descriptor = open_object(str(path), object_id)
    try:
        reader = VerifiedReader(descriptor, object_id)
    except BaseException:
        os.close(descriptor)
        raise
    with reader:
        while reader.read(CHUNK_BYTES):
            pass


class Verifier:
    """Is given the file of an object as it is written, and tells at its end whether it is one.

    Whatever it is given, it takes little memory. A header without a checksum is right;
    `complete_header` writes the right one then.

    Parameters
    ----------
    object_id
        The object that it should be.
    """

    def __init__(self, object_id: str) -> None:
        self._object_id = object_id
        self._hash = hashlib.sha256()
        #: The header, and how the frame begins: that tells how it is read.
        self._start = b""
        self._size_bytes = self._left_bytes = self._expected = 0
        self._plain_bytes = 0
        #: Of the compressed bytes.
        self.crc = 0
        self._is_open = False
        # Gives its output in portions: a few compressed bytes may be gigabytes.
        self._plain = zstandard.ZstdDecompressor().stream_writer(
            cast("IO[bytes]", _Sink(self._take)), write_size=CHUNK_BYTES, closefd=False
        )
        #: Of bytes as they are, which need not be copied then.
        self._framed: Unframing | None = None
        self._is_wrong = False

    def update(self, data: bytes | memoryview) -> None:
        """Look at what comes next."""
        view = memoryview(data)
        n_lacking = _START_BYTES - len(self._start)
        if n_lacking > 0:
            self._start += bytes(view[:n_lacking])
            view = view[n_lacking:]
            if len(self._start) == _START_BYTES:
                self._read_header()
                self._look_at(memoryview(self._start)[HEADER.size :])
        self._look_at(view)

    def is_right(self) -> bool:
        """Tell whether all that was given is the file of the object."""
        sizes = SIZES.pack(self._size_bytes, self._size_bytes_packed())
        return (
            not self._is_wrong
            and len(self._start) == _START_BYTES
            and not self._left_bytes
            and (self._framed is None or self._framed.has_ended)
            and self._plain_bytes == self._size_bytes
            and (self._is_open or zlib.crc32(sizes, self.crc) == self._expected)
            and self._hash.hexdigest() == self._object_id
        )

    def _read_header(self) -> None:
        packed_bytes = self._size_bytes_packed()
        header, frame = self._start[: HEADER.size], self._start[HEADER.size :]
        magic, *others = HEADER.unpack(header)
        if magic == OPEN_MAGIC:
            self._is_open, header = True, HEADER.pack(HEADER_MAGIC, *others)
        try:
            found = parse_header(header, HEADER.size + packed_bytes, self._object_id)
        except CorruptObjectError:
            self._is_wrong = True
        else:
            self._size_bytes, self._left_bytes, self._expected = found
        if frame == FRAME_START:
            self._framed = Unframing()

    def _size_bytes_packed(self) -> int:
        """Return how many compressed bytes the header announces."""
        if len(self._start) < _START_BYTES:
            return 0
        packed_bytes: int = HEADER.unpack(self._start[: HEADER.size])[3]
        return packed_bytes

    def _look_at(self, view: memoryview) -> None:
        """Look at what comes next of the frame."""
        if self._is_wrong or not view:
            return
        self._left_bytes -= len(view)
        self.crc = zlib.crc32(view, self.crc)
        try:
            if self._framed is None:
                self._plain.write(view)
            else:
                for block in self._framed.unpack(view):
                    self._take(block)
        except (zstandard.ZstdError, ValueError, CorruptObjectError):
            self._is_wrong = True

    def _take(self, data: bytes | memoryview) -> None:
        self._plain_bytes += len(data)
        if self._plain_bytes > self._size_bytes:
            raise corrupt(self._object_id)
        self._hash.update(data)


class _Sink:
    """A file that passes on what is written to it."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, data: bytes) -> int:
        """Pass it on."""
        self._take(data)
        return len(data)


class _CheckedSource:
    """The compressed bytes of an object, as a file, with their checksum."""

    def __init__(self, descriptor: int, object_id: str) -> None:
        size_bytes, compressed_bytes, self._expected = read_header(descriptor, object_id)
        self._descriptor = descriptor
        self._left_bytes = compressed_bytes
        self._sizes = SIZES.pack(size_bytes, compressed_bytes)
        self._crc = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` of the compressed bytes."""
        chunk = os.read(self._descriptor, min(size, self._left_bytes))
        self._left_bytes -= len(chunk)
        self._crc = zlib.crc32(chunk, self._crc)
        return chunk

    def is_whole(self) -> bool:
        """Tell whether all bytes were read and are as they were written."""
        return not self._left_bytes and zlib.crc32(self._sizes, self._crc) == self._expected

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def corrupt(object_id: str) -> CorruptObjectError:
    """Return the error that says an object is damaged."""
    return CorruptObjectError(
        f"The stored bytes of object {object_id} are damaged.", {"object_id": object_id}
    )


def _decompressor() -> zstandard.ZstdDecompressor:
    # One for each thread: it must not be shared, and making one is dear.
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = zstandard.ZstdDecompressor()
        _local.decompressor = decompressor
    return decompressor
