"""The files of a tree, as they are found now and as they were found when somebody looked last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Hashable, Mapping

    from jupyter_async_exec.snapshots.ignore import IgnoreRules

#: So many trees are known as they were last; each takes some megabytes for 5,000 files.
N_TREES = 4
#: Trees of more files are looked at anew each time.
N_FILES = 10_000

#: Size, mtime, ctime (ns), device and inode: all by which `stat` can tell that a file changed.
Fingerprint: TypeAlias = tuple[int, int, int, int, int]


class FoundFile(NamedTuple):
    """A regular file that belongs to a tree; a tuple, because it is made thousands of times."""

    #: Relative to the root, `/` between parts.
    path: str
    #: Where its bytes are: itself, or what a link inside the tree leads to.
    source: str
    status: os.stat_result


class FoundFiles(list[FoundFile]):
    """The files of a tree; the very same object as last time, if nothing has changed since."""

    #: What was made of them, for whoever made it; it goes when they change.
    made_of_them: Any = None

    def is_still(self, before: FoundFiles) -> bool:
        """Whether these are the files of `before`, with the very same status."""
        if self is before:
            return True
        return len(self) == len(before) and all(
            new is old or (new[:2] == old[:2] and new.status is old.status)
            for new, old in zip(self, before, strict=True)
        )


@dataclass(slots=True, eq=False)
class SeenFolder:
    """One folder, and what of it belongs to the tree; equal to nothing but itself."""

    rules: IgnoreRules
    #: By name: everything in it, as it was.
    marks: Mapping[str, Fingerprint]
    #: By name: the files that belong to the tree.
    files: dict[str, FoundFile] = field(default_factory=dict)
    #: Names and paths of the folders to be looked into.
    folders: list[tuple[str, str]] = field(default_factory=list)
    #: Whether nothing but `marks` decides what is made of it; a link leads elsewhere.
    is_plain: bool = True


@dataclass(slots=True)
class SeenTree:
    """What one look at a tree found; nobody changes it afterwards."""

    #: By path.
    folders: dict[str, SeenFolder] = field(default_factory=dict)
    found: FoundFiles = field(default_factory=FoundFiles)


class SeenTrees:
    """The trees that were looked at lately; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trees: OrderedDict[Hashable, SeenTree] = OrderedDict()

    def get(self, key: Hashable) -> SeenTree:
        """Return what was seen last, nothing for a tree that was not."""
        with self._lock:
            return self._trees.get(key) or SeenTree()

    def put(self, key: Hashable, tree: SeenTree) -> None:
        """Remember it, unless it is huge, and forget the one not looked at for longest."""
        with self._lock:
            self._trees.pop(key, None)
            if len(tree.found) <= N_FILES:
                self._trees[key] = tree
            if len(self._trees) > N_TREES:
                self._trees.popitem(last=False)


#: Returns what tells that a file is as it was; asked thousands of times at every click.
fingerprint: Callable[[os.stat_result], Fingerprint] = attrgetter(
    "st_size", "st_mtime_ns", "st_ctime_ns", "st_dev", "st_ino"
)
