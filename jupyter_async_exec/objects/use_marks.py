"""How those who need an object and those who remove it never miss each other in a bucket.

Storage that many servers share has no locks and no renaming, but whatever was
written is seen by whoever looks afterwards. So each side first writes down what
it is about to do, and then looks what the other has written:

* who is about to refer to an object that is there marks it as used, and then
  looks whether somebody removes it; if so, it waits for the end of that, and
  puts the object again;
* who removes an object marks it as going, then looks whether it was used
  lately, and only then deletes it and takes the mark away.

Whichever comes first, at least one of the two sees the other's mark. Times are
those of the storage, which all of them share.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from concurrent.futures import ThreadPoolExecutor

    from jupyter_async_exec.objects.bucket import Bucket, Found

#: Folders of empty files, named as the objects they are about.
USED, GOING = "used", "going"
#: What was marked as used is not marked again for so long. Far less than `SPARED_S`.
FRESH_S = 600.0
#: What was put or used so lately is never removed, whatever was asked for.
SPARED_S = 3_600.0
#: Who removes an object gives up unless it is done after so long.
REMOVING_S = 60.0
#: A removal older than this is that of a process that died: longer than every try of the
#: last request of one that began within `REMOVING_S`.
ABANDONED_S = 600.0
#: So long a removal by somebody else is waited for.
PATIENCE_S = 30.0
POLL_S = 0.2
#: Objects remembered as marked.
MAX_FRESH = 100_000


def key_of(object_id: str) -> str:
    """Return where an object lies, as in a folder of objects on a disk."""
    return f"{object_id[:2]}/{object_id[2:]}"


class UseMarks:
    """Marks objects as used, and removes those that are not.

    Parameters
    ----------
    bucket
        Where the objects are.
    threads
        May wait for the storage.
    monotonic
        Seconds that never go back.
    """

    def __init__(
        self,
        bucket: Bucket,
        threads: ThreadPoolExecutor,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket = bucket
        self._threads = threads
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: Object id to when it was seen to be there and marked.
        self._fresh: dict[str, float] = {}

    def fresh(self, object_ids: Iterable[str]) -> frozenset[str]:
        """Return which of these are there and will not be removed soon, without asking."""
        since_s = self._monotonic() - FRESH_S
        with self._lock:
            return frozenset(each for each in object_ids if self._fresh.get(each, -1e9) > since_s)

    def forget(self, object_id: str) -> None:
        """Ask about an object the next time."""
        with self._lock:
            self._fresh.pop(object_id, None)

    def use(self, object_ids: Collection[str], *, created: Collection[str] = ()) -> frozenset[str]:
        """Mark objects as used; return those that are there and will not be removed soon.

        Parameters
        ----------
        object_ids
            Which.
        created
            Those among them that were put just now and so need no mark.

        Raises
        ------
        UnavailableError
            The storage does not answer, or somebody has been removing one for too long.
        """
        began_s = self._monotonic()
        older = [each for each in object_ids if each not in created]
        list(self._threads.map(self._mark, older))
        going = {name for name, _ in self._bucket.list(GOING)} & set(object_ids)
        for object_id in going:
            self._await_removal(object_id)
        asked = [each for each in object_ids if each not in created or each in going]
        found = self._threads.map(lambda each: self._bucket.find(key_of(each)), asked)
        there = dict(zip(asked, found, strict=True))
        held = frozenset(each for each in object_ids if each not in there or there[each])
        for object_id in there:
            if object_id not in held:
                self._bucket.delete(f"{USED}/{object_id}")
        with self._lock:
            if len(self._fresh) > MAX_FRESH:
                self._fresh.clear()
            self._fresh.update(dict.fromkeys(held, began_s))
        return held

    def last_use(self, object_id: str) -> Found | None:
        """Return when the storage last saw an object put or used, with its size; None if gone."""
        found = self._bucket.find(key_of(object_id))
        used = self._bucket.find(f"{USED}/{object_id}") if found else None
        if found is None or used is None:
            return found
        return type(found)(found.size_bytes, max(found.changed_s, used.changed_s))

    def remove(self, object_id: str, *, unused_for_s: float) -> int:
        """Delete an object unless it was put or used within so many seconds.

        Returns
        -------
        int
            The room that is free now (bytes); 0 when it stays.
        """
        unused_for_s = max(unused_for_s, SPARED_S)
        found = self.last_use(object_id)
        if found is None:
            return 0
        began_s = self._monotonic()
        mark = f"{GOING}/{object_id}"
        self._bucket.mark(mark)
        marked = self._bucket.find(mark)
        found = self.last_use(object_id)
        is_due = (
            marked is not None
            and found is not None
            and found.changed_s < marked.changed_s - unused_for_s
            and self._monotonic() - began_s < REMOVING_S
        )
        if is_due:
            self.forget(object_id)
            self._bucket.delete(key_of(object_id))
            self._bucket.delete(f"{USED}/{object_id}")
        self._bucket.delete(mark)
        return found.size_bytes if is_due and found is not None else 0

    def _mark(self, object_id: str) -> None:
        self._bucket.mark(f"{USED}/{object_id}")

    def _await_removal(self, object_id: str) -> None:
        """Wait until nobody removes an object; one that died while removing it is forgotten."""
        mark = f"{GOING}/{object_id}"
        deadline_s = self._monotonic() + PATIENCE_S
        while (going := self._bucket.find(mark)) is not None:
            self._mark(object_id)
            now = self._bucket.find(f"{USED}/{object_id}")
            if now is not None and now.changed_s - going.changed_s > ABANDONED_S:
                self._bucket.delete(mark)
                return
            if self._monotonic() > deadline_s:
                raise UnavailableError(
                    f"Somebody has been removing what is needed from {self._bucket} for too long; "
                    f"try again in {ABANDONED_S / 60:.0f} minutes."
                )
            time.sleep(POLL_S)
