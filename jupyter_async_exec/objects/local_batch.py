"""Writing many objects so that the disk is waited for as seldom as is safe."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import threading
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import DiskFullError, InvalidRequestError, UnavailableError
from jupyter_async_exec.objects.local_file import (
    CHUNK_BYTES,
    HEADER,
    READ_FLAGS,
    pack_header,
    plausible_size_bytes,
)
from jupyter_async_exec.objects.packing import Compressing, Framing, compress, shrinks_hardly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from jupyter_async_exec.objects.packing import Packer

#: Syncs that wait for the disk at the same time: it answers several with one flush.
N_SYNCERS = 4
#: Objects remembered as synced; a submission of an unchanged project waits for no disk.
N_DURABLE = 10_000

#: So much of a large file is passed on to the disk at a time.
PORTION_BYTES = 8 * 1024 * 1024

#: How files begin that are not yet objects.
TEMPORARY_PREFIX = ".new-"
WRITE_FLAGS = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
#: The disk failed, or the folder is gone or not ours to write.
_BROKEN = {
    errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ENXIO,
    getattr(errno, "ESTALE", errno.EIO),
}  # fmt: skip


class Durable:
    """Remembers what this process has synced, so that it is not synced again."""

    def __init__(self) -> None:
        #: Names of folders of objects.
        self.places: set[str] = set()
        #: Ids; at most about `N_DURABLE`.
        self.objects: set[str] = set()

    def add(self, places: Iterable[str], objects: Iterable[str]) -> None:
        """Remember folders and objects."""
        self.places.update(places)
        if len(self.objects) > N_DURABLE:
            self.objects = set()
        self.objects.update(objects)


class LocalBatch:
    """Writes objects under temporary names; `sync` makes all durable and then names them.

    Parameters
    ----------
    directory
        The top folder of the store.
    syncers
        `N_SYNCERS` threads that may wait for the disk.
    durable
        What is known to survive a power loss; added to here.
    is_synced
        Whether the disk is waited for; a cache need not survive a power loss.
    kept
        Called with each new object, in the thread that put it, which then has its name already;
        only where the disk is not waited for.
    """

    def __init__(
        self,
        directory: str,
        syncers: ThreadPoolExecutor,
        durable: Durable,
        *,
        is_synced: bool = True,
        kept: Callable[[str], None] | None = None,
    ) -> None:
        self._kept = kept
        self._directory = directory
        self._syncers = syncers
        self._durable = durable
        self._is_synced = is_synced
        self._lock = threading.Lock()
        #: Object id to its temporary file.
        self._unnamed: dict[str, str] = {}
        #: Object id to size (bytes), of all that was put here.
        self._sizes: dict[str, int] = {}
        #: Folders whose names must reach the disk.
        self._touched: set[str] = set()
        #: Folders of objects whose own names must reach the disk.
        self._new_places: set[str] = set()

    def put(self, data: bytes) -> str:
        """Keep `data`; return its id."""
        object_id = hashlib.sha256(data).hexdigest()
        if not self._has(object_id):
            compressed = compress(data)
            header = pack_header(len(data), len(compressed), zlib.crc32(compressed))
            with _new_file(self._place(object_id)) as (descriptor, path):
                write_all(descriptor, header + compressed)
            self._keep(object_id, path, len(data))
        return object_id

    def put_file(self, path: Path) -> str:
        """Keep the content of a file; return its id."""
        descriptor = open_source(path)
        try:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes <= CHUNK_BYTES:
                return self.put(_read_up_to(descriptor, size_bytes))
            return self._put_stream(descriptor, size_bytes)
        finally:
            os.close(descriptor)

    def adopt(self, object_id: str, path: Path) -> None:
        """Keep the file of an object, verified and in the folder of the store, under its name."""
        size_bytes = plausible_size_bytes(str(path))
        assert size_bytes is not None
        if self._has(object_id):
            _remove(str(path))
        else:
            self._place(object_id)
            self._keep(object_id, str(path), size_bytes)

    def size_bytes(self, object_id: str) -> int:
        """Return the size of what was put here."""
        with self._lock:
            return self._sizes[object_id]

    def files(self) -> dict[str, tuple[str, bool]]:
        """Return, by object id, the file of each that was put, and whether it is a new one."""
        with self._lock:
            return {
                object_id: (self._unnamed[object_id], True)
                if object_id in self._unnamed
                else (f"{self._place_of(object_id)}/{object_id[2:]}", False)
                for object_id in self._sizes
            }

    def sync(self) -> None:
        """Make everything that was put so far durable, then give it its name.

        Raises
        ------
        DiskFullError
            There is no room.
        """
        with translating(self._directory):
            self._sync_all(list(self._unnamed.values()))
            while self._unnamed:
                object_id, path = next(iter(self._unnamed.items()))
                place = self._place_of(object_id)
                os.replace(path, f"{place}/{object_id[2:]}")  # noqa: PTH105  a text, many times
                del self._unnamed[object_id]
                self._touched.add(place)
            if self._new_places:
                self._touched.add(self._directory)
            self._sync_all(sorted(self._touched))
        self._durable.add(self._new_places, self._sizes)
        self._touched.clear()
        self._new_places.clear()

    def discard(self) -> None:
        """Remove what has no name yet."""
        for path in self._unnamed.values():
            _remove(path)
        self._unnamed.clear()

    def _sync_all(self, paths: Sequence[str]) -> None:
        if not self._is_synced:
            return
        # Few futures: thousands of them would call the garbage collector.
        portions = [paths[start::N_SYNCERS] for start in range(min(N_SYNCERS, len(paths)))]
        if len(portions) > 1:
            for _ in self._syncers.map(_sync, portions):
                pass
        else:
            _sync(paths)

    def _put_stream(self, source: int, limit_bytes: int) -> str:
        try:
            with _new_file(self._directory) as (descriptor, path):
                object_id, size_bytes = _pack(
                    source, descriptor, limit_bytes, is_synced=self._is_synced
                )
        except _SourceError as failed:
            raise failed.error from None
        if self._has(object_id):
            _remove(path)
        else:
            self._place(object_id)
            self._keep(object_id, path, size_bytes)
        return object_id

    def _has(self, object_id: str) -> bool:
        with self._lock:
            if object_id in self._sizes:
                return True
        place = self._place_of(object_id)
        size_bytes = plausible_size_bytes(f"{place}/{object_id[2:]}")
        if size_bytes is None or not refresh(f"{place}/{object_id[2:]}"):
            return False
        with self._lock:
            self._sizes[object_id] = size_bytes
            if object_id not in self._durable.objects:
                # Another process may have renamed it and not yet synced the folder.
                self._touched.add(place)
        return True

    def _keep(self, object_id: str, path: str, size_bytes: int) -> None:
        with self._lock:
            is_first = object_id not in self._sizes
            if is_first:
                self._unnamed[object_id] = path
                self._sizes[object_id] = size_bytes
        if not is_first:
            # Another thread was quicker with the same bytes.
            _remove(path)
        elif self._kept is not None:
            os.replace(path, f"{self._place_of(object_id)}/{object_id[2:]}")  # noqa: PTH105
            del self._unnamed[object_id]
            self._kept(object_id)

    def _place(self, object_id: str) -> str:
        """Return the folder of an object, which is there afterwards."""
        place = self._place_of(object_id)
        name = object_id[:2]
        try:
            with translating(place):
                os.mkdir(place, 0o700)  # noqa: PTH102  a text, many times
        except FileExistsError:
            if name in self._durable.places:
                return place
        with self._lock:
            self._new_places.add(name)
        return place

    def _place_of(self, object_id: str) -> str:
        return f"{self._directory}/{object_id[:2]}"


def refresh(path: str) -> bool:
    """Give a file the time of now, so that it is not taken for unused; whether it is there.

    What is removed is renamed first, and looked at once more under its new
    name: so either this fails, or the new time is seen.
    """
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        # A disk that cannot be written: nothing is removed there either.
        return True
    return True


@contextmanager
def translating(place: str) -> Iterator[None]:
    """Turn "no space left" and what else may be wrong with a disk into errors of ours.

    Raises
    ------
    DiskFullError
        There is no room.
    UnavailableError
        It cannot be written there now.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError(
                f"There is no room left at {place}; nothing was stored. "
                "Free some space and try again."
            ) from error
        if error.errno in _BROKEN:
            raise UnavailableError(
                f"Nothing can be stored at {place} ({error.strerror}). "
                "Check the disk and the folder's permissions."
            ) from error
        raise


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        # Not all at once: writes of 4 MiB now and then took five times as long (Linux 6.18, ext4).
        view = view[os.write(descriptor, view[:CHUNK_BYTES]) :]


def pass_on(descriptor: int, begin: int, end: int) -> None:
    """Have the disk take what was written of a large file, while more of it is written.

    So there is little left to wait for at its end, and no more of it is in memory than a few
    portions: of memory that nobody has used for long, a virtual machine may first have to be
    given some, which took up to ten times as long as writing to it (Linux 6.18 in Firecracker).

    Parameters
    ----------
    descriptor
        Of the file.
    begin, end
        Where in it the last bytes were written.
    """
    if begin // PORTION_BYTES != end // PORTION_BYTES and hasattr(os, "posix_fadvise"):
        # What is not on the disk yet is sent there, and what is there leaves the memory.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def _new_file(place: str) -> Iterator[tuple[int, str]]:
    """Open a temporary file; it is removed if writing it fails."""
    path = f"{place}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    with translating(place):
        descriptor = os.open(path, WRITE_FLAGS, 0o600)
        try:
            try:
                yield descriptor, path
            finally:
                os.close(descriptor)
        except BaseException:
            _remove(path)
            raise


def _pack(source: int, target: int, limit_bytes: int, *, is_synced: bool) -> tuple[str, int]:
    """Write the object of what `source` gives; return its id and its size in bytes."""
    digest = hashlib.sha256()
    packer: Packer = Framing() if _shrinks_hardly(source, limit_bytes) else Compressing()
    size_bytes = packed_bytes = crc = 0
    write_all(target, bytes(HEADER.size))
    ended = False
    while not ended:
        chunk = _read_source(source, min(CHUNK_BYTES, limit_bytes - size_bytes))
        ended = not chunk
        size_bytes += len(chunk)
        digest.update(chunk)
        piece = packer.end() if ended else packer.pack(chunk)
        crc = zlib.crc32(piece, crc)
        write_all(target, piece)
        if is_synced:
            pass_on(target, packed_bytes, packed_bytes + len(piece))
        packed_bytes += len(piece)
    os.lseek(target, 0, os.SEEK_SET)
    write_all(target, pack_header(size_bytes, packed_bytes, crc))
    return digest.hexdigest(), size_bytes


class _SourceError(Exception):
    """Reading what is to be stored failed; the store itself is well."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _read_source(source: int, n_bytes: int) -> bytes:
    try:
        return os.read(source, n_bytes)
    except OSError as error:
        raise _SourceError(error) from error


def _shrinks_hardly(source: int, size_bytes: int) -> bool:
    try:
        return shrinks_hardly(source, size_bytes)
    except OSError as error:
        raise _SourceError(error) from error


def open_source(path: Path) -> int:
    """Open a file that is to be put.

    Raises
    ------
    InvalidRequestError
        It is a link, a folder or a special file.
    OSError
        It is missing or cannot be read.
    """
    try:
        # Without O_NONBLOCK opening a pipe would wait for its writer.
        descriptor = os.open(path, READ_FLAGS | getattr(os, "O_NONBLOCK", 0))
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


def _sync(paths: Sequence[str]) -> None:
    """Wait until these files and folders are on the disk."""
    for path in paths:
        if os.name == "nt" and os.path.isdir(path):  # noqa: PTH112  # pragma: no cover
            continue  # Windows cannot open folders.
        # Windows syncs only what is open for writing.
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108  a text, many times
