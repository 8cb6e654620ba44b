"""How captured files differ from the commit that is checked out, for the record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.snapshots.git import diff_to_commit
from jupyter_async_exec.snapshots.ignore import is_secret_file
from jupyter_async_exec.snapshots.tree import relative_path

if TYPE_CHECKING:
    from jupyter_async_exec.snapshots.found import FoundFiles
    from jupyter_async_exec.snapshots.git import GitState
    from jupyter_async_exec.snapshots.tree import Notes, Tree

#: What differs in a larger file, nobody reads; that it does, the commit and the snapshot tell.
FILE_BYTES = 1_000_000


def with_changes(tree: Tree, state: GitState, found: FoundFiles, notes: Notes) -> GitState:
    """Return where a work tree stands with a patch from the commit to the files beside a notebook.

    Only of what may be captured, or is missing; never of files that hold
    secrets. Notebooks are left out: they are compared cell by cell, and
    outputs would be most of it.

    Parameters
    ----------
    tree, found
        Where the files were looked for, and which belong to it.
    state
        Where the work tree stands.
    notes
        Gets a sentence if not all could be kept.
    """
    if tree.git_top is None or not state.changed:
        return state
    above = relative_path(tree.root, tree.git_top)
    prefix = f"{above}/" if above else ""
    below = [path.removeprefix(prefix) for path in state.changed if path.startswith(prefix)]
    sizes = {file.path: file.status.st_size for file in found}
    wanted = [path for path in below if PurePosixPath(path).suffix != ".ipynb"]
    small = [path for path in wanted if _is_told(path, sizes, tree)]
    diff, is_whole = diff_to_commit(tree.root, small) if small else ("", True)
    if not is_whole:
        notes.say("What changed since the commit is not all kept, because it is too much.")
    return replace(state, diff=diff, is_diff_cut=not is_whole)


def _is_told(path: str, sizes: dict[str, int], tree: Tree) -> bool:
    if path in sizes:
        return sizes[path] <= FILE_BYTES
    if is_secret_file(path) or (tree.root / path).exists():
        return False
    # What was there belonged to the tree only if nothing ignores it.
    return not tree.ignores(path)
