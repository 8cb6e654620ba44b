"""Which files belong to the tree around a notebook, found by going through it."""

from __future__ import annotations

import itertools
import os
import stat
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.snapshots.found import (
    FoundFile,
    FoundFiles,
    SeenFolder,
    SeenTree,
    SeenTrees,
    fingerprint,
)
from jupyter_async_exec.snapshots.git import is_submodule
from jupyter_async_exec.snapshots.ignore import is_environment, is_junk
from jupyter_async_exec.snapshots.tree import relative_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jupyter_async_exec.snapshots.ignore import IgnoreRules
    from jupyter_async_exec.snapshots.tree import Notes, Tree

#: Looking at more entries than this would take too long for a click.
N_ENTRIES = 200_000

_SEEN = SeenTrees()
#: With it each entry is asked for by its name alone, not by a path to be gone down anew.
_HAS_DESCRIPTORS = os.scandir in os.supports_fd


def find_files(
    tree: Tree,
    *,
    notebook_path: str,
    tracked_ignored: Collection[str],
    excluded: Collection[Path],
    notes: Notes,
    n_entries: int = N_ENTRIES,
) -> FoundFiles:
    """Return the files that belong to a tree, nearest to the root first.

    Of a tree that was looked at lately only what has changed is judged anew;
    each file is asked for its status all the same.

    Parameters
    ----------
    tree
        Where to look.
    notebook_path
        Left out: the notebook is captured from the screen.
    tracked_ignored
        Paths that belong to the tree although a rule ignores them.
    excluded
        Folders never looked into, such as our own data.
    notes
        Gets a sentence for whatever had to be left out.
    n_entries
        Where the search ends in a huge tree; what was not seen is not captured.
    """
    # The rules of the tree are compared folder by folder.
    place = (tree.root, tree.folder_path, tree.git_top, notebook_path)
    key = (*place, frozenset(tracked_ignored), frozenset(excluded))
    before = _SEEN.get(key)
    walk = _Walk(
        tree,
        notebook_path=notebook_path,
        tracked_ignored=tracked_ignored,
        excluded=excluded,
        notes=notes,
        n_entries=n_entries,
        before=before.folders,
    )
    walk.go()
    # A folder is equal to nothing but itself; none with a link is ever the same.
    found = before.found if walk.seen == before.folders else walk.files()
    if found.is_still(before.found):
        found = before.found
    _SEEN.put(key, SeenTree(walk.seen, found))
    return found


class _Walk:
    """A walk through a tree, breadth first, that follows no link."""

    def __init__(
        self,
        tree: Tree,
        *,
        notebook_path: str,
        tracked_ignored: Collection[str],
        excluded: Collection[Path],
        notes: Notes,
        n_entries: int,
        before: Mapping[str, SeenFolder],
    ) -> None:
        self._before = before
        #: By path: what this walk sees, the very same object where nothing changed.
        self.seen: dict[str, SeenFolder] = {}
        self._links: list[tuple[str, str]] = []
        self._tree = tree
        self._notebook_path = notebook_path
        self._tracked = frozenset(tracked_ignored)
        # On the way to the notebook and to tracked files nothing is passed by.
        self._on_the_way = set(_folders_of([f"{tree.folder_path}/x", *self._tracked]))
        self._excluded = {str(path) for path in excluded}
        self._notes = notes
        self._n_left = n_entries

    def go(self) -> None:
        """Look into every folder that belongs to the tree."""
        queue: deque[tuple[str, str, IgnoreRules]] = deque()
        queue.append((str(self._tree.root), "", self._tree.rules))
        while queue:
            folder, path, rules = queue.popleft()
            if self._n_left <= 0:
                self._notes.add("was not looked through, because there are too many files", path)
                continue
            entries = self._scan(folder, path)
            if path and self._is_foreign(Path(folder), path, entries):
                continue
            inner = rules.entering(Path(folder), path, entries)
            seen = self.seen[path] = self._see(folder, path, inner, entries)
            for name, below in seen.folders:
                queue.append((os.path.join(folder, name), below, inner))  # noqa: PTH118

    def files(self) -> FoundFiles:
        """Return the files, with those that links inside the tree lead to."""
        found = {file.path: file for folder in self.seen.values() for file in folder.files.values()}
        self._resolve_links(found)
        return FoundFiles(found.values())

    def _see(
        self, folder: str, path: str, rules: IgnoreRules, entries: Mapping[str, os.stat_result]
    ) -> SeenFolder:
        """Return the folder as it was seen last, if it is still the same."""
        before = self._before.get(path)
        marks = dict(zip(entries, map(fingerprint, entries.values()), strict=True))
        # What was judged by other rules is judged again.
        if before is None or before.rules != rules:
            before = SeenFolder(rules, {})
        elif before.is_plain and before.marks == marks:
            return before
        seen = SeenFolder(rules, marks)
        for name in sorted(entries):
            old = before.files.get(name)
            if old is not None and before.marks[name] == marks[name]:
                seen.files[name] = old
            else:
                self._judge(folder, name, f"{path}/{name}" if path else name, entries[name], seen)
        return seen

    def _scan(self, folder: str, path: str) -> dict[str, os.stat_result]:
        """Return the status of everything in a folder, by name; links are not followed."""
        entries: dict[str, os.stat_result] = {}
        n_entries = 0
        try:
            with _opened(folder) as place, os.scandir(place) as iterator:
                for entry in itertools.islice(iterator, self._n_left + 1):
                    n_entries += 1
                    try:
                        entries[entry.name] = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # It vanished.
        except OSError:
            self._notes.add("could not be read", path or ".")
            return {}
        if n_entries > self._n_left:
            self._notes.add("holds too many files to look at them all", path or ".")
        self._n_left -= n_entries
        return entries

    def _is_foreign(self, folder: Path, path: str, names: Collection[str]) -> bool:
        """Tell whether a folder is an environment or a repository of its own."""
        if path in self._on_the_way:
            return False
        if is_environment(names):
            return True
        if ".git" in names and not is_submodule(folder):
            self._notes.add("is another git repository: linked, not captured", path)
            return True
        return False

    def _judge(
        self, folder: str, name: str, path: str, status: os.stat_result, seen: SeenFolder
    ) -> None:
        """Note what an entry of a folder is to the tree."""
        if is_junk(name):
            return
        if not path.isascii() and not _is_utf8(path):
            self._notes.add("has a name that is not UTF-8 and was not captured", path)
            seen.is_plain = False
            return
        mode = stat.S_IFMT(status.st_mode)
        place = os.path.join(folder, name)  # noqa: PTH118  a text, many times
        if mode == stat.S_IFDIR:
            if self._takes_folder(name, place, path, seen.rules):
                seen.folders.append((name, path))
        elif path == self._notebook_path or self._is_ignored(path, seen.rules):
            return
        elif mode == stat.S_IFREG:
            seen.files[name] = FoundFile(path, place, status)
        else:
            seen.is_plain = False
            if mode == stat.S_IFLNK:
                self._note_link(place, path)
                return
            self._notes.add("is a socket, pipe or device and was not captured", path, is_known=True)

    def _takes_folder(self, name: str, place: str, path: str, rules: IgnoreRules) -> bool:
        if path in self._on_the_way:
            return True
        # Outside git, hidden folders are where programs keep their own things.
        is_private = self._tree.git_top is None and name.startswith(".")
        return (
            not is_private
            and place not in self._excluded
            and not rules.ignores(path, is_directory=True)
        )

    def _is_ignored(self, path: str, rules: IgnoreRules) -> bool:
        if self._tracked and path in self._tracked:
            return rules.is_protected(path)
        return rules.ignores(path, is_directory=False)

    def _note_link(self, link: str, path: str) -> None:
        target = relative_path(Path(os.path.realpath(link)), self._tree.root)
        if target is None:
            self._notes.add("leads out of the folder: linked, not captured", path)
        else:
            self._links.append((path, target))

    def _resolve_links(self, found: dict[str, FoundFile]) -> None:
        """Take links to captured files and folders as copies of these."""
        real = dict(found)
        for path, target in self._links:
            if target in real:
                self._add_copy(path, real[target], found)
            elif not f"{path}/".startswith(f"{target}/" if target else ""):
                inside = f"{target}/"
                for file in real.values():
                    if file.path.startswith(inside):
                        self._add_copy(path + file.path[len(target) :], file, found)

    def _add_copy(self, path: str, file: FoundFile, found: dict[str, FoundFile]) -> None:
        if path != self._notebook_path and len(found) < N_ENTRIES:
            found[path] = file._replace(path=path)


@contextmanager
def _opened(folder: str) -> Iterator[str | int]:
    """Give what `os.scandir` is to look into."""
    if not _HAS_DESCRIPTORS:
        yield folder
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _folders_of(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder:
            yield folder
            folder = folder.rpartition("/")[0]
