"""Objects travel in pieces, and only what is what it says arrives."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.dask import parcels
from jupyter_async_exec.backends.dask.parcels import (
    Arrivals,
    Asking,
    Parcel,
    Piece,
    choose_pieces,
    pack,
    rest_of,
)
from jupyter_async_exec.errors import CorruptObjectError, InvalidRequestError
from jupyter_async_exec.objects import lending, local
from jupyter_async_exec.objects.lending import LendingStore
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.objects.local_file import pack_header, verify_file
from jupyter_async_exec.objects.packing import Framing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "there")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PIECE_BYTES", 1_000)


def carry(
    here: LocalObjectStore, there: LocalObjectStore, ids: Sequence[str], *, n_messages: int = 100
) -> int:
    """Send what is lacking in at most so many messages; return how many it were."""
    arrivals = Arrivals(there, "sender")
    lacking = arrivals.lacking(ids)
    n_sent = 0
    while lacking and n_sent < n_messages:
        pieces, content = pack(here, lacking)
        arrivals.add(pieces, content)
        lacking = rest_of(lacking, pieces)
        n_sent += 1
    return n_sent


def test_objects_arrive_whole_and_small_ones_share_a_message(
    here: LocalObjectStore, there: LocalObjectStore
) -> None:
    contents = [os.urandom(3_500), b"", *(b"%d" % index for index in range(5))]
    ids = [here.put(content) for content in contents]

    n_sent = carry(here, there, ids)

    assert [there.get(each) for each in ids] == contents
    assert n_sent == 4
    assert there.leftovers() == ()


def test_what_is_there_already_is_not_sent(here: LocalObjectStore, there: LocalObjectStore) -> None:
    object_id = here.put(b"known")
    there.put(b"known")

    n_sent = carry(here, there, [object_id, object_id])

    assert n_sent == 0


def test_an_interrupted_transfer_goes_on_where_it_stopped(
    here: LocalObjectStore, there: LocalObjectStore
) -> None:
    object_id = here.put(content := os.urandom(9_500))
    carry(here, there, [object_id], n_messages=6)

    n_sent = carry(here, there, [object_id])

    assert n_sent == 4
    assert there.get(object_id) == content


def test_only_what_an_earlier_process_began_to_take_in_is_read_again(
    here: LocalObjectStore, there: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_again: list[str] = []

    def verify(object_id: str, path: Path) -> None:
        read_again.append(object_id)
        verify_file(object_id, path)

    monkeypatch.setattr(local, "verify_file", verify)
    at_once, interrupted = here.put(os.urandom(3_500)), here.put(os.urandom(3_500))
    carry(here, there, [interrupted], n_messages=2)

    carry(here, there, [at_once, interrupted])

    assert read_again == [interrupted]
    assert all(there.contains(each) for each in (at_once, interrupted))


@pytest.fixture
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LendingStore:
    monkeypatch.setattr(lending, "LENT_BYTES", 1_000)
    return LendingStore(tmp_path / "lender", kept=lambda _: None)


@pytest.mark.parametrize("n_before", [0, 1, 5, 10])
def test_what_is_lent_is_kept_like_everything_else_also_after_an_interruption(
    lender: LendingStore, there: LocalObjectStore, tmp_path: Path, n_before: int
) -> None:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(9_500))
    object_id = lender.put_file(path)
    assert lender.lends(object_id)
    carry(lender, there, [object_id], n_messages=n_before)

    carry(lender, there, [object_id])

    assert there.get(object_id) == path.read_bytes()
    there.check(object_id)
    kept = there.file_of(object_id).read_bytes()
    framing = Framing()
    frame = framing.pack(path.read_bytes()) + framing.end()
    assert kept == pack_header(9_500, len(frame), zlib.crc32(frame)) + frame


def test_what_was_changed_while_it_was_lent_is_refused(
    lender: LendingStore, there: LocalObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(9_500))
    object_id = lender.put_file(path)
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(CorruptObjectError):
        carry(lender, there, [object_id])

    assert not there.contains(object_id)
    assert Arrivals(there, "sender").lacking([object_id]) == [(object_id, 0)]


def test_a_damaged_object_is_refused_and_can_be_sent_again(
    here: LocalObjectStore, there: LocalObjectStore
) -> None:
    object_id = here.put(b"precious")
    packed, total_bytes = here.read_packed(object_id, offset=0, limit_bytes=1_000)
    damaged = bytes(packed[:-1]) + bytes([packed[-1] ^ 1])
    arrivals = Arrivals(there, "sender")

    with pytest.raises(CorruptObjectError):
        arrivals.add([Piece(object_id, 0, total_bytes, total_bytes)], damaged)

    assert not there.contains(object_id)
    carry(here, there, [object_id])
    assert there.get(object_id) == b"precious"


def test_another_object_under_its_name_is_refused(
    here: LocalObjectStore, there: LocalObjectStore
) -> None:
    wanted, other = here.put(b"wanted"), here.put(b"other")
    packed, total_bytes = here.read_packed(other, offset=0, limit_bytes=1_000)

    with pytest.raises(CorruptObjectError):
        Arrivals(there, "sender").add([Piece(wanted, 0, total_bytes, total_bytes)], packed)

    assert not there.contains(wanted)


def test_a_piece_out_of_its_order_is_refused(
    here: LocalObjectStore, there: LocalObjectStore
) -> None:
    object_id = here.put(os.urandom(3_000))
    piece, total_bytes = here.read_packed(object_id, offset=1_000, limit_bytes=1_000)

    with pytest.raises(InvalidRequestError):
        Arrivals(there, "sender").add([Piece(object_id, 1_000, 1_000, total_bytes)], piece)

    assert Arrivals(there, "sender").lacking([object_id]) == [(object_id, 0)]


def test_pieces_are_asked_for_before_the_first_has_come(
    here: LocalObjectStore, there: LocalObjectStore
) -> None:
    contents = [os.urandom(3_500), b"small", os.urandom(2_500), b"", b"last"]
    ids = [here.put(content) for content in contents]
    arrivals = Arrivals(there, "sender")
    asking = Asking(arrivals.lacking(ids))
    under_way: list[Parcel] = []
    most = 0

    while True:
        while len(under_way) < 3 and (wanted := asking.choose()):
            under_way.append(pack(here, wanted))
        most = max(most, len(under_way))
        if not under_way:
            break
        pieces, content = under_way.pop(0)
        asking.note(pieces)
        arrivals.add(pieces, content)

    assert most == 3
    assert [there.get(each) for each in ids] == contents
    assert arrivals.lacking(ids) == []


def test_pieces_that_came_unasked_are_taken_where_they_begin(here: LocalObjectStore) -> None:
    first, second = here.put(b"first"), here.put(b"second")
    pieces, content = pack(here, [(first, 0), (second, 0)])

    chosen, of_it = choose_pieces(pieces, content, [(second, 0), (first, 3)])

    assert [piece.object_id for piece in chosen] == [second]
    assert of_it == here.read_packed(second, offset=0, limit_bytes=1_000)[0]
