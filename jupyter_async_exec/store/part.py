"""What every part of the store stands on: one writer, readers, and a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.store.writer import Writer

ResultT = TypeVar("ResultT")


class Read(Protocol):
    """Runs a piece of work that only reads."""

    def __call__(self, work: Callable[[sa.Connection], ResultT], /) -> ResultT:
        """Return what `work` does."""


class StorePart:
    """A part of the store, in the same file as executions; as safe for threads and processes.

    Parameters
    ----------
    writer
        Runs pieces of work in durable transactions.
    read
        Runs pieces of work that only read.
    clock
        Gives the present moment.
    """

    def __init__(self, writer: Writer, read: Read, *, clock: Clock) -> None:
        self._writer = writer
        self._read = read
        self._clock = clock
