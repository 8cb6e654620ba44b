"""Files that an execution each is made for: found, and known by their content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_async_exec.core.sweep_values import MAX_TRIALS
from jupyter_async_exec.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_async_exec.snapshots.manifest import CapturedFile
    from jupyter_async_exec.snapshots.stat_cache import StatCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """A file at one moment."""

    #: As the notebook sees it: relative to its folder, `/` between parts.
    path: str
    #: Of its content.
    sha256: str
    size_bytes: int
    #: Whether it is part of the snapshot; else it is read where it lies.
    captured: bool


def find_files(pattern: str, *, folder: Path | None, root: Path | None) -> list[str]:
    """Return the files that `pattern` matches, sorted, as a notebook in `folder` sees them.

    Parameters
    ----------
    pattern
        Relative to `folder`; ``**`` stands for folders at any depth. Names
        that begin with a dot are passed over, as a shell does.
    folder
        The notebook's; None when it is not on this machine's disk.
    root
        Nothing outside of it is looked at.

    Raises
    ------
    RefusedError
        It matches nothing, or too many, or leads outside.
    """
    if folder is None or root is None:
        raise RefusedError(
            "Files can only be found when the notebook lies in a folder of this machine."
        )
    parts = PurePosixPath(pattern).parts
    if not parts or pattern.startswith(("/", "~")) or "\0" in pattern or "\\" in pattern:
        raise RefusedError(
            f"{pattern[:100]!r} is no pattern of files: write one that begins in the notebook's "
            "folder, such as data/*.csv."
        )
    # What leads up is no pattern; the rest leads only down.
    base, rest = folder, list(parts)
    while rest and rest[0] == "..":
        base, rest = base.parent, rest[1:]
    inside = base.resolve().is_relative_to(root.resolve())
    if not inside or ".." in rest or not rest:
        raise RefusedError(
            f"The pattern {pattern[:100]!r} leads out of the folder that holds the notebooks."
        )
    try:
        found = _matches(base, "/".join(rest), root.resolve())
    except (ValueError, OSError, RecursionError) as error:
        raise RefusedError(f"{pattern[:100]!r} is no pattern of files: {error}.") from None
    if not found:
        raise RefusedError(f"No file matches {pattern[:100]!r} in {folder}.")
    return [os.path.relpath(path, folder).replace(os.sep, "/") for path in found]


def _matches(base: Path, pattern: str, root: Path) -> list[Path]:
    found: list[Path] = []
    #: Whether it may be looked into, found once for the thousands of files it may hold.
    folders: dict[str, bool] = {}
    for path in base.glob(pattern):
        folder = str(path)[: -len(path.name)]
        if folder not in folders:
            is_hidden = any(part.startswith(".") for part in path.parent.relative_to(base).parts)
            folders[folder] = not is_hidden and Path(folder).resolve().is_relative_to(root)
        is_inside = folders[folder] and not path.name.startswith(".")
        if is_inside and path.is_symlink():
            is_inside = path.resolve().is_relative_to(root)
        if not is_inside or not path.is_file():
            continue
        found.append(path)
        if len(found) > MAX_TRIALS:
            raise RefusedError(
                f"More than {MAX_TRIALS:,} files match {pattern[:100]!r}; take fewer at once."
            )
    return sorted(found)


def read_datums(
    paths: Iterable[str],
    *,
    folder: Path,
    root: Path | None,
    captured: Iterable[CapturedFile],
    stat_cache: StatCache | None,
    skip_unreadable: bool = False,
) -> dict[str, Datum]:
    """Return what each of `paths` holds.

    A captured file is known by what was captured, which is what will be read;
    any other is read now, unless it is as it was when it was read last.

    Parameters
    ----------
    paths
        Relative to `folder`.
    folder
        The notebook's.
    root, captured
        The captured tree: its folder, and its files.
    stat_cache
        Spares reading unchanged files.
    skip_unreadable
        Leave out what cannot be read.

    Raises
    ------
    RefusedError
        One cannot be read, unless `skip_unreadable`.
    """
    datums: dict[str, Datum] = {}
    places = tree_paths(paths, folder=folder, root=root)
    known = {file.path: file for file in captured} if places else {}
    for path, inside in places.items():
        local = folder / path
        file = known.get(inside or "")
        if file is not None:
            datums[path] = Datum(
                path=path, sha256=file.object_id, size_bytes=file.size_bytes, captured=True
            )
            continue
        try:
            datums[path] = _read(path, local, stat_cache)
        except (OSError, ValueError) as error:
            if skip_unreadable:
                continue
            why = getattr(error, "strerror", None) or error
            raise RefusedError(f"{path} cannot be read: {why}.") from None
    if stat_cache is not None:
        stat_cache.save()
    return datums


def tree_paths(paths: Iterable[str], *, folder: Path, root: Path | None) -> dict[str, str | None]:
    """Return, for each of `paths`, where the file is in the captured tree; None if outside."""
    if root is None:
        return dict.fromkeys(paths)
    # Once, not for each of thousands.
    base, top = str(folder.resolve()), str(root.resolve())
    found: dict[str, str | None] = {}
    for path in paths:
        whole = os.path.normpath(f"{base}/{path}")
        relative = os.path.relpath(whole, top).replace(os.sep, "/")
        found[path] = None if relative.startswith("../") else relative
    return found


def is_as_it_was(datum: Datum, *, folder: Path, stat_cache: StatCache | None) -> bool:
    """Tell whether a file that was read where it lies still holds the same."""
    if datum.captured:
        return True
    try:
        return _read(datum.path, folder / datum.path, stat_cache) == datum
    except OSError:
        return False


def _read(path: str, local: Path, stat_cache: StatCache | None) -> Datum:
    status = local.stat()
    # An entry of its own: what is remembered under the plain path is known to be an object.
    entry = f"sha256:{local}"
    digest = stat_cache.find(entry, status) if stat_cache else None
    if digest is None:
        with local.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if stat_cache is not None and local.stat().st_mtime_ns == status.st_mtime_ns:
            stat_cache.record(entry, status, digest)
    return Datum(path=path, sha256=digest, size_bytes=status.st_size, captured=False)
