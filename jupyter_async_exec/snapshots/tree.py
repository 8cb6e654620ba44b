"""The folder tree around a notebook: where it starts, and what is said of what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.snapshots.git import find_exclude_file, find_top
from jupyter_async_exec.snapshots.ignore import IGNORE_FILES, IgnoreRules

if TYPE_CHECKING:
    from collections.abc import Collection

#: Names in one note.
N_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Where the files beside a notebook are looked for."""

    root: Path
    #: The notebook's folder, relative to the root; `""` is the root itself.
    folder_path: str
    git_top: Path | None
    #: The rules that hold at the root, from the folders above it.
    rules: IgnoreRules

    def ignores(self, path: str) -> bool:
        """Tell whether something that need not be there, or a folder above it, is ignored.

        Parameters
        ----------
        path
            Relative to the root; of a folder with a slash at its end.
        """
        rules, current, so_far = self.rules, self.root, ""
        *folders, name = path.split("/")
        for part in filter(None, folders):
            rules = rules.entering(current, so_far, IGNORE_FILES)
            current, so_far = current / part, f"{so_far}/{part}" if so_far else part
            if rules.ignores(so_far, is_directory=True):
                return True
        if not name:
            return False
        return rules.entering(current, so_far, IGNORE_FILES).ignores(path, is_directory=False)


@dataclass(slots=True)
class Notes:
    """Sentences about what was left out, each with a few names."""

    #: Whether something was left out of which nothing is known.
    has_unknown: bool = False
    _names: dict[str, list[str]] = field(default_factory=dict)
    _said: list[str] = field(default_factory=list)

    def add(self, reason: str, path: str, *, is_known: bool = False) -> None:
        """Remember that `path` was left out; `reason` continues the sentence.

        With `is_known` it holds nothing, or what it holds is told elsewhere.
        """
        self.has_unknown |= not is_known
        self._names.setdefault(reason, []).append(path)

    def say(self, sentence: str) -> None:
        """Add a sentence about something else."""
        self._said.append(sentence)

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence for each reason."""
        reasons = sorted(self._names.items())
        return (*(f"{listed(names)} {reason}." for reason, names in reasons), *self._said)


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
        tree = Tree(root=root, folder_path=folder_path, git_top=git_top, rules=rules)
        if not tree.ignores(f"{folder_path}/"):
            return tree
    return Tree(root=folder, folder_path="", git_top=None, rules=IgnoreRules())


def _rules_above(root: Path, git_top: Path) -> IgnoreRules:
    path = relative_path(root, git_top)
    assert path is not None
    rules = IgnoreRules().with_exclude_file(find_exclude_file(git_top), path)
    parts = PurePosixPath(path).parts
    for index in range(len(parts)):
        rules = rules.above(git_top.joinpath(*parts[:index]), "/".join(parts[index:]))
    return rules
