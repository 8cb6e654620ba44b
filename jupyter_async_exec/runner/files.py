"""The names inside an attempt's directory, and how files there are written whole."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TASK = "task.json"
LOCK = "runner.lock"
SOURCE = "source.ipynb"
JOURNAL = "journal.jsonl"
OUTPUT = "output.ipynb"
LOG = "log.txt"
RESULT = "result.json"
#: Standard error of supervisor, engine and kernel.
RUNNER_LOG = "runner.log"
#: What the notebook records with `log_metric`, one JSON object per line.
METRICS = "metrics.jsonl"
#: Its existence asks for the end, in the name of a person.
CANCEL = "cancel"
#: The same because of a signal; holds which.
SIGNAL = "signal"
#: Process id and start time of the supervisor, later how the engine ended.
SUPERVISOR = "supervisor.json"
#: Of the private folder for a kernel's sockets, outside the attempt's directory.
SOCKETS_PREFIX = "jae-"

#: No room is left.
FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Nothing there, a link, or a socket.
_NO_FILE_ERRNOS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})


def write_whole(path: Path, content: bytes | Iterable[bytes], *, durable: bool = True) -> None:
    """Write `content` to `path` so that a reader sees all of it or what was there before.

    Temporary file in the same folder, fsync, rename, fsync of the folder. Without
    `durable`, no fsync: a power cut may leave anything.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=1024 * 1024) as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def open_private(path: str, flags: int) -> int:
    """Open a file so that, if it is made, nobody else may read it; for `open(opener=...)`."""
    return os.open(path, flags, 0o600)


def make_durable(folder: Path, names: Iterable[str]) -> None:
    """Let what `write_whole` wrote to `folder` without `durable` survive a power cut after all."""
    for name in names:
        descriptor = os.open(folder / name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make names created in `folder` survive a power cut, where the platform can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, *, limit_bytes: int) -> bytes | None:
    """Return a file's bytes; `None` when it is absent, no plain file, or larger than the limit.

    Raises
    ------
    OSError
        It is there and cannot be read now; whoever took it for absent would
        draw a false conclusion.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in _NO_FILE_ERRNOS:
            return None
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(limit_bytes + 1)
    finally:
        os.close(descriptor)
    # None of our files is empty.
    return None if not content or len(content) > limit_bytes else content
