"""Objects in S3-compatible storage, which several servers and workers share."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from typing_extensions import override

from jupyter_async_exec.defaults import OBJECT_CACHE_BYTES
from jupyter_async_exec.errors import (
    CorruptObjectError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from jupyter_async_exec.objects.base import Address, ObjectStore, ObjectWriter, check_object_id
from jupyter_async_exec.objects.local import DAMAGED, NAME, PLACE
from jupyter_async_exec.objects.local_cache import Cache
from jupyter_async_exec.objects.local_file import (
    HEADER,
    complete_header,
    parse_header,
    verify_file,
)
from jupyter_async_exec.objects.use_marks import GOING, USED, UseMarks, key_of
from jupyter_async_exec.objects.writing import translating

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from jupyter_async_exec.objects.base import Packed
    from jupyter_async_exec.objects.bucket import Bucket

T = TypeVar("T")

#: Requests at the same time: each waits for the network most of its time.
N_AT_ONCE = 16
#: Larger files are sent and fetched by so many threads only, because they take memory.
LARGE_BYTES = 1024 * 1024
N_LARGE = 2
#: Between two looks at the room that copies take.
TIDY_INTERVAL_S = 60.0
#: Listing all objects is slow, and paid for where the storage is rented.
USED_AGE_S = 3_600.0
#: What was put is found to be missing again so often before it is given up.
N_TRIES = 3


class RemoteObjectStore(ObjectStore):
    """Objects in a bucket, in the same form and under the same names as in a local folder.

    Everything goes through a cache on this machine, which forgets what was used
    longest ago: an object is made there and sent, or fetched and checked there.
    A batch has ended when the storage has confirmed all of it. What this
    process put or saw lately is not asked about again.

    Parameters
    ----------
    bucket
        Where the objects are.
    directory
        The cache; several processes of this machine may share it.
    cache_bytes
        About how much of it is kept.
    """

    def __init__(
        self, bucket: Bucket, directory: Path, *, cache_bytes: int = OBJECT_CACHE_BYTES
    ) -> None:
        self._bucket = bucket
        self._cache = Cache(directory, is_synced=False)
        self._cache_bytes = cache_bytes
        self._threads = ThreadPoolExecutor(N_AT_ONCE, thread_name_prefix="object-store")
        self._large = threading.Semaphore(N_LARGE)
        self._marks = UseMarks(bucket, self._threads)
        self._tidied_s = 0.0
        #: When all was counted, and how much it was (bytes).
        self._used: tuple[float, int] | None = None

    @property
    @override
    def local_directory(self) -> Path | None:
        return self._cache.local_directory

    @property
    @override
    def address(self) -> Address | None:
        return self._bucket.address

    # ------------------------------------------------------------ putting

    @contextmanager
    @override
    def batch(self) -> Iterator[ObjectWriter]:
        batch = self._cache.make_batch()
        try:
            yield batch
            self._send(batch.files())
            batch.sync()
        finally:
            batch.discard()
        self._tidy()

    @override
    def adopt(self, arrived: Mapping[str, Path], *, verified: Collection[str] = ()) -> None:
        try:
            for object_id, path in arrived.items():
                if object_id not in verified:
                    complete_header(path)
                    verify_file(object_id, path)
            self._send({object_id: (str(path), True) for object_id, path in arrived.items()})
            self._cache.adopt(arrived, verified=arrived)
        finally:
            for path in arrived.values():
                path.unlink(missing_ok=True)
        self._tidy()

    def send(self, files: Mapping[str, Path]) -> None:
        """Keep objects whose files this process has just made; they stay where they are.

        Parameters
        ----------
        files
            Object id to its file, as a local store has it.

        Raises
        ------
        UnavailableError
            The storage does not answer or refuses, or a file is gone.
        """
        self._send({object_id: (str(path), True) for object_id, path in files.items()})

    def _send(self, files: Mapping[str, tuple[str, bool]]) -> None:
        """Let the storage have objects; afterwards all of them are there and stay.

        Parameters
        ----------
        files
            Object id to its file, and whether that was written just now.
        """
        for _ in range(N_TRIES):
            missing = [each for each in files if each not in self._marks.fresh(files)]
            if not missing:
                return
            is_created = list(self._threads.map(lambda each: self._create(each, files), missing))
            created = {each for each, is_new in zip(missing, is_created, strict=True) if is_new}
            self._marks.use(missing, created=created)
        raise UnavailableError(
            f"Objects do not stay in {self._bucket}; look who removes them there, and try again."
        )

    def _create(self, object_id: str, files: Mapping[str, tuple[str, bool]]) -> bool:
        """Send an object unless it is there; whether it was not."""
        name, is_new = files[object_id]
        path, key = Path(name), key_of(object_id)
        try:
            is_large = path.stat().st_size > LARGE_BYTES
            if (is_large or not is_new) and self._bucket.find(key) is not None:
                return False
            if not is_new:
                # The disk was not waited for: after a power loss it may be anything.
                verify_file(object_id, path)
            with self._large if is_large else contextlib.nullcontext():
                return self._bucket.create(key, path)
        except (FileNotFoundError, NotFoundError, CorruptObjectError) as error:
            self._cache.delete(object_id)
            raise UnavailableError(
                f"The copy of an object in {self._cache.local_directory} was lost; try again."
            ) from error

    # ------------------------------------------------------------ reading

    @override
    def get(self, object_id: str) -> bytes:
        return self._at_hand(object_id, lambda: self._cache.get(object_id))

    @override
    def open(self, object_id: str) -> BinaryIO:
        return self._at_hand(object_id, lambda: self._cache.open(object_id))

    @override
    def copy_to(self, object_id: str, path: Path, *, executable: bool = False) -> None:
        self._at_hand(
            object_id, lambda: self._cache.copy_to(object_id, path, executable=executable)
        )

    @override
    def read_packed(self, object_id: str, *, offset: int, limit_bytes: int) -> Packed:
        return self._at_hand(
            object_id,
            lambda: self._cache.read_packed(object_id, offset=offset, limit_bytes=limit_bytes),
        )

    @override
    def arrival_path(self, object_id: str, sender: str) -> Path:
        return self._cache.arrival_path(object_id, sender)

    @override
    def discard_arrivals(self, sender: str) -> None:
        self._cache.discard_arrivals(sender)

    @override
    def bring(self, object_ids: Iterable[str]) -> None:
        lacking = [each for each in dict.fromkeys(object_ids) if not self._cache.touch(each)]
        for _ in self._threads.map(self._fetch, lacking):
            pass
        if lacking:
            self._tidy()

    @override
    def check(self, object_id: str) -> None:
        self._cache.delete(object_id)
        self._fetch(object_id)
        self._tidy()

    def _at_hand(self, object_id: str, read: Callable[[], T]) -> T:
        """Read from the cache what is fetched before if need be, and once more if it is damaged."""
        self.bring((object_id,))
        try:
            return read()
        except (NotFoundError, CorruptObjectError):
            self._cache.delete(object_id)
            self.bring((object_id,))
            return read()

    def _fetch(self, object_id: str) -> None:
        path = self._cache.arrival_path(object_id, secrets.token_hex(8))
        try:
            with translating(str(path.parent)):
                try:
                    self._bucket.fetch(key_of(object_id), path)
                except FileNotFoundError:
                    raise NotFoundError(f"There is no object {object_id}.") from None
            self._cache.adopt({object_id: path})
        finally:
            path.unlink(missing_ok=True)

    def _tidy(self) -> None:
        now_s = time.monotonic()
        if now_s - self._tidied_s > TIDY_INTERVAL_S:
            self._tidied_s = now_s
            self._cache.make_room(self._cache_bytes)

    # ------------------------------------------------------------ asking

    @override
    def size_bytes(self, object_id: str) -> int:
        with contextlib.suppress(NotFoundError, CorruptObjectError):
            return self._cache.size_bytes(object_id)
        key = key_of(check_object_id(object_id))
        found = self._bucket.find(key)
        if found is None:
            raise NotFoundError(f"There is no object {object_id}.")
        return parse_header(self._bucket.read(key, HEADER.size), found.size_bytes, object_id)[0]

    @override
    def contains(self, object_id: str) -> bool:
        found = self._bucket.find(key_of(check_object_id(object_id)))
        return found is not None and found.size_bytes > HEADER.size

    @override
    def touch(self, object_id: str) -> bool:
        return bool(self.touch_all((object_id,)))

    @override
    def touch_all(self, object_ids: Iterable[str]) -> frozenset[str]:
        wanted = {check_object_id(each) for each in object_ids}
        fresh = self._marks.fresh(wanted)
        return fresh | self._marks.use(wanted - fresh) if wanted - fresh else fresh

    @override
    def ids(self) -> Iterator[str]:
        for place, name, _ in self._files():
            if NAME.fullmatch(name):
                yield place + name

    @override
    def room(self, object_id: str) -> tuple[int, float]:
        found = self._marks.last_use(check_object_id(object_id))
        if found is None:
            raise NotFoundError(f"There is no object {object_id}.")
        return found.size_bytes, found.changed_s

    @override
    def used_bytes(self) -> int:
        now_s = time.monotonic()
        if self._used is None or now_s - self._used[0] > USED_AGE_S:
            self._used = now_s, sum(size_bytes for _, _, size_bytes in self._files())
        return self._used[1]

    @override
    def leftovers(self) -> tuple[str, ...]:
        return self._cache.leftovers()

    @override
    def remove_leftovers(self) -> None:
        self._cache.remove_leftovers()

    @override
    def strangers(self) -> tuple[str, ...]:
        ours = {DAMAGED, USED, GOING}
        top = [
            name
            for name, found in self._bucket.list()
            if name not in ours and not (found is None and PLACE.fullmatch(name))
        ]
        inside = [f"{place}/{name}" for place, name, _ in self._files() if not NAME.fullmatch(name)]
        return tuple(sorted(f"{self._bucket}/{each}" for each in (*top, *inside)))

    def _files(self) -> Iterator[tuple[str, str, int]]:
        """Yield folder, name and size (bytes) of all that lies where objects do."""
        places = [name for name, found in self._bucket.list() if found is None]
        for place in places:
            if PLACE.fullmatch(place):
                for name, found in self._bucket.list(place):
                    yield place, name, found.size_bytes if found else 0

    # ------------------------------------------------------------ removing

    @override
    def delete(self, object_id: str) -> None:
        self._marks.forget(check_object_id(object_id))
        self._cache.delete(object_id)
        self._bucket.delete(key_of(object_id))
        self._bucket.delete(f"{USED}/{object_id}")
        self._used = None

    @override
    def discard_unused(self, object_id: str, *, since_s: float) -> int:
        unused_for_s = time.time() - since_s
        freed_bytes = self._marks.remove(check_object_id(object_id), unused_for_s=unused_for_s)
        if freed_bytes:
            self._cache.delete(object_id)
            self._used = None
        return freed_bytes

    @override
    def set_aside(self, object_id: str) -> str | None:
        self._marks.forget(check_object_id(object_id))
        self._cache.delete(object_id)
        target = f"{DAMAGED}/{object_id}"
        try:
            self._bucket.move(key_of(object_id), target)
        except FileNotFoundError:
            return None
        return f"{self._bucket}/{target}"


def open_remote(
    url: str,
    directory: Path,
    *,
    options: Mapping[str, object] | None = None,
    cache_bytes: int = OBJECT_CACHE_BYTES,
) -> RemoteObjectStore:
    """Return the object store at an address; nobody is asked anything yet.

    Parameters
    ----------
    url
        Such as ``s3://bucket/prefix``; the bucket must be there.
    directory
        Where copies are kept on this machine.
    options
        Of fsspec's file system for such addresses, such as `endpoint_url`.
    cache_bytes
        About how much room copies may take (>= 0).

    Raises
    ------
    UnavailableError
        What reaches it is not installed.
    InvalidRequestError
        The address or the options make no sense.
    """
    from jupyter_async_exec.objects.bucket import Bucket

    if "@" in url.partition("://")[2].partition("/")[0]:
        raise InvalidRequestError(
            "An address of objects holds no credentials: put them where the S3 client looks "
            "for them, such as the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return RemoteObjectStore(Bucket(url, options), directory, cache_bytes=cache_bytes)
