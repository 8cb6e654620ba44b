"""Writing files: in portions, under names that nobody reads yet, and what may be wrong then."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import DiskFullError, UnavailableError
from jupyter_async_exec.objects.local_file import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
def new_file(place: str) -> Iterator[tuple[int, str]]:
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
            remove(path)
            raise


def sync_all(paths: Sequence[str]) -> None:
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


def remove(path: str) -> None:
    """Remove a file, if that can be done."""
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108  a text, many times
