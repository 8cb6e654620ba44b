"""Control groups (Linux): how much memory there is for us, whom the system has killed for it.

A group of our own is made for a kernel with a memory limit where the system
permits it, so that the limit holds also between two of our own measurements.

Notes
-----
Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOUNT = Path("/sys/fs/cgroup")
#: Beginning of the names of groups we make.
_PREFIX = "async-exec-"


@dataclass(frozen=True, slots=True)
class _Names:
    """What the files of a memory group are called."""

    limit: str
    limit_with_swap: str
    usage: str
    #: Field of `memory.stat`: file pages that are given back when memory is short.
    given_back: str
    peak: str
    events: str


_V1 = _Names(
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
    "memory.max_usage_in_bytes",
    "memory.oom_control",
)
_V2 = _Names(
    "memory.max",
    "memory.swap.max",
    "memory.current",
    "inactive_file",
    "memory.peak",
    "memory.events",
)


@dataclass(frozen=True, slots=True)
class _Place:
    """The memory group of this process."""

    names: _Names
    folder: Path
    mount: Path


class MemoryGroup:
    """A group of one kernel and all it starts, whose limit the system itself keeps.

    Parameters
    ----------
    folder
        Of the group, made already.
    names
        Of its files.
    """

    def __init__(self, folder: Path, names: _Names) -> None:
        self._folder = folder
        self._names = names

    def add(self, pid: int) -> bool:
        """Take a process in; whatever it starts from now on is in as well."""
        return _write(self._folder / "cgroup.procs", str(pid))

    def count_kills(self) -> int:
        """Return how many of its processes the system has killed for memory."""
        return _read_kills(self._folder / self._names.events) or 0

    def read_peak(self) -> int:
        """Return the most bytes it ever used; 0 when that is not known."""
        return _read_bytes(self._folder / self._names.peak) or 0


def make_group(cookie: str, limit_bytes: int) -> MemoryGroup | None:
    """Make a group with this limit for an attempt; `None` where that is not permitted."""
    for folder, names in _candidates():
        group = folder / f"{_PREFIX}{cookie}"
        try:
            group.mkdir(exist_ok=True)
        except OSError:
            continue
        if _write(group / names.limit, str(limit_bytes)):
            # Who may not use more must not swap it out either.
            with_swap = str(limit_bytes) if names is _V1 else "0"
            _write(group / names.limit_with_swap, with_swap)
            _write(group / "memory.oom.group", "1")
            return MemoryGroup(group, names)
        with contextlib.suppress(OSError):
            group.rmdir()
    return None


def remove_group(cookie: str) -> None:
    """Remove the group of an attempt whose processes are gone, if there is one."""
    for folder, _ in _candidates():
        with contextlib.suppress(OSError):
            os.rmdir(folder / f"{_PREFIX}{cookie}")  # noqa: PTH106  removes empty ones only


def read_limit() -> int | None:
    """Return how many bytes this process and its neighbours may use at most, `None` without limit.

    A container's memory, for instance.
    """
    place = _find_place()
    return None if place is None else min((limit for _, limit in _limited(place)), default=None)


def read_left() -> int | None:
    """Return how many bytes this process and its neighbours may still use, `None` without limit.

    What the system keeps of files and gives back when memory is short is not counted as used.
    """
    place = _find_place()
    if place is None:
        return None
    left = []
    for folder, limit in _limited(place):
        used = _read_bytes(folder / place.names.usage)
        if used is not None:
            given_back = _read_field(folder / "memory.stat", place.names.given_back) or 0
            left.append(max(0, limit - max(0, used - given_back)))
    return min(left, default=None)


def count_kills() -> int | None:
    """Return how many of its neighbours the system has killed for memory, `None` when unknown."""
    place = _find_place()
    return None if place is None else _read_kills(place.folder / place.names.events)


def _limited(place: _Place) -> Iterator[tuple[Path, int]]:
    """Give the groups around this process that have a limit, with that in bytes."""
    for folder in (place.folder, *place.folder.parents):
        if not folder.is_relative_to(place.mount):
            break
        limit = _read_bytes(folder / place.names.limit)
        if limit is not None:
            yield folder, limit


def _candidates() -> Iterator[tuple[Path, _Names]]:
    """Give the folders in which a memory group may be made."""
    place = _find_place()
    if place is None:
        return
    if place.names is _V1:
        yield place.folder, _V1
        return
    # A group with processes of its own has no groups with limits; its parent may have.
    for folder in (place.folder, place.folder.parent):
        with contextlib.suppress(OSError):
            is_inside = folder.is_relative_to(place.mount)
            if is_inside and "memory" in (folder / "cgroup.subtree_control").read_text().split():
                yield folder, _V2


def _find_place() -> _Place | None:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if "memory" in controllers.split(","):
            names, mount = _V1, _MOUNT / "memory"
        elif not controllers and (_MOUNT / "cgroup.controllers").exists():
            names, mount = _V2, _MOUNT
        else:
            continue
        folder = mount / path.lstrip("/")
        # A container sees its own group as the root, whatever its path outside.
        return _Place(names, folder if folder.is_dir() else mount, mount)
    return None


def _read_kills(path: Path) -> int | None:
    return _read_field(path, "oom_kill")


def _read_field(path: Path, wanted: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == wanted:
                return int(value)
    return None


def _read_bytes(path: Path) -> int | None:
    try:
        size = int(path.read_text())
    except (OSError, ValueError):  # ``max``
        return None
    # Version 1 writes no limit as a number near the largest there is.
    return size if size < 1 << 60 else None


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError:
        return False
    return True
