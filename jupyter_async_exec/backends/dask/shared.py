"""Objects that a worker reads and writes itself, where server and workers reach the same storage.

The server says where they are, and nothing that opens them: whether this
machine is let in depends on its own credentials. Who is not let in, or gets
no answer, says so once; objects then travel through Dask.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import (
    AsyncExecError,
    CorruptObjectError,
    DiskFullError,
    NotFoundError,
)
from jupyter_async_exec.objects.remote import open_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import Address
    from jupyter_async_exec.objects.local import LocalObjectStore
    from jupyter_async_exec.objects.remote import RemoteObjectStore

#: What could not be reached, or did not let us in, is left alone for so long.
AWAY_S = 600.0
READ, WRITE = "read", "write"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """What a worker has to know to reach the objects of a server itself."""

    url: str
    options: JSONObject
    #: Room for snapshots on the machine.
    cache_bytes: int

    @classmethod
    def to(cls, address: Address | None, *, cache_bytes: int) -> Way | None:
        """Return the way to an address, if there is one."""
        return None if address is None else cls(address.url, address.options, cache_bytes)

    @classmethod
    def from_json(cls, fields: JSONObject) -> Way:
        """Read what `dataclasses.asdict` gave."""
        return cls(str(fields["url"]), dict(fields["options"]), int(fields["cache_bytes"]))

    def __str__(self) -> str:
        """Return all of it, in one order."""
        return json.dumps([self.url, self.options, self.cache_bytes], sort_keys=True)


class SharedObjects:
    """The objects of one server, as this machine reaches them; for use in threads.

    Parameters
    ----------
    way
        Where they are.
    directory
        The cache of snapshots on this machine.
    monotonic
        Seconds that never go back.
    """

    def __init__(
        self,
        way: Way,
        directory: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._way = way
        self._directory = directory
        self._monotonic = monotonic
        self._opening = threading.Lock()
        self._opened: RemoteObjectStore | None = None
        #: Whether an object that the server named was read there: it is the same storage.
        self._is_proven = False
        #: What is left alone until when, and why.
        self._away: dict[str, tuple[float, str]] = {}

    def bring(self, object_ids: Sequence[str]) -> str:
        """Fetch into the cache what is not in it, as far as that is possible.

        Returns
        -------
        str
            Why not, for people; empty if nothing was in the way.
        """

        def fetch(objects: RemoteObjectStore) -> None:
            objects.bring(object_ids)
            self._is_proven = True

        return self._try(READ, fetch)

    def send(self, object_ids: Sequence[str], results: LocalObjectStore, *, probe: str) -> str:
        """Put objects of `results` there; on return they are durable.

        Parameters
        ----------
        object_ids
            Which.
        results
            Where this process has just made them.
        probe
            An object that is there, if it is the same storage; empty if none is known.

        Returns
        -------
        str
            Why not, for people; empty when all of them are there.
        """
        if not object_ids:
            return ""
        if not (self._is_proven or probe):
            return f"Whether it is the same storage at {self._way.url} is not known yet."

        def put(objects: RemoteObjectStore) -> None:
            if not self._is_proven:
                objects.check(probe)
                self._is_proven = True
            objects.send({each: results.file_of(each) for each in object_ids})

        return self._try(WRITE, put)

    def _try(self, what: str, act: Callable[[RemoteObjectStore], None]) -> str:
        until_s, why = self._away.get(what, (0.0, ""))
        if self._monotonic() < until_s:
            return why
        try:
            act(self._open())
        except (CorruptObjectError, DiskFullError, NotFoundError) as error:
            # The next ones may be well.
            _log.warning("Objects at %s are left to the server: %s", self._way.url, error)
            return str(error)
        except (AsyncExecError, OSError) as error:
            _log.warning("This worker does not %s objects itself: %s", what, error)
            self._away[what] = self._monotonic() + AWAY_S, str(error)
            return str(error)
        self._away.pop(what, None)
        return ""

    def _open(self) -> RemoteObjectStore:
        with self._opening:
            if self._opened is None:
                self._opened = open_remote(
                    self._way.url,
                    self._directory,
                    options=self._way.options,
                    cache_bytes=self._way.cache_bytes,
                )
            return self._opened
