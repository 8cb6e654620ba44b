"""Objects as compressed files in a folder of this machine."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
import stat
import struct
import threading
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard
from typing_extensions import override

from jupyter_async_exec.errors import (
    ConflictError,
    CorruptObjectError,
    DiskFullError,
    InvalidRequestError,
    NotFoundError,
)
from jupyter_async_exec.objects.base import ObjectStore, ObjectWriter, check_object_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ZSTD_LEVEL = 3
CHUNK_BYTES = 1024 * 1024
#: A skippable zstd frame, which `zstd -d` passes over, precedes the data: its
#: magic number and length, then the size of the bytes, the size of the
#: compressed bytes, and the CRC-32 of the compressed bytes and these two sizes.
HEADER = struct.Struct("<IIQQI")
HEADER_MAGIC = 0x184D2A5A
HEADER_PAYLOAD_BYTES = HEADER.size - 8
SIZES = struct.Struct("<QQ")
PLACE = re.compile(r"[0-9a-f]{2}")
NAME = re.compile(r"[0-9a-f]{62}")

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_WRITE_FLAGS = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class LocalObjectStore(ObjectStore):
    """Objects as zstd files ``ab/cdef…`` below a private folder.

    A file is written under a temporary name in its final folder, synced, and
    renamed; then the folder is synced. So a file under its final name is
    whole, also after a power loss.

    Parameters
    ----------
    directory
        Created if it is missing, readable by its owner only.

    Notes
    -----
    Source: `docs/reference/snapshot-format.md`. The write order is restic's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = Path(directory).absolute()
        with _translating(self._directory):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    @override
    def local_directory(self) -> Path:
        return self._directory

    @override
    def put(self, data: bytes) -> str:
        with self.batch() as batch:
            return batch.put(data)

    @override
    def put_file(self, path: Path) -> str:
        with self.batch() as batch:
            return batch.put_file(path)

    @contextmanager
    @override
    def batch(self) -> Iterator[ObjectWriter]:
        batch = _Batch(self._directory)
        yield batch
        batch.sync()

    @override
    def get(self, object_id: str) -> bytes:
        with self._open_raw(object_id) as raw:
            return raw.read()

    @override
    def open(self, object_id: str) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(self._open_raw(object_id), CHUNK_BYTES // 8))

    @override
    def copy_to(self, object_id: str, path: Path, *, executable: bool = False) -> None:
        with self._open_raw(object_id) as raw:
            try:
                descriptor = os.open(path, _WRITE_FLAGS, 0o777 if executable else 0o666)
            except FileExistsError as error:
                raise ConflictError(f"{path} exists already and is not overwritten.") from error
            try:
                with _translating(path), os.fdopen(descriptor, "wb", buffering=0) as file:
                    while chunk := raw.read(CHUNK_BYTES):
                        _write_all(file.fileno(), chunk)
            except BaseException:
                Path(path).unlink(missing_ok=True)
                raise

    @override
    def size_bytes(self, object_id: str) -> int:
        descriptor = self._open_descriptor(object_id)
        try:
            return _read_header(descriptor, object_id)[0]
        finally:
            os.close(descriptor)

    @override
    def contains(self, object_id: str) -> bool:
        return _is_plausible(self._path(object_id))

    @override
    def ids(self) -> Iterator[str]:
        for place in self._places():
            with os.scandir(place) as entries:
                names = [entry.name for entry in entries]
            for name in names:
                if NAME.fullmatch(name):
                    yield place.name + name

    @override
    def delete(self, object_id: str) -> None:
        self._path(object_id).unlink(missing_ok=True)

    @override
    def used_bytes(self) -> int:
        used_bytes = 0
        for place in self._places():
            with os.scandir(place) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        used_bytes += _room_bytes(entry.stat(follow_symlinks=False))
        return used_bytes

    def _places(self) -> Iterator[Path]:
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if PLACE.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)

    def _path(self, object_id: str) -> Path:
        check_object_id(object_id)
        return self._directory / object_id[:2] / object_id[2:]

    def _open_descriptor(self, object_id: str) -> int:
        try:
            return os.open(self._path(object_id), _READ_FLAGS)
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no object {object_id}.") from error
        except OSError as error:
            # Such as a link where a file should be, or an unreadable sector.
            raise CorruptObjectError(f"The object {object_id} cannot be read: {error}.") from error

    def _open_raw(self, object_id: str) -> _VerifiedReader:
        descriptor = self._open_descriptor(object_id)
        try:
            return _VerifiedReader(descriptor, object_id)
        except BaseException:
            os.close(descriptor)
            raise


class _VerifiedReader(io.RawIOBase):
    """Decompresses an object and, at its end, insists that it is what its name says."""

    def __init__(self, descriptor: int, object_id: str) -> None:
        super().__init__()
        self._object_id = object_id
        size_bytes, compressed_bytes, self._crc = _read_header(descriptor, object_id)
        self._descriptor = descriptor
        self._left_bytes = compressed_bytes
        self._sizes = SIZES.pack(size_bytes, compressed_bytes)
        self._running_crc = 0
        self._hash = hashlib.sha256()
        self._decompressor = zstandard.ZstdDecompressor().decompressobj()
        self._pending = b""
        self._done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._pending and not self._done:
            self._pending = self._next()
        piece = self._pending[: len(buffer)]
        buffer[: len(piece)] = piece
        self._pending = self._pending[len(piece) :]
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return self.readall()
        while not self._pending and not self._done:
            self._pending = self._next()
        piece, self._pending = self._pending[:size], self._pending[size:]
        return piece

    def readall(self) -> bytes:
        pieces = [self._pending]
        self._pending = b""
        while not self._done:
            pieces.append(self._next())
        return b"".join(pieces)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def _next(self) -> bytes:
        """Return some more bytes; at the end, set `_done` after all checks."""
        chunk = os.read(self._descriptor, min(CHUNK_BYTES // 4, self._left_bytes))
        self._left_bytes -= len(chunk)
        self._running_crc = zlib.crc32(chunk, self._running_crc)
        try:
            piece = self._decompressor.decompress(chunk) if chunk else b""
        except zstandard.ZstdError as error:
            raise self._corrupt() from error
        self._hash.update(piece)
        if not chunk or not self._left_bytes:
            self._done = True
            if (
                self._left_bytes
                or zlib.crc32(self._sizes, self._running_crc) != self._crc
                or self._hash.hexdigest() != self._object_id
            ):
                raise self._corrupt()
        return piece

    def _corrupt(self) -> CorruptObjectError:
        return _corrupt(self._object_id)


class _Batch:
    """Writes objects and remembers which folders still need a sync."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._touched: set[Path] = set()
        self._lock = threading.Lock()
        self._local = threading.local()

    def put(self, data: bytes) -> str:
        object_id = hashlib.sha256(data).hexdigest()
        if not self._has(object_id):
            compressed = self._compressor().compress(data)
            header = _pack_header(len(data), len(compressed), zlib.crc32(compressed))
            place = self._place(object_id)
            with self._new_file(place) as (descriptor, keep):
                _write_all(descriptor, header + compressed)
                keep(object_id)
        return object_id

    def put_file(self, path: Path) -> str:
        descriptor = _open_source(path)
        try:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes <= CHUNK_BYTES:
                return self.put(_read_up_to(descriptor, size_bytes))
            return self._put_stream(descriptor, size_bytes)
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make everything that was put so far durable."""
        with self._lock:
            touched, self._touched = self._touched, set()
        for place in sorted(touched):
            with _translating(place):
                _sync_directory(place)

    def _put_stream(self, source: int, limit_bytes: int) -> str:
        digest = hashlib.sha256()
        compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
        size_bytes = compressed_bytes = crc = 0
        with self._new_file(self._directory) as (descriptor, keep):
            _write_all(descriptor, bytes(HEADER.size))
            ended = False
            while not ended:
                chunk = os.read(source, min(CHUNK_BYTES, limit_bytes - size_bytes))
                ended = not chunk
                size_bytes += len(chunk)
                digest.update(chunk)
                piece = compressor.flush() if ended else compressor.compress(chunk)
                compressed_bytes += len(piece)
                crc = zlib.crc32(piece, crc)
                _write_all(descriptor, piece)
            os.lseek(descriptor, 0, os.SEEK_SET)
            _write_all(descriptor, _pack_header(size_bytes, compressed_bytes, crc))
            object_id = digest.hexdigest()
            if not self._has(object_id):
                self._place(object_id)
                keep(object_id)
        return object_id

    @contextmanager
    def _new_file(self, place: Path) -> Iterator[tuple[int, Callable[[str], None]]]:
        """Open a temporary file that vanishes unless `keep` gives it its name."""
        path = place / f".new-{secrets.token_hex(8)}"
        with _translating(place):
            descriptor = os.open(path, _WRITE_FLAGS, 0o600)
            kept = False

            def keep(object_id: str) -> None:
                nonlocal kept
                os.fsync(descriptor)
                target = self._directory / object_id[:2]
                path.replace(target / object_id[2:])
                kept = True
                self._touch(target)

            try:
                yield descriptor, keep
            finally:
                os.close(descriptor)
                if not kept:
                    path.unlink(missing_ok=True)

    def _has(self, object_id: str) -> bool:
        place = self._directory / object_id[:2]
        if not _is_plausible(place / object_id[2:]):
            return False
        # Another writer may have renamed it and not yet synced the folder.
        self._touch(place)
        return True

    def _place(self, object_id: str) -> Path:
        place = self._directory / object_id[:2]
        with _translating(place):
            place.mkdir(mode=0o700, exist_ok=True)
        self._touch(self._directory)
        return place

    def _touch(self, place: Path) -> None:
        with self._lock:
            self._touched.add(place)

    def _compressor(self) -> zstandard.ZstdCompressor:
        # One for each thread: it must not be shared, and making one is dear.
        compressor: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
            self._local.compressor = compressor
        return compressor


@contextmanager
def _translating(place: Path) -> Iterator[None]:
    """Turn "no space left" into our error, with a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DiskFullError(
            f"There is no room left at {place}; nothing was stored. Free some space and try again."
        ) from error


def _corrupt(object_id: str) -> CorruptObjectError:
    return CorruptObjectError(
        f"The stored bytes of object {object_id} are damaged.", {"object_id": object_id}
    )


def _pack_header(size_bytes: int, compressed_bytes: int, crc: int) -> bytes:
    crc = zlib.crc32(SIZES.pack(size_bytes, compressed_bytes), crc)
    return HEADER.pack(HEADER_MAGIC, HEADER_PAYLOAD_BYTES, size_bytes, compressed_bytes, crc)


def _read_header(descriptor: int, object_id: str) -> tuple[int, int, int]:
    """Return size, compressed size and checksum, if they fit the file."""
    status = os.fstat(descriptor)
    data = os.read(descriptor, HEADER.size) if stat.S_ISREG(status.st_mode) else b""
    if len(data) != HEADER.size:
        raise _corrupt(object_id)
    magic, payload_bytes, size_bytes, compressed_bytes, crc = HEADER.unpack(data)
    if (
        magic != HEADER_MAGIC
        or payload_bytes != HEADER_PAYLOAD_BYTES
        or status.st_size != HEADER.size + compressed_bytes
    ):
        raise _corrupt(object_id)
    return size_bytes, compressed_bytes, crc


def _is_plausible(path: Path) -> bool:
    """Tell whether a whole object seems to be at `path`, without reading all of it."""
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except OSError:
        return False
    try:
        _read_header(descriptor, path.name)
    except (CorruptObjectError, OSError):
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _open_source(path: Path) -> int:
    try:
        # Without O_NONBLOCK opening a pipe would wait for its writer.
        descriptor = os.open(path, _READ_FLAGS | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
            raise InvalidRequestError(f"{path} is not a regular file.") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidRequestError(f"{path} is not a regular file.")
    return descriptor


def _read_up_to(descriptor: int, size_bytes: int) -> bytes:
    pieces = []
    while size_bytes > 0 and (piece := os.read(descriptor, size_bytes)):
        pieces.append(piece)
        size_bytes -= len(piece)
    return b"".join(pieces)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # pragma: no cover  Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _room_bytes(status: os.stat_result) -> int:
    blocks: int | None = getattr(status, "st_blocks", None)
    return status.st_size if blocks is None else blocks * 512
