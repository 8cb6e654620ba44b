"""What every part of the store stands on: one writer, readers, and a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.store.reader import Reader
    from jupyter_async_exec.store.writer import Writer


class StorePart:
    """A part of the store, in the same database as the others; as safe for threads and processes.

    Parameters
    ----------
    writer
        Runs pieces of work in durable transactions.
    reader
        Runs pieces of work that only read.
    clock
        Gives the present moment.
    """

    def __init__(self, writer: Writer, reader: Reader, *, clock: Clock) -> None:
        self._writer = writer
        self._read = reader.run
        self._clock = clock
