"""Lays a snapshot out as a folder in which it can run like in the user's own."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import DiskFullError, InvalidRequestError
from jupyter_async_exec.snapshots.collect import Baseline, Collected, collect, record_baseline
from jupyter_async_exec.snapshots.ignore import is_environment, is_junk
from jupyter_async_exec.snapshots.manifest import check_path
from jupyter_async_exec.snapshots.tree import Notes, relative_path
from jupyter_async_exec.snapshots.working_tree import WorkingTree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.snapshots.manifest import LinkedFile, Manifest

__all__ = ["Baseline", "Collected", "WorkingTree", "collect", "materialise", "record_baseline"]

#: More links than this would take longer than they are worth.
N_LINKS = 100_000


def materialise(
    manifest: Manifest,
    *,
    objects: ObjectStore,
    directory: Path,
    notebook_path: str,
    tree_root: Path | None,
    root_path: str | None,
    server_root: Path | None,
    linked: Sequence[LinkedFile] = (),
    go_on: Callable[[], None] = lambda: None,
) -> WorkingTree:
    """Lay a snapshot out below `directory`.

    Captured files become copies in real folders; everything else that lies
    beside them, and beside the folders up to the server root, becomes a link,
    so that relative paths lead where they lead in the user's folder. `.git`,
    environments and caches are not there at all.

    Parameters
    ----------
    manifest
        What to lay out.
    objects
        Where its bytes are.
    directory
        Top of the mirror; created, must be empty if it exists.
    notebook_path
        Jupyter path of the notebook, which gives its folder a familiar name
        when there is no `root_path`.
    tree_root
        The folder it was captured from; may be gone by now.
    root_path
        `tree_root` relative to the server root.
    server_root
        The folder that Jupyter paths are relative to.
    linked
        What was linked at submission: a note says which of them changed since.
    go_on
        Called before each file; what it raises ends the work.

    Raises
    ------
    NotFoundError, CorruptObjectError
        Captured bytes are missing or damaged.
    DiskFullError
        There is no room.
    """
    parts = _place(manifest, notebook_path, root_path)
    root = directory.resolve().joinpath(*parts)
    mirror = _Mirror(directory.resolve(), tree_root)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root_path is not None and server_root is not None:
            mirror.link_ancestors(server_root, parts)
        mirror.lay_out(manifest, root, objects, go_on)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(f"There is no room for a working directory at {root}.") from error
        raise
    mirror.compare(linked)
    notebook = root.joinpath(*_local_parts(manifest.notebook_path))
    return WorkingTree(
        root=directory.resolve(),
        folder=notebook.parent,
        notebook=notebook,
        notes=mirror.notes.sentences(),
    )


class _Mirror:
    """Makes real folders, copies and links below one directory."""

    def __init__(self, directory: Path, tree_root: Path | None) -> None:
        self.notes = Notes()
        self._directory = directory
        self._tree_root = tree_root.resolve() if tree_root else None
        self._n_links_left = N_LINKS
        #: Folders of the tree that are real in the mirror.
        self._real: dict[str, Path] = {}

    def link_ancestors(self, server_root: Path, parts: tuple[str, ...]) -> None:
        """Link what lies beside the folders between the server root and the tree root."""
        original, place = server_root.resolve(), self._directory
        for part in parts:
            self._link_rest(original, place, {part})
            original, place = original / part, place / part

    def lay_out(
        self, manifest: Manifest, root: Path, objects: ObjectStore, go_on: Callable[[], None]
    ) -> None:
        """Copy what was captured and link what lies beside it."""
        taken: dict[str, set[str]] = {"": set()}
        for path in (manifest.notebook_path, *(file.path for file in manifest.files)):
            _take(path, taken)
        for folder in sorted(taken):
            self._real[folder] = root.joinpath(*_local_parts(folder))
            self._real[folder].mkdir(mode=0o700, exist_ok=True)
        objects.bring(manifest.object_ids)
        for file in manifest.files:
            go_on()
            place = root.joinpath(*_local_parts(file.path))
            objects.copy_to(file.object_id, place, executable=file.executable)
        notebook = root.joinpath(*_local_parts(manifest.notebook_path))
        objects.copy_to(manifest.notebook_object, notebook)
        if self._tree_root is None:
            return
        if not self._tree_root.is_dir():
            self.notes.add("is gone: only captured files are there", str(self._tree_root))
            return
        for folder, names in taken.items():
            original = self._tree_root.joinpath(*_local_parts(folder))
            self._link_rest(original, self._real[folder], names)

    def compare(self, linked: Sequence[LinkedFile]) -> None:
        """Note which linked files are not what they were at submission."""
        if self._tree_root is None or not self._tree_root.is_dir():
            for file in linked:
                self.notes.add("was too large to be captured and is not there", file.path)
            return
        for file in linked:
            try:
                status = self._tree_root.joinpath(*_local_parts(file.path)).stat()
            except OSError:
                self.notes.add("was linked at submission and is gone", file.path)
                continue
            # Times come back from the store to the microsecond.
            is_same_time = status.st_mtime_ns // 1_000 == file.mtime_ns // 1_000
            if status.st_size != file.size_bytes or not is_same_time:
                self.notes.add("was linked and has changed since submission", file.path)

    def _link_rest(self, original: Path, place: Path, taken: set[str]) -> None:
        """Link the entries of `original` that are not `taken` into `place`."""
        try:
            with os.scandir(original) as iterator:
                entries = list(itertools.islice(iterator, self._n_links_left + 1))
        except OSError:
            return  # It was moved since; what was captured is there.
        for entry in entries:
            if entry.name in taken or is_junk(entry.name) or self._is_left_out(entry):
                continue
            if self._n_links_left <= 0:
                self.notes.add("holds too many files to link them all", str(original))
                return
            self._n_links_left -= 1
            os.symlink(self._target(entry), place / entry.name)  # noqa: PTH211  texts, many times

    def _is_left_out(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_dir():
            return False
        # A link to a folder around the mirror would lead back into it.
        if self._directory.is_relative_to(os.path.realpath(entry.path)):
            return True
        return is_environment(
            name for name in ("pyvenv.cfg", "conda-meta") if os.path.lexists(f"{entry.path}/{name}")
        )

    def _target(self, entry: os.DirEntry[str]) -> str:
        """Return what to link to: the mirror's own folder rather than the user's."""
        if self._tree_root is not None and entry.is_symlink():
            path = relative_path(Path(os.path.realpath(entry.path)), self._tree_root)
            if path is not None and path in self._real:
                return str(self._real[path])
        return entry.path


def _place(manifest: Manifest, notebook_path: str, root_path: str | None) -> tuple[str, ...]:
    """Return where in the mirror the tree root goes."""
    if root_path is not None:
        return _local_parts(root_path)
    depth = len(PurePosixPath(manifest.notebook_path).parts)
    above = [part for part in notebook_path.split("/") if part not in {"", ".", ".."}][:-depth]
    return _local_parts(above[-1]) if above else ()


def _local_parts(path: str) -> tuple[str, ...]:
    """Split a manifest path; refuse what would mean something else on this system."""
    if not path:
        return ()
    parts = check_path(path).split("/")
    if os.name == "nt" and any(set(part) & set('\\:*?"<>|') for part in parts):
        raise InvalidRequestError(f"The path {path!r} cannot be used on this system.")
    return tuple(parts)


def _take(path: str, taken: dict[str, set[str]]) -> None:
    """Note that `path`, and so every folder above it, is real."""
    while path:
        folder, _, name = path.rpartition("/")
        names = taken.setdefault(folder, set())
        if name in names:
            return
        names.add(name)
        path = folder
