"""Lays out what an execution is handed of others: real files in its working directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jupyter_async_exec.snapshots.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from jupyter_async_exec.objects.base import ObjectStore

#: The folder beside the notebook in which they lie, one folder per execution.
FOLDER = "collected-executions"
#: Readable by all who could read the notebook's own files, writable by nobody.
READ_ONLY = 0o444


def lay_out_handed(
    folder: Path,
    files: Iterable[Mapping[str, str]],
    *,
    objects: ObjectStore,
    go_on: Callable[[], None] = lambda: None,
) -> None:
    """Write read-only copies of objects below `folder`; equal ones take room once.

    Parameters
    ----------
    folder
        The notebook's folder in the mirror.
    files
        `path`, relative to `folder`, and `object_id` of each.
    objects
        Where the bytes are.
    go_on
        Called before each file; what it raises ends the work.

    Raises
    ------
    InvalidRequestError
        A path leads outside.
    NotFoundError, CorruptObjectError
        The bytes are missing or damaged.
    DiskFullError
        There is no room.
    """
    written: dict[str, Path] = {}
    files = list(files)
    objects.bring(file["object_id"] for file in files)
    for file in files:
        go_on()
        place = _place(folder, file["path"])
        first = written.setdefault(file["object_id"], place)
        if first is not place and _link(first, place):
            continue
        objects.copy_to(file["object_id"], place)
        place.chmod(READ_ONLY)


def _link(first: Path, place: Path) -> bool:
    try:
        os.link(first, place)
    except OSError:
        return False  # Not everywhere there are such links, nor any number of them.
    return True


def _place(folder: Path, path: str) -> Path:
    """Return where a file goes, with real folders above it and nothing there.

    What a user has under that name is only linked or copied here: the mirror
    gives way, the user's own files stay as they are.
    """
    *above, name = check_path(path).split("/")
    for part in above:
        folder /= part
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        folder.mkdir(mode=0o700, exist_ok=True)
    place = folder / name
    if place.is_symlink() or place.exists():
        place.unlink()
    return place
