"""The contract of every place that keeps bytes under their SHA-256."""

from __future__ import annotations

import os
import re
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

#: A piece of the kept form of an object, and how long that form is (bytes).
Packed: TypeAlias = tuple[bytes | memoryview, int]

OBJECT_ID = re.compile(r"[0-9a-f]{64}")
#: Files of this size are hashed and compressed at the same time; for smaller ones a thread
#: costs more than it saves.
PARALLEL_BYTES = 4 * 1024 * 1024
#: Read at once to see whether bytes are what was put.
CHECKED_BYTES = 1024 * 1024


def check_object_id(object_id: str) -> str:
    """Return `object_id` if it is one, before it becomes part of any path.

    Raises
    ------
    InvalidRequestError
        It is not 64 lower-case hexadecimal digits.
    """
    if OBJECT_ID.fullmatch(object_id) is None:
        raise InvalidRequestError(f"{object_id!r:.100} is not the id of an object.")
    return object_id


@dataclass(frozen=True, slots=True)
class Address:
    """Where objects are, for other machines that have a right of their own to them."""

    #: Such as ``s3://bucket/prefix``.
    url: str
    #: What else it takes to get there; holds no secret.
    options: JSONObject


class ObjectWriter(Protocol):
    """What can take bytes in: a store, or a batch of one."""

    def put(self, data: bytes) -> str:
        """Keep `data`; return its id."""

    def put_file(self, path: Path) -> str:
        """Keep the content of a file; return its id."""

    def size_bytes(self, object_id: str) -> int:
        """Return the size of what was put here."""


class ObjectStore(ABC):
    """Write-once bytes under their SHA-256; safe to use from several threads and processes.

    An object is never changed. Putting the same bytes twice keeps them once.
    What was read is what was put, or an error is raised: every read is checked.
    """

    def put(self, data: bytes) -> str:
        """Keep `data` durably.

        Parameters
        ----------
        data
            Any bytes, also none.

        Returns
        -------
        str
            The id: SHA-256 in 64 lower-case hexadecimal digits.

        Raises
        ------
        DiskFullError
            There is no room; nothing was kept.
        """
        with self.batch() as batch:
            return batch.put(data)

    def put_file(self, path: Path) -> str:
        """Keep the content of a file durably, without holding it in memory.

        The id is the hash of the bytes that were kept, whatever happens to
        the file meanwhile. What is appended after the file was opened is not
        read.

        Parameters
        ----------
        path
            A regular file; a link is refused.

        Returns
        -------
        str
            The id.

        Raises
        ------
        InvalidRequestError
            `path` is a link, a folder or a special file.
        OSError
            `path` is missing or cannot be read.
        DiskFullError
            There is no room; nothing was kept.
        """
        with self.batch() as batch:
            return batch.put_file(path)

    def put_files(self, paths: Sequence[Path]) -> tuple[str | None, ...]:
        """Keep the contents of several files, all durable together.

        Parameters
        ----------
        paths
            Regular files; links are refused.

        Returns
        -------
        tuple of str or None
            The ids, in the same order; `None` for a file that is missing.

        Raises
        ------
        InvalidRequestError, OSError, DiskFullError
            As `put_file` does.
        """
        put: Callable[[Path], str | None]
        with self.batch() as batch:
            put = partial(_put_if_there, batch)
            if sum(_size_bytes(path) >= PARALLEL_BYTES for path in paths) > 1:
                with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
                    return tuple(threads.map(put, paths))
            return tuple(put(path) for path in paths)

    @abstractmethod
    def get(self, object_id: str) -> bytes:
        """Return the bytes, checked against their id.

        Raises
        ------
        NotFoundError
            There is no such object.
        CorruptObjectError
            The stored bytes are damaged.
        """

    @abstractmethod
    def open(self, object_id: str) -> BinaryIO:
        """Open the bytes for reading; they are checked once read to the end.

        Raises
        ------
        NotFoundError
            There is no such object.
        CorruptObjectError
            The stored bytes are damaged; may be raised by any later read.
        """

    @abstractmethod
    def copy_to(self, object_id: str, path: Path, *, executable: bool = False) -> None:
        """Write the bytes to a new file; nothing is left behind on failure.

        Parameters
        ----------
        object_id
            What to copy.
        path
            Where to; must not exist.
        executable
            Whether the new file may be executed.

        Raises
        ------
        ConflictError
            Something is at `path` already.
        NotFoundError
            There is no such object.
        CorruptObjectError
            The stored bytes are damaged.
        DiskFullError
            There is no room at `path`.
        """

    @abstractmethod
    def size_bytes(self, object_id: str) -> int:
        """Return how many bytes `get` would give, without reading them.

        Raises
        ------
        NotFoundError
            There is no such object.
        CorruptObjectError
            The stored bytes are damaged, as far as can be seen from outside.
        """

    @abstractmethod
    def contains(self, object_id: str) -> bool:
        """Tell whether the object is there and, seen from outside, whole."""

    @abstractmethod
    def ids(self) -> Iterator[str]:
        """Go through the ids of all objects, in no particular order."""

    @abstractmethod
    def delete(self, object_id: str) -> None:
        """Remove an object; it is no error when it is gone already."""

    def touch(self, object_id: str) -> bool:
        """Let the object count as put just now; tell whether it is there.

        Whoever is about to refer to an object that is there already says so
        first: `discard_unused` spares it then.
        """
        return self.contains(object_id)

    def touch_all(self, object_ids: Iterable[str]) -> frozenset[str]:
        """Do as `touch` does for several; return those that are there."""
        return frozenset(each for each in set(object_ids) if self.touch(each))

    def bring(self, object_ids: Iterable[str]) -> None:  # noqa: B027  not everyone is far away
        """Get ready to read several, which is quicker than one after the other.

        Raises
        ------
        NotFoundError
            One is not there.
        CorruptObjectError
            The stored bytes of one are damaged.
        """

    def check(self, object_id: str) -> None:
        """Read the bytes, where they are kept for good, to their end.

        Raises
        ------
        NotFoundError
            There is no such object.
        CorruptObjectError
            The stored bytes are damaged.
        """
        with self.open(object_id) as stream:
            while stream.read(CHECKED_BYTES):
                pass

    def room(self, object_id: str) -> tuple[int, float]:
        """Return the room an object takes (bytes) and when it was last put or touched (Unix time).

        Raises
        ------
        NotFoundError
            There is no such object.
        """
        return self.size_bytes(object_id), time.time()

    def discard_unused(self, object_id: str, *, since_s: float) -> int:
        """Remove an object to which nothing refers, unless it was put or touched lately.

        Safe while others, in other processes too, put the same bytes or touch
        the object: then it stays, or is put anew. Safe at any moment to die.

        Parameters
        ----------
        object_id
            Which.
        since_s
            Unix time from which on it counts as of use.

        Returns
        -------
        int
            The room that is free now (bytes); 0 when it stays.
        """
        del object_id, since_s
        return 0

    @abstractmethod
    def used_bytes(self) -> int:
        """Return how much room the objects take where they are kept, in bytes.

        May take minutes the first time; afterwards as long as much has changed.
        """

    def read_packed(
        self,
        object_id: str,
        *,
        offset: int,  # noqa: ARG002
        limit_bytes: int,  # noqa: ARG002
    ) -> Packed:
        """Return a piece of an object in the form in which it is kept, and that form's size.

        For carrying objects between stores: `adopt` there takes the pieces, put together.

        Parameters
        ----------
        object_id
            What to read.
        offset, limit_bytes
            Where the piece begins and how long it may be (bytes of the kept form).

        Raises
        ------
        NotFoundError
            There is no such object.
        InvalidRequestError
            These objects cannot be carried in that form.
        """
        raise InvalidRequestError(f"{object_id} cannot be carried from this store.")

    def arrival_path(self, object_id: str, sender: str) -> Path:  # noqa: ARG002
        """Return where to gather the pieces of an object that `sender` (a file name) carries here.

        Raises
        ------
        InvalidRequestError
            Objects cannot be carried to this store.
        """
        raise InvalidRequestError(f"{object_id} cannot be carried to this store.")

    def adopt(self, arrived: Mapping[str, Path], *, verified: Collection[str] = ()) -> None:  # noqa: ARG002
        """Keep objects whose pieces have all arrived; all are durable together.

        Parameters
        ----------
        arrived
            Object id to `arrival_path`. The files are gone afterwards, whatever happened.
        verified
            Those among them that were compared with their ids while they were written; the
            others are read once more.

        Raises
        ------
        CorruptObjectError
            What arrived is not what its id says; nothing was kept.
        DiskFullError
            There is no room.
        """
        raise InvalidRequestError(f"{len(arrived)} objects cannot be carried to this store.")

    def discard_arrivals(self, sender: str) -> None:  # noqa: B027  not everyone has some
        """Throw away what `sender` has carried here in part and will not carry on."""

    def set_aside(self, object_id: str) -> str | None:
        """Take a damaged object out of use, so that the same bytes can be put again.

        Returns
        -------
        str or None
            Where the damaged bytes are from now on, for people; `None` if there were none
            or they are gone.
        """
        self.delete(object_id)
        return None

    def leftovers(self) -> Sequence[str]:
        """Return, by names for people, what killed processes left half written."""
        return ()

    def remove_leftovers(self) -> None:  # noqa: B027  not everyone has some
        """Remove what `leftovers` names."""

    def strangers(self) -> Sequence[str]:
        """Return, by names for people, what lies among the objects and is none."""
        return ()

    @contextmanager
    def batch(self) -> Iterator[ObjectWriter]:
        """Put many objects cheaply: all are durable when the block ends, not before.

        The writer may be used from several threads.
        """
        yield self

    @property
    def waits_for_disk(self) -> bool:
        """Whether what is kept here has reached a disk of this machine before it counts as kept."""
        return False

    @property
    def address(self) -> Address | None:
        """Where other machines may reach the same objects themselves; `None` if they cannot."""
        return None

    @property
    def local_directory(self) -> Path | None:
        """The folder on this machine that holds objects, which is never captured itself."""
        return None


def _put_if_there(writer: ObjectWriter, path: Path) -> str | None:
    try:
        return writer.put_file(path)
    except FileNotFoundError:
        return None


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
