"""The folder tree around a notebook: where it starts and which files belong to it."""

from __future__ import annotations

import itertools
import os
import stat
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.snapshots.found import (
    FoundFile,
    FoundFiles,
    SeenFolder,
    SeenTree,
    SeenTrees,
    fingerprint,
)
from jupyter_async_exec.snapshots.git import find_exclude_file, find_top, is_submodule
from jupyter_async_exec.snapshots.ignore import IgnoreRules, is_environment, is_junk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jupyter_async_exec.snapshots.found import Fingerprint

#: Looking at more entries than this would take too long for a click.
N_ENTRIES = 200_000
#: Names in one note.
N_NAMED = 5

_SEEN = SeenTrees()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Where the files beside a notebook are looked for."""

    root: Path
    #: The notebook's folder, relative to the root; `""` is the root itself.
    folder_path: str
    git_top: Path | None
    #: The rules that hold at the root, from the folders above it.
    rules: IgnoreRules


@dataclass(slots=True)
class Notes:
    """Sentences about what was left out, each with a few names."""

    #: Whether something was left out of which nothing is known.
    has_unknown: bool = False
    _names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, path: str, *, is_known: bool = False) -> None:
        """Remember that `path` was left out; `reason` continues the sentence.

        With `is_known` it holds nothing, or what it holds is told elsewhere.
        """
        self.has_unknown |= not is_known
        self._names.setdefault(reason, []).append(path)

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence for each reason."""
        return tuple(f"{listed(names)} {reason}." for reason, names in sorted(self._names.items()))


def listed(names: Collection[str]) -> str:
    """Name the first few of `names` and count the rest."""
    shown = ", ".join(f"`{_printable(name)}`" for name in sorted(names)[:N_NAMED])
    more = len(names) - N_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _printable(name: str) -> str:
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def relative_path(path: Path, ancestor: Path) -> str | None:
    """Return `path` relative to `ancestor` with `/` between parts; `""` when they are equal."""
    try:
        relative = path.relative_to(ancestor).as_posix()
    except ValueError:
        return None
    return "" if relative == "." else relative


def locate_tree(folder: Path, server_root: Path | None) -> Tree:
    """Decide where the tree of a notebook in `folder` starts.

    In a git work tree it is the top level or the server root, whichever is
    lower; else, or when git ignores the folder, it is the folder itself.
    """
    git_top = find_top(folder)
    if git_top is not None:
        root = git_top
        if server_root is not None and relative_path(server_root, git_top) is not None:
            root = server_root if relative_path(folder, server_root) is not None else git_top
        rules = _rules_above(root, git_top)
        folder_path = relative_path(folder, root)
        assert folder_path is not None
        if not _is_ignored(folder_path, root, rules):
            return Tree(root=root, folder_path=folder_path, git_top=git_top, rules=rules)
    return Tree(root=folder, folder_path="", git_top=None, rules=IgnoreRules())


def _rules_above(root: Path, git_top: Path) -> IgnoreRules:
    path = relative_path(root, git_top)
    assert path is not None
    rules = IgnoreRules().with_exclude_file(find_exclude_file(git_top), path)
    parts = PurePosixPath(path).parts
    for index in range(len(parts)):
        rules = rules.above(git_top.joinpath(*parts[:index]), "/".join(parts[index:]))
    return rules


def _is_ignored(folder_path: str, root: Path, rules: IgnoreRules) -> bool:
    """Tell whether any folder between the root and the notebook is ignored."""
    current, path = root, ""
    for part in PurePosixPath(folder_path).parts:
        names = {".gitignore", ".asyncexecignore"}
        rules = rules.entering(current, path, names)
        current, path = current / part, f"{path}/{part}" if path else part
        if rules.ignores(path, is_directory=True):
            return True
    return False


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
    found = walk.files()
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
        #: By path: what this walk sees.
        self.seen: dict[str, SeenFolder] = {}
        self._tree = tree
        self._notebook_path = notebook_path
        self._tracked = frozenset(tracked_ignored)
        # On the way to the notebook and to tracked files nothing is passed by.
        self._on_the_way = set(_folders_of([f"{tree.folder_path}/x", *self._tracked]))
        self._excluded = {str(path) for path in excluded}
        self._notes = notes
        self._n_left = n_entries
        self._found: dict[str, FoundFile] = {}
        self._links: list[tuple[str, str]] = []

    def files(self) -> FoundFiles:
        queue: deque[tuple[str, str, IgnoreRules]] = deque()
        queue.append((str(self._tree.root), "", self._tree.rules))
        while queue:
            folder, path, rules = queue.popleft()
            if self._n_left <= 0:
                self._notes.add("was not looked through, because there are too many files", path)
                continue
            entries = self._scan(folder, path)
            names = {entry.name for entry in entries}
            if path and self._is_foreign(Path(folder), path, names):
                continue
            inner = rules.entering(Path(folder), path, names)
            for entry, below in self._go_through(entries, path, inner):
                queue.append((entry.path, below, inner))
        self._resolve_links()
        return FoundFiles(self._found.values())

    def _go_through(
        self, entries: Iterable[os.DirEntry[str]], path: str, rules: IgnoreRules
    ) -> Iterator[tuple[os.DirEntry[str], str]]:
        """Note the files of a folder; give the folders to be looked into, with their paths."""
        before = self._before.get(path)
        # What was judged by other rules is judged again.
        known = before.files if before is not None and before.rules == rules else {}
        seen = self.seen[path] = SeenFolder(rules)
        prefix = f"{path}/" if path else ""
        for entry in entries:
            old = known.get(entry.name)
            if old is not None and old[0] == _fingerprint(entry):
                seen.files[entry.name] = old
                self._found[old[1].path] = old[1]
                continue
            below = prefix + entry.name
            if self._takes(entry, below, rules):
                yield entry, below
            elif (file := self._found.get(below)) is not None:
                seen.files[entry.name] = (fingerprint(file.status), file)

    def _scan(self, folder: str, path: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as iterator:
                entries = list(itertools.islice(iterator, self._n_left + 1))
        except OSError:
            self._notes.add("could not be read", path or ".")
            return []
        if len(entries) > self._n_left:
            self._notes.add("holds too many files to look at them all", path or ".")
        self._n_left -= len(entries)
        return sorted(entries, key=attrgetter("name"))

    def _is_foreign(self, folder: Path, path: str, names: set[str]) -> bool:
        """Tell whether a folder is an environment or a repository of its own."""
        if path in self._on_the_way:
            return False
        if is_environment(names):
            return True
        if ".git" in names and not is_submodule(folder):
            self._notes.add("is another git repository: linked, not captured", path)
            return True
        return False

    def _takes(self, entry: os.DirEntry[str], path: str, rules: IgnoreRules) -> bool:
        """Note a file or link; tell whether the entry is a folder to be looked into."""
        if is_junk(entry.name):
            return False
        if not path.isascii() and not _is_utf8(path):
            self._notes.add("has a name that is not UTF-8 and was not captured", path)
            return False
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return False  # It vanished.
        mode = stat.S_IFMT(status.st_mode)
        if mode == stat.S_IFDIR:
            return self._takes_folder(entry, path, rules)
        if path == self._notebook_path or self._is_ignored(path, rules):
            return False
        if mode == stat.S_IFREG:
            self._found[path] = FoundFile(path, entry.path, status)
        elif mode == stat.S_IFLNK:
            self._note_link(entry.path, path)
        else:
            self._notes.add("is a socket, pipe or device and was not captured", path, is_known=True)
        return False

    def _takes_folder(self, entry: os.DirEntry[str], path: str, rules: IgnoreRules) -> bool:
        if path in self._on_the_way:
            return True
        # Outside git, hidden folders are where programs keep their own things.
        is_private = self._tree.git_top is None and entry.name.startswith(".")
        return (
            not is_private
            and entry.path not in self._excluded
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

    def _resolve_links(self) -> None:
        """Take links to captured files and folders as copies of these."""
        found = dict(self._found)
        for path, target in self._links:
            if target in found:
                self._add_copy(path, found[target])
            elif not f"{path}/".startswith(f"{target}/" if target else ""):
                inside = f"{target}/"
                for file in found.values():
                    if file.path.startswith(inside):
                        self._add_copy(path + file.path[len(target) :], file)

    def _add_copy(self, path: str, file: FoundFile) -> None:
        if path != self._notebook_path and len(self._found) < N_ENTRIES:
            self._found[path] = file._replace(path=path)


def _fingerprint(entry: os.DirEntry[str]) -> Fingerprint | None:
    try:
        return fingerprint(entry.stat(follow_symlinks=False))
    except OSError:
        return None  # It vanished.


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
