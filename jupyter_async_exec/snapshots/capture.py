"""Captures a notebook and the files beside it, at one moment, as a snapshot."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.snapshots.changes import with_changes
from jupyter_async_exec.snapshots.choice import CaptureLimits, choose
from jupyter_async_exec.snapshots.found import N_TREES, FoundFile, FoundFiles
from jupyter_async_exec.snapshots.git import GitFacts, GitState, ask_git
from jupyter_async_exec.snapshots.manifest import (
    CapturedFile,
    CapturedFiles,
    LinkedFile,
    Manifest,
    check_path,
)
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.snapshots.portions import read_in_portions
from jupyter_async_exec.snapshots.stat_cache import StatCache
from jupyter_async_exec.snapshots.tree import Notes, Tree, locate_tree, relative_path
from jupyter_async_exec.snapshots.walk import find_files

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from jupyter_async_exec.objects.base import ObjectStore, ObjectWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """What of a tree is captured and what is linked."""

    limits: CaptureLimits
    linked: tuple[LinkedFile, ...]
    files: CapturedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A snapshot and how it came to be."""

    snapshot_id: str
    manifest: Manifest
    #: Not captured, used where they lie; the largest first when there are too many to list.
    linked: tuple[LinkedFile, ...] = ()
    #: The folder on this machine that paths are relative to; `None` for a notebook alone.
    tree_root: Path | None = None
    #: The tree root relative to the server root; `""` is the server root itself.
    root_path: str | None = None
    git: GitState | None = None
    #: Sentences about what was left out.
    notes: tuple[str, ...] = ()
    #: Whether something beside the notebook is neither captured nor in `linked`; ignored
    #: files do not count.
    has_unknown: bool = False


def capture(
    notebook: Mapping[str, Any],
    *,
    notebook_path: str,
    folder: Path | None,
    server_root: Path | None,
    kernel_name: str,
    language: str,
    objects: ObjectStore,
    stat_cache: StatCache | None = None,
    limits: CaptureLimits | None = None,
    is_normal: bool = False,
    is_kept: bool = True,
) -> Capture:
    """Store a notebook and the files beside it; return their snapshot.

    Equal inputs give an equal `snapshot_id`, on any machine and in any order:
    outputs, times and linked files are no part of it.

    Parameters
    ----------
    notebook
        As on the screen; normalised here.
    notebook_path
        Jupyter path; its file need not exist.
    folder
        The notebook's folder on this machine; `None` when there is none, and
        then the notebook alone is captured.
    server_root
        The folder that Jupyter paths are relative to.
    kernel_name, language
        What it will run with.
    objects
        Where to put the bytes.
    stat_cache
        Spares reading unchanged files; saved here.
    limits
        How much to capture.
    is_normal
        Whether `notebook` comes from `normalise`, which is not asked again then.
    is_kept
        False to learn only which snapshot it would be. Its notebook and manifest
        are not stored then, nobody looks whether the files still are, and git is
        not asked where it stands.

    Raises
    ------
    InvalidRequestError
        It is no notebook, or its path is none.
    SnapshotTooBigError
        Code is over a limit; `details["files"]` names the largest files.
    DiskFullError
        There is no room for the objects.

    Notes
    -----
    Source: snapshot format 1, `docs/reference/snapshot-format.md`.
    """
    source = _canonical(notebook if is_normal else normalise(notebook))
    name = _notebook_name(notebook_path)
    notes = Notes()
    tree = _tree_of(folder, server_root)
    if tree is None:
        found = FoundFiles()
        facts = GitFacts()
        path = name
    else:
        if tree.git_top is not None:
            facts = ask_git(tree.root, is_state_wanted=is_kept)
        else:
            facts = GitFacts()
        path = f"{tree.folder_path}/{name}" if tree.folder_path else name
        found = find_files(
            tree,
            notebook_path=path,
            tracked_ignored=facts.tracked_ignored,
            excluded=_own_folders(objects, tree),
            notes=notes,
        )
        if facts.state is not None:
            facts = replace(facts, state=with_changes(tree, facts.state, found, notes))
    limits = limits or CaptureLimits()
    shares: _Shares | None = found.made_of_them
    cache = stat_cache or StatCache()
    # One batch, so that the disk is waited for once. Nobody knows the snapshot
    # before the batch ends.
    with objects.batch() as batch:
        if is_kept or shares is None or shares.limits != limits:
            reader = _Reader(objects, batch, cache, notes, is_cache_trusted=not is_kept)
            shares = _share_out(found, limits, reader, notes)
        manifest = Manifest(
            notebook_path=path,
            notebook_object=batch.put(source) if is_kept else sha256(source).hexdigest(),
            files=shares.files,
            kernel_name=kernel_name,
            language=language,
        )
        if is_kept:
            batch.put(manifest.canonical)
    cache.save()
    return Capture(
        snapshot_id=manifest.snapshot_id,
        manifest=manifest,
        linked=shares.linked,
        tree_root=tree.root if tree else None,
        root_path=_root_path(tree, server_root),
        git=facts.state,
        notes=_sentences(tree, facts, notes),
        has_unknown=notes.has_unknown,
    )


def _share_out(found: FoundFiles, limits: CaptureLimits, reader: _Reader, notes: Notes) -> _Shares:
    """Capture or link each file; remembered as long as none changes, see `FoundFiles`."""
    chosen, linked = choose(found, limits, notes)
    files = reader.read(chosen)
    shares = _Shares(limits=limits, linked=tuple(linked), files=files)
    if not reader.n_unknown:
        found.made_of_them = shares
    return shares


class _Reader:
    """Puts files into the object store, unchanged ones without reading them."""

    def __init__(
        self,
        objects: ObjectStore,
        batch: ObjectWriter,
        stat_cache: StatCache,
        notes: Notes,
        *,
        is_cache_trusted: bool,
    ) -> None:
        self._objects = objects
        self._is_cache_trusted = is_cache_trusted
        self._batch = batch
        self._cache = stat_cache
        self._notes = notes
        #: Files that had to be read.
        self.n_unknown = 0

    def read(self, files: Sequence[FoundFile]) -> CapturedFiles:
        known: list[tuple[FoundFile, str]] = []
        unknown: list[FoundFile] = []
        found = self._cache.find_all((file.source, file.status) for file in files)
        there = frozenset(filter(None, found))
        if not self._is_cache_trusted:
            there = self._objects.touch_all(there)
        for file, object_id in zip(files, found, strict=True):
            if object_id is not None and object_id in there:
                known.append((file, object_id))
            else:
                unknown.append(file)
        self.n_unknown += len(unknown)
        read = read_in_portions(
            unknown, size_bytes=lambda file: file.status.st_size, read=self._read_all
        )
        if read:
            return CapturedFiles([*(_captured(*each, each[0].status) for each in known), *read])
        # Beside thousands of files: as they were when somebody asked last.
        return _as_before(
            tuple(file.path for file, _ in known),
            tuple(object_id for _, object_id in known),
            tuple(file.status.st_size for file, _ in known),
            tuple(_is_executable(file.status) for file, _ in known),
        )

    def _read_all(self, files: Sequence[FoundFile]) -> list[CapturedFile]:
        read = (self._read(file) for file in files)
        return [file for file in read if file is not None]

    def _read(self, file: FoundFile) -> CapturedFile | None:
        path = Path(file.source)
        try:
            for _ in range(2):
                before = path.lstat()
                object_id = self._batch.put_file(path)
                after = path.lstat()
                if _is_same(before, after):
                    self._cache.record(file.source, after, object_id)
                    return _captured(file, object_id, after)
        except FileNotFoundError:
            self._notes.add("vanished while it was read and was not captured", file.path)
            return None
        except (OSError, InvalidRequestError):
            self._notes.add("could not be read and was not captured", file.path)
            return None
        reason = "changed while it was read: it was captured as it was found"
        self._notes.add(reason, file.path, is_known=True)
        size_bytes = self._batch.size_bytes(object_id)
        return replace(_captured(file, object_id, after), size_bytes=size_bytes)


def _captured(file: FoundFile, object_id: str, status: os.stat_result) -> CapturedFile:
    return CapturedFile(
        path=file.path,
        object_id=object_id,
        size_bytes=status.st_size,
        executable=_is_executable(status),
    )


def _is_executable(status: os.stat_result) -> bool:
    return bool(status.st_mode & 0o100)


@lru_cache(N_TREES)
def _as_before(
    paths: tuple[str, ...],
    object_ids: tuple[str, ...],
    sizes_bytes: tuple[int, ...],
    are_executable: tuple[bool, ...],
) -> CapturedFiles:
    """Return files by all that a manifest says of them; the same for the same ones."""
    return CapturedFiles(
        CapturedFile(path=path, object_id=object_id, size_bytes=size_bytes, executable=executable)
        for path, object_id, size_bytes, executable in zip(
            paths, object_ids, sizes_bytes, are_executable, strict=True
        )
    )


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ino) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    )


def _canonical(notebook: Mapping[str, Any]) -> bytes:
    text = json.dumps(notebook, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def _notebook_name(notebook_path: str) -> str:
    name = notebook_path.rpartition("/")[2]
    if name in {"", ".", ".."}:
        raise InvalidRequestError(f"{notebook_path!r:.200} is not the path of a notebook.")
    return check_path(name)


def _tree_of(folder: Path | None, server_root: Path | None) -> Tree | None:
    if folder is None or not folder.is_dir():
        return None
    return locate_tree(folder.resolve(), server_root.resolve() if server_root else None)


def _root_path(tree: Tree | None, server_root: Path | None) -> str | None:
    if tree is None or server_root is None:
        return None
    return relative_path(tree.root, server_root.resolve())


def _own_folders(objects: ObjectStore, tree: Tree) -> list[Path]:
    """Return our own data folder, which may lie inside the tree."""
    directory = objects.local_directory
    if directory is None:
        return []
    directory = directory.resolve()
    # The objects lie beside the store and the working directories.
    folder = tree.root.joinpath(*PurePosixPath(tree.folder_path).parts)
    parent = directory.parent
    return [directory, *([] if folder.is_relative_to(parent) else [parent])]


def _sentences(tree: Tree | None, facts: GitFacts, notes: Notes) -> tuple[str, ...]:
    if tree is None:
        return ("Only the notebook was captured: its folder is not on this machine's disk.",)
    return (*((facts.note,) if facts.note else ()), *notes.sentences())
