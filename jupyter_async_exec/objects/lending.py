"""Objects that are read where their files lie: a copy would be as large, and no better.

Whoever made such a file may still write to it. So whoever carries it away
compares what arrives with its id, as always, and what has changed since it
was put is not lent any longer: it is copied when it is put again.
"""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typing_extensions import override

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.objects.local_batch import open_source
from jupyter_async_exec.objects.local_file import HEADER, pack_header
from jupyter_async_exec.objects.packing import (
    framed_bytes,
    read_framed,
    shrinks_hardly,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from jupyter_async_exec.objects.base import ObjectWriter, Packed

#: Smaller files are copied: an open file costs more.
LENT_BYTES = 4 * 1024 * 1024
#: Read at once to find out which object a file is; no more than stays in the processor's cache.
LOOKED_AT_BYTES = 256 * 1024
#: As many as a process that may have 1,024 files open can spare for one of several stores.
N_LENT = 32


class LendingStore(LocalObjectStore):
    """Lends large files that would hardly shrink, and keeps copies of all others.

    Parameters
    ----------
    directory
        For the copies; they need not survive a power loss.
    kept
        Called with each new object, in the thread that put it.
    n_lent
        So many files at most are kept open at the same time (>= 0); more are copied.
    """

    def __init__(
        self, directory: Path, *, kept: Callable[[str], None], n_lent: int = N_LENT
    ) -> None:
        super().__init__(directory, is_synced=False, kept=kept)
        self._note = kept
        self._n_lent = n_lent
        self._lock = threading.Lock()
        self._loans: dict[str, _Loan] = {}
        #: Files that changed after they were put.
        self._unsteady: set[Path] = set()

    @contextmanager
    @override
    def batch(self) -> Iterator[ObjectWriter]:
        with super().batch() as batch:
            yield _Lender(self, batch)

    @override
    def size_bytes(self, object_id: str) -> int:
        loan = self._loans.get(object_id)
        return super().size_bytes(object_id) if loan is None else loan.size_bytes

    @override
    def contains(self, object_id: str) -> bool:
        return self.lends(object_id) or super().contains(object_id)

    @override
    def read_packed(self, object_id: str, *, offset: int, limit_bytes: int) -> Packed:
        loan = self._loans.get(object_id)
        if loan is None:
            return super().read_packed(object_id, offset=offset, limit_bytes=limit_bytes)
        piece = loan.read(offset, limit_bytes)
        if loan.has_changed():
            self._call_back(object_id, loan)
            raise UnavailableError(
                f"The file of the object {object_id} was changed meanwhile; put it again."
            )
        return piece, loan.packed_bytes

    def lends(self, object_id: str) -> bool:
        """Tell whether an object is read where its file lies."""
        return object_id in self._loans

    def lend(self, path: Path) -> str | None:
        """Put a file without copying it; return the object's id, None if it has to be copied.

        Raises
        ------
        InvalidRequestError, OSError
            As `put_file` does.
        """
        if path in self._unsteady or len(self._loans) >= self._n_lent:
            return None
        loan = _Loan(path, open_source(path))
        if loan.size_bytes < LENT_BYTES or not shrinks_hardly(loan.descriptor, loan.size_bytes):
            return None
        object_id = loan.look()
        if loan.has_changed():
            return None
        with self._lock:
            is_new = self._loans.setdefault(object_id, loan) is loan
        if is_new:
            self._note(object_id)
        return object_id

    def recheck(self, object_ids: Iterable[str]) -> None:
        """Read what is lent once more; what is something else by now is not here any longer."""
        for object_id in object_ids:
            loan = self._loans.get(object_id)
            if loan is not None and loan.look() != object_id:
                self._call_back(object_id, loan)

    def close(self) -> None:
        """Lend nothing any longer."""
        self._loans.clear()

    def _call_back(self, object_id: str, loan: _Loan) -> None:
        self._unsteady.add(loan.path)
        self._loans.pop(object_id, None)


class _Lender:
    """Lends what can be lent, and has a batch copy everything else."""

    def __init__(self, store: LendingStore, batch: ObjectWriter) -> None:
        self._store = store
        self._batch = batch

    def put(self, data: bytes) -> str:
        """Keep `data`; return its id."""
        return self._batch.put(data)

    def put_file(self, path: Path) -> str:
        """Keep the content of a file; return its id."""
        return self._store.lend(path) or self._batch.put_file(path)

    def size_bytes(self, object_id: str) -> int:
        """Return the size of what was put here."""
        source = self._store if self._store.lends(object_id) else self._batch
        return source.size_bytes(object_id)


class _Loan:
    """A file that is kept open as long as this is: it may be renamed and removed meanwhile.

    Parameters
    ----------
    path
        Where it is.
    descriptor
        Of the file; closed by us.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        #: Its size and its last change, before anything of it was read (bytes, ns).
        self._state = self._find_state()
        self._header = b""

    @property
    def size_bytes(self) -> int:
        """Return how long it is."""
        return self._state[0]

    @property
    def packed_bytes(self) -> int:
        """Return how long it is as an object is kept."""
        return HEADER.size + framed_bytes(self.size_bytes)

    def look(self) -> str:
        """Read all of it; return which object it is."""
        digest, place = hashlib.sha256(), 0
        buffer = memoryview(bytearray(LOOKED_AT_BYTES))
        while n_bytes := os.preadv(self.descriptor, [buffer], place):
            digest.update(buffer[:n_bytes])
            place += n_bytes
        # Who takes it in reads all of it, and can as well find out the checksum.
        self._header = pack_header(self.size_bytes, framed_bytes(self.size_bytes), None)
        return digest.hexdigest()

    def read(self, offset: int, limit_bytes: int) -> bytes | memoryview:
        """Return a part of it as an object is kept."""
        start = self._header[offset : offset + limit_bytes]
        framed = read_framed(
            self.descriptor,
            self.size_bytes,
            max(0, offset - HEADER.size),
            limit_bytes - len(start),
        )
        return b"".join([start, framed]) if start else framed

    def has_changed(self) -> bool:
        """Tell whether somebody has written to it."""
        return self._find_state() != self._state

    def _find_state(self) -> tuple[int, int]:
        status = os.fstat(self.descriptor)
        return status.st_size, status.st_mtime_ns
