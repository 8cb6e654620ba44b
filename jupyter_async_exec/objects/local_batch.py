"""Writing many objects so that the disk is waited for as seldom as is safe."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import zlib
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.objects.local_file import (
    CHUNK_BYTES,
    HEADER,
    READ_FLAGS,
    pack_header,
    plausible_size_bytes,
)
from jupyter_async_exec.objects.packing import Compressing, Framing, compress, shrinks_hardly
from jupyter_async_exec.objects.writing import (
    new_file,
    pass_on,
    refresh,
    remove,
    sync_all,
    translating,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from jupyter_async_exec.objects.packing import Packer

#: Syncs that wait for the disk at the same time: it answers several with one flush.
N_SYNCERS = 4
#: Objects remembered as synced; a submission of an unchanged project waits for no disk.
N_DURABLE = 10_000


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
            with new_file(self._place(object_id)) as (descriptor, path):
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
            remove(str(path))
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
            remove(path)
        self._unnamed.clear()

    def _sync_all(self, paths: Sequence[str]) -> None:
        if not self._is_synced:
            return
        # Few futures: thousands of them would call the garbage collector.
        portions = [paths[start::N_SYNCERS] for start in range(min(N_SYNCERS, len(paths)))]
        if len(portions) > 1:
            for _ in self._syncers.map(sync_all, portions):
                pass
        else:
            sync_all(paths)

    def _put_stream(self, source: int, limit_bytes: int) -> str:
        try:
            with new_file(self._directory) as (descriptor, path):
                object_id, size_bytes = _pack(
                    source, descriptor, limit_bytes, is_synced=self._is_synced
                )
        except _SourceError as failed:
            raise failed.error from None
        if self._has(object_id):
            remove(path)
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
            remove(path)
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
