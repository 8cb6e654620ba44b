"""Reading many files at once, in portions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FileT = TypeVar("FileT")
ReadT = TypeVar("ReadT")

#: More would make the server's own thread wait for the interpreter.
N_READERS = 4
#: A portion ends with the file that reaches either of these.
PORTION_FILES = 50
PORTION_BYTES = 4_000_000


def read_in_portions(
    files: Sequence[FileT],
    *,
    size_bytes: Callable[[FileT], int],
    read: Callable[[Sequence[FileT]], list[ReadT]],
    n_readers: int = N_READERS,
) -> list[ReadT]:
    """Return what `read` returns for `files`, in their order.

    Not one future for each file: for thousands of files these are so many
    objects that the garbage collector halts the whole server. What fits one
    portion is read here, without any thread.

    Parameters
    ----------
    files
        What to read.
    size_bytes
        How large one seems to be.
    read
        Reads a portion; called in several threads.
    n_readers
        So many of them at most.
    """
    portions = list(_portions(files, size_bytes))
    if len(portions) < 2:  # noqa: PLR2004  nothing to share out
        return read(files) if files else []
    with ThreadPoolExecutor(min(n_readers, len(portions))) as pool:
        return [each for portion in pool.map(read, portions) for each in portion]


def _portions(
    files: Sequence[FileT], size_bytes: Callable[[FileT], int]
) -> Iterator[Sequence[FileT]]:
    start = n_bytes = 0
    for end, file in enumerate(files, start=1):
        n_bytes += size_bytes(file)
        if end - start >= PORTION_FILES or n_bytes >= PORTION_BYTES or end == len(files):
            yield files[start:end]
            start, n_bytes = end, 0
