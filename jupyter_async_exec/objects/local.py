"""Objects as compressed files in a folder of this machine."""

from __future__ import annotations

import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from typing_extensions import override

from jupyter_async_exec.errors import ConflictError, NotFoundError
from jupyter_async_exec.objects.base import (
    OBJECT_ID,
    ObjectStore,
    ObjectWriter,
    check_object_id,
)
from jupyter_async_exec.objects.local_batch import N_SYNCERS, Durable, LocalBatch
from jupyter_async_exec.objects.local_file import (
    CHUNK_BYTES,
    VerifiedReader,
    complete_header,
    is_plausible,
    open_object,
    read_header,
    read_small,
    verify_file,
)
from jupyter_async_exec.objects.writing import (
    TEMPORARY_PREFIX,
    WRITE_FLAGS,
    refresh,
    translating,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from jupyter_async_exec.objects.base import Packed

PLACE = re.compile(r"[0-9a-f]{2}")
NAME = re.compile(r"[0-9a-f]{62}")
#: Where damaged objects are put; no folder of objects.
DAMAGED = "damaged"
#: How files begin that are being removed.
ASIDE_PREFIX = ".old-"
#: A folder changed this lately may change again within one tick of its clock.
RACY_NS = 2_000_000_000
#: Nothing is written for longer; an older temporary file was left by a process that was killed.
ABANDONED_S = 86_400.0


class LocalObjectStore(ObjectStore):
    """Objects as zstd files ``ab/cdef…`` below a private folder.

    A file is written under a temporary name in its final folder, synced, and
    renamed; then the folder is synced. So a file under its final name is
    whole, also after a power loss. A batch syncs all its files together at its
    end, then each folder once.

    Parameters
    ----------
    directory
        Created if it is missing, readable by its owner only.
    is_synced
        Whether the disk is waited for; a cache need not survive a power loss.
    kept
        Called with each new object, in the thread that put it, before its batch has ended; only
        where the disk is not waited for.

    Notes
    -----
    Source: `docs/reference/snapshot-format.md`. The write order is restic's.
    """

    def __init__(
        self,
        directory: Path,
        *,
        is_synced: bool = True,
        kept: Callable[[str], None] | None = None,
    ) -> None:
        assert kept is None or not is_synced
        self._is_synced = is_synced
        self._kept = kept
        self._directory = Path(directory).absolute()
        with translating(str(self._directory)):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Starts no thread before two files have to be synced.
        self._syncers = ThreadPoolExecutor(N_SYNCERS, thread_name_prefix="object-sync")
        self._durable = Durable()
        #: Folder of objects to when it last changed (ns) and what is in it (bytes).
        self._used: dict[str, tuple[int, int]] = {}

    @property
    @override
    def local_directory(self) -> Path:
        return self._directory

    @property
    @override
    def waits_for_disk(self) -> bool:
        return self._is_synced

    @contextmanager
    @override
    def batch(self) -> Iterator[ObjectWriter]:
        with self._synced_batch() as batch:
            yield batch

    @contextmanager
    def _synced_batch(self) -> Iterator[LocalBatch]:
        batch = self.make_batch()
        try:
            yield batch
            batch.sync()
        finally:
            batch.discard()

    def make_batch(self) -> LocalBatch:
        """Return a batch; whoever takes it calls `sync` if all went well, and always `discard`."""
        return LocalBatch(
            str(self._directory),
            self._syncers,
            self._durable,
            is_synced=self._is_synced,
            kept=self._kept,
        )

    @override
    def get(self, object_id: str) -> bytes:
        descriptor = self._open_descriptor(object_id)
        try:
            data = read_small(descriptor, object_id)
        finally:
            os.close(descriptor)
        if data is None:
            with self._open_raw(object_id) as raw:
                data = raw.read()
        return data

    @override
    def open(self, object_id: str) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(self._open_raw(object_id), CHUNK_BYTES // 8))

    @override
    def copy_to(self, object_id: str, path: Path, *, executable: bool = False) -> None:
        descriptor = self._open_descriptor(object_id)
        try:
            data = read_small(descriptor, object_id)
        finally:
            os.close(descriptor)
        try:
            target = os.open(path, WRITE_FLAGS, 0o777 if executable else 0o666)
        except FileExistsError as error:
            raise ConflictError(f"{path} exists already and is not overwritten.") from error
        try:
            with translating(str(path)):
                try:
                    if data is None:
                        self._copy_large(object_id, target)
                    else:
                        write_all(target, data)
                finally:
                    os.close(target)
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise

    @override
    def read_packed(self, object_id: str, *, offset: int, limit_bytes: int) -> Packed:
        descriptor = self._open_descriptor(object_id)
        try:
            packed_bytes = os.fstat(descriptor).st_size
            return os.pread(descriptor, limit_bytes, offset), packed_bytes
        finally:
            os.close(descriptor)

    @override
    def arrival_path(self, object_id: str, sender: str) -> Path:
        return self._directory / f"{TEMPORARY_PREFIX}{check_object_id(object_id)}-{sender}"

    @override
    def adopt(self, arrived: Mapping[str, Path], *, verified: Collection[str] = ()) -> None:
        try:
            for object_id, path in arrived.items():
                if object_id not in verified:
                    complete_header(path)
                    verify_file(object_id, path)
            with self._synced_batch() as batch:
                for object_id, path in arrived.items():
                    batch.adopt(object_id, path)
        finally:
            for path in arrived.values():
                path.unlink(missing_ok=True)

    @override
    def discard_arrivals(self, sender: str) -> None:
        for path in self._directory.glob(f"{TEMPORARY_PREFIX}*"):
            object_id, _, its_sender = path.name.removeprefix(TEMPORARY_PREFIX).partition("-")
            if its_sender == sender and OBJECT_ID.fullmatch(object_id):
                path.unlink(missing_ok=True)

    def file_of(self, object_id: str) -> Path:
        """Return where an object is, if it is here; nobody else may change it."""
        return Path(self._path(object_id))

    @override
    def size_bytes(self, object_id: str) -> int:
        descriptor = self._open_descriptor(object_id)
        try:
            return read_header(descriptor, object_id)[0]
        finally:
            os.close(descriptor)

    @override
    def contains(self, object_id: str) -> bool:
        path = self._path(object_id)
        return is_plausible(path) or (self._take_back(object_id) and is_plausible(path))

    @override
    def ids(self) -> Iterator[str]:
        for place in self._places():
            with os.scandir(place) as entries:
                names = [entry.name for entry in entries]
            for name in names:
                if NAME.fullmatch(name):
                    yield place.name + name
                elif NAME.fullmatch(name.removeprefix(ASIDE_PREFIX)):
                    # Whoever was removing it died.
                    object_id = place.name + name.removeprefix(ASIDE_PREFIX)
                    if self._take_back(object_id):
                        yield object_id

    @override
    def delete(self, object_id: str) -> None:
        self._durable.objects.discard(object_id)
        Path(self._path(object_id)).unlink(missing_ok=True)

    @override
    def touch(self, object_id: str) -> bool:
        path = self._path(object_id)
        return (is_plausible(path) and refresh(path)) or (
            self._take_back(object_id) and refresh(path)
        )

    @override
    def room(self, object_id: str) -> tuple[int, float]:
        try:
            status = os.stat(self._path(object_id))  # noqa: PTH116  a text, many times
        except FileNotFoundError:
            raise NotFoundError(f"There is no object {object_id}.") from None
        return _room_bytes(status), status.st_mtime

    @override
    def discard_unused(self, object_id: str, *, since_s: float) -> int:
        path, aside = self._path(object_id), self._aside(object_id)
        try:
            if os.stat(path).st_mtime >= since_s:  # noqa: PTH116  a text, many times
                return 0
            # From here on nobody can touch it, and whoever puts it writes it anew;
            # who reads it takes it back, and so does the next one who collects.
            os.replace(path, aside)  # noqa: PTH105
            self._durable.objects.discard(object_id)
            status = os.stat(aside)  # noqa: PTH116
            if status.st_mtime >= since_s:
                os.replace(aside, path)  # noqa: PTH105
                return 0
            os.unlink(aside)  # noqa: PTH108
        except OSError:
            return 0  # Somebody took it back, or it cannot be removed now.
        return _room_bytes(status)

    def _aside(self, object_id: str) -> str:
        return f"{self._directory}/{object_id[:2]}/{ASIDE_PREFIX}{object_id[2:]}"

    def _take_back(self, object_id: str) -> bool:
        """Whether an object that was about to be removed is there again."""
        with suppress(OSError):
            os.replace(self._aside(object_id), self._path(object_id))  # noqa: PTH105
            return True
        return False

    @override
    def used_bytes(self) -> int:
        used: dict[str, tuple[int, int]] = {}
        arriving_bytes = 0
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.startswith(TEMPORARY_PREFIX):
                    arriving_bytes += _half_written_bytes(entry)
                elif _is_place(entry):
                    used[entry.name] = self._used_in(Path(entry.path))
        racy_ns = time.time_ns() - RACY_NS
        self._used = {name: known for name, known in used.items() if known[0] < racy_ns}
        return arriving_bytes + sum(n_bytes for _, n_bytes in used.values())

    def _used_in(self, place: Path) -> tuple[int, int]:
        # A folder changes when a file comes or goes, and files never change.
        changed_ns = place.stat().st_mtime_ns
        known = self._used.get(place.name)
        if known is not None and known[0] == changed_ns:
            return known
        used_bytes, is_at_rest = _count(place)
        # Where something is being written, the next count looks again.
        return changed_ns if is_at_rest else 0, used_bytes

    @override
    def set_aside(self, object_id: str) -> str | None:
        path = Path(self._path(object_id))
        self._durable.objects.discard(object_id)
        if not os.path.lexists(path):
            return None
        target = self._directory / DAMAGED / object_id
        with translating(str(target.parent)):
            target.parent.mkdir(mode=0o700, exist_ok=True)
            path.replace(target)
        return str(target)

    @override
    def leftovers(self) -> tuple[str, ...]:
        return tuple(str(path) for path in self._abandoned())

    @override
    def remove_leftovers(self) -> None:
        for path in self._abandoned():
            path.unlink(missing_ok=True)

    @override
    def strangers(self) -> tuple[str, ...]:
        found = []
        for path in self._directory.iterdir():
            if PLACE.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                found += [each for each in path.iterdir() if not _is_ours(each.name)]
            elif path.name != DAMAGED and not path.name.startswith(TEMPORARY_PREFIX):
                found.append(path)
        return tuple(sorted(str(path) for path in found))

    def _abandoned(self) -> Iterator[Path]:
        before_s = time.time() - ABANDONED_S
        for folder in (self._directory, *self._places()):
            for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
                with suppress(FileNotFoundError):
                    if path.lstat().st_mtime < before_s:
                        yield path

    def _places(self) -> Iterator[Path]:
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if _is_place(entry):
                    yield Path(entry.path)

    def _path(self, object_id: str) -> str:
        check_object_id(object_id)
        return f"{self._directory}/{object_id[:2]}/{object_id[2:]}"

    def _open_descriptor(self, object_id: str) -> int:
        path = self._path(object_id)
        try:
            return open_object(path, object_id)
        except NotFoundError:
            if not self._take_back(object_id):
                raise
            return open_object(path, object_id)

    def _open_raw(self, object_id: str) -> VerifiedReader:
        descriptor = self._open_descriptor(object_id)
        try:
            return VerifiedReader(descriptor, object_id)
        except BaseException:
            os.close(descriptor)
            raise

    def _copy_large(self, object_id: str, target: int) -> None:
        with self._open_raw(object_id) as raw:
            while chunk := raw.read(CHUNK_BYTES):
                write_all(target, chunk)


def _is_ours(name: str) -> bool:
    return bool(NAME.fullmatch(name)) or name.startswith((TEMPORARY_PREFIX, ASIDE_PREFIX))


def _is_place(entry: os.DirEntry[str]) -> bool:
    return bool(PLACE.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _count(place: Path) -> tuple[int, bool]:
    """Return what is used in a folder (bytes), and whether nothing is being written there."""
    used_bytes, is_at_rest = 0, True
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY_PREFIX):
                used_bytes += _half_written_bytes(entry)
                is_at_rest = False
            else:
                with suppress(FileNotFoundError):
                    used_bytes += _room_bytes(entry.stat(follow_symlinks=False))
    return used_bytes, is_at_rest


def _half_written_bytes(entry: os.DirEntry[str]) -> int:
    """Return the room of a file that is being written; what a killed process left is removed."""
    with suppress(FileNotFoundError):
        status = entry.stat(follow_symlinks=False)
        if status.st_mtime >= time.time() - ABANDONED_S:
            return _room_bytes(status)
        os.unlink(entry.path)  # noqa: PTH108  a text
    return 0


def _room_bytes(status: os.stat_result) -> int:
    blocks: int | None = getattr(status, "st_blocks", None)
    return status.st_size if blocks is None else blocks * 512
