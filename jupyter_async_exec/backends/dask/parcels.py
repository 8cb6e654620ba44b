"""Objects on their way between two stores, in pieces, in the form in which they are kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.dask.protocol import PIECE_BYTES, Content
from jupyter_async_exec.errors import InvalidRequestError, UnavailableError
from jupyter_async_exec.objects.local_file import Verifier, complete_header
from jupyter_async_exec.objects.writing import pass_on, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from jupyter_async_exec.objects.base import ObjectStore

#: More names than this are not asked for at once.
N_WANTED = 1_000
#: Written and looked at before what follows it: the processor's cache has room for so much.
STEP_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the kept form of an object."""

    object_id: str
    offset: int
    n_bytes: int
    #: Of the whole kept form.
    total_bytes: int

    @property
    def is_last(self) -> bool:
        """Whether the object is whole with it."""
        return self.offset + self.n_bytes == self.total_bytes


#: An object and how many bytes of it are there already.
Lacking = tuple[str, int]
#: Pieces, and their bytes one after the other.
Parcel = tuple[list[Piece], Content]


def pack(store: ObjectStore, lacking: Sequence[Lacking]) -> Parcel:
    """Return the first pieces of what is lacking, as many as one message carries.

    Raises
    ------
    NotFoundError
        It is not here either.
    """
    pieces: list[Piece] = []
    contents: list[Content] = []
    left_bytes = PIECE_BYTES
    for object_id, offset in lacking:
        if left_bytes <= 0:
            break
        content, total_bytes = store.read_packed(object_id, offset=offset, limit_bytes=left_bytes)
        pieces.append(Piece(object_id, offset, len(content), total_bytes))
        contents.append(content)
        left_bytes -= len(content)
    return pieces, contents[0] if len(contents) == 1 else b"".join(contents)


def rest_of(lacking: Sequence[Lacking], sent: Sequence[Piece]) -> list[Lacking]:
    """Return what is still lacking after these pieces, which came from its beginning."""
    rest = list(lacking[len(sent) :])
    if sent and not sent[-1].is_last:
        last = sent[-1]
        if not last.n_bytes:
            raise UnavailableError(f"The object {last.object_id} became shorter on its way.")
        rest.insert(0, (last.object_id, last.offset + last.n_bytes))
    return rest


class Asking:
    """Chooses what to ask for next, as far as that is known before the answers have come.

    Parameters
    ----------
    lacking
        What is to come, in this order.
    """

    def __init__(self, lacking: Sequence[Lacking]) -> None:
        self._rest = list(lacking)
        #: Sizes of the kept forms, as far as they have been told.
        self._total_bytes: dict[str, int] = {}
        #: Whether only the last answer says what is lacking after it.
        self._waits = False

    def choose(self) -> list[Lacking]:
        """Return what to ask for now; nothing when all is asked for, or an answer has to come."""
        if self._waits or not self._rest:
            return []
        object_id, offset = self._rest[0]
        total_bytes = self._total_bytes.get(object_id)
        if total_bytes is None:
            self._waits = True
            return self._rest[:N_WANTED]
        end = offset + PIECE_BYTES
        self._rest[:1] = [(object_id, end)] if end < total_bytes else []
        return [(object_id, offset)]

    def note(self, pieces: Sequence[Piece]) -> None:
        """Take note of an answer; they come in the order of the questions."""
        self._total_bytes.update((piece.object_id, piece.total_bytes) for piece in pieces)
        if self._waits and pieces and pieces[0].object_id == self._rest[0][0]:
            self._rest = rest_of(self._rest, pieces)
            self._waits = False


def choose_pieces(pieces: Sequence[Piece], content: Content, lacking: Sequence[Lacking]) -> Parcel:
    """Return those pieces, with their bytes, that begin where something is lacking."""
    wanted = dict(lacking)
    chosen: list[Piece] = []
    contents: list[Content] = []
    begin = 0
    for piece in pieces:
        if wanted.get(piece.object_id) == piece.offset:
            chosen.append(piece)
            contents.append(content[begin : begin + piece.n_bytes])
        begin += piece.n_bytes
    return chosen, b"".join(contents)


def pieces_from_json(fields: Iterable[Any]) -> list[Piece]:
    """Read what came as lists of the fields of `Piece`."""
    return [
        Piece(str(object_id), int(offset), int(n_bytes), int(total_bytes))
        for object_id, offset, n_bytes, total_bytes in fields
    ]


class Arrivals:
    """Takes pieces in; what is whole is verified and kept.

    What is not yet whole outlives this process, so that an interrupted transfer goes on.

    Parameters
    ----------
    store
        Where objects are kept.
    sender
        Names who sends (a file name): two that send the same do not meet.
    """

    def __init__(self, store: ObjectStore, sender: str) -> None:
        self._store = store
        self._sender = sender
        #: Of what has come from its beginning since this was made.
        self._verifiers: dict[str, Verifier] = {}
        #: Whole, and compared with their ids on the way.
        self._verified: set[str] = set()

    def lacking(self, object_ids: Iterable[str]) -> list[Lacking]:
        """Return which of these are not here, and how much of each is; the others count as used."""
        wanted = dict.fromkeys(object_ids)
        there = self._store.touch_all(wanted)
        found: dict[str, int] = {}
        for object_id in wanted:
            if object_id not in there:
                found[object_id] = _size_bytes(self._store.arrival_path(object_id, self._sender))
        return list(found.items())

    def add(self, pieces: Sequence[Piece], content: Content) -> None:
        """Take pieces whose bytes follow each other in `content`, and keep what is whole.

        Raises
        ------
        InvalidRequestError, CorruptObjectError, DiskFullError
            As `gather` and `keep` raise them.
        """
        self.keep(self.gather(pieces, content))

    def gather(self, pieces: Sequence[Piece], content: Content) -> dict[str, Path]:
        """Take pieces whose bytes follow each other in `content`; return what is whole now.

        Raises
        ------
        InvalidRequestError
            They do not continue what is here; ask again what is lacking.
        DiskFullError
            There is no room.
        """
        whole: dict[str, Path] = {}
        view = memoryview(content)
        for piece in pieces:
            path = self._store.arrival_path(piece.object_id, self._sender)
            if _size_bytes(path) != piece.offset or piece.n_bytes > len(view):
                raise InvalidRequestError(f"A piece of {piece.object_id} is out of its order.")
            part, view = view[: piece.n_bytes], view[piece.n_bytes :]
            verifier = self._verifier_of(piece)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                for begin in range(0, len(part), STEP_BYTES):
                    portion = part[begin : begin + STEP_BYTES]
                    write_all(descriptor, portion)
                    if verifier is not None:
                        verifier.update(portion)
                if self._store.waits_for_disk:
                    pass_on(descriptor, piece.offset, piece.offset + piece.n_bytes)
            finally:
                os.close(descriptor)
            if piece.is_last:
                whole[piece.object_id] = path
                self._verifiers.pop(piece.object_id, None)
                if verifier is not None and verifier.is_right():
                    complete_header(path, verifier.crc)
                    self._verified.add(piece.object_id)
        return whole

    def keep(self, whole: Mapping[str, Path]) -> None:
        """Verify and keep objects that are whole.

        Raises
        ------
        CorruptObjectError
            One is not what it should be; it was thrown away.
        DiskFullError
            There is no room.
        """
        if whole:
            verified = {each for each in whole if each in self._verified}
            self._verified -= verified
            self._store.adopt(whole, verified=verified)

    def _verifier_of(self, piece: Piece) -> Verifier | None:
        """Return what compares an object with its id; None if its beginning came before us."""
        if not piece.offset:
            self._verifiers[piece.object_id] = Verifier(piece.object_id)
        return self._verifiers.get(piece.object_id)


def _size_bytes(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except FileNotFoundError:
        return 0
