"""The small canonical JSON that lists what a snapshot holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import (
    CorruptObjectError,
    InvalidRequestError,
    NewerStoreError,
)
from jupyter_async_exec.objects.base import check_object_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore

FORMAT = 1
_KEYS = {"files", "format", "kernel_name", "language", "notebook_object", "notebook_path"}
_FILE_KEYS = {"executable", "object_id", "path", "size_bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedFile:
    """A file whose bytes are part of the snapshot."""

    #: Relative to the tree root, `/` between parts.
    path: str
    object_id: str
    size_bytes: int
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFile:
    """A file that is used where it lies; only its size and time were noted."""

    #: Relative to the tree root, `/` between parts.
    path: str
    size_bytes: int
    #: Nanoseconds since 1970, UTC.
    mtime_ns: int


class CapturedFiles(tuple[CapturedFile, ...]):
    """Files sorted by path, checked once: a manifest of thousands is made at every click.

    Raises
    ------
    InvalidRequestError
        A path leads out of the tree or appears twice, or an id is none.
    """

    paths: frozenset[str]
    #: Of all files, and what is above them.
    folders: frozenset[str]

    def __new__(cls, files: Iterable[CapturedFile] = ()) -> Self:
        """Sort and check them."""
        made = super().__new__(cls, sorted(files, key=attrgetter("path")))
        made.paths = frozenset(check_path(file.path) for file in made)
        if len(made.paths) != len(made):
            raise InvalidRequestError("The manifest lists a path twice.")
        for file in made:
            check_object_id(file.object_id)
        made.folders = frozenset(_folders_of(made.paths))
        for folder in made.folders & made.paths:
            raise _twofold(folder)
        return made

    @cached_property
    def canonical(self) -> bytes:
        """What a manifest begins with, because `files` is the first of its keys."""
        return f'{{"files":{_dumps([_file_to_json(file) for file in self])},'.encode()

    @cached_property
    def digest(self) -> hashlib._Hash:
        """SHA-256 of `canonical`, to be copied and gone on with."""
        return hashlib.sha256(self.canonical)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a snapshot holds; its SHA-256 is the snapshot's id.

    Raises
    ------
    InvalidRequestError
        A path leads out of the tree or appears twice, or an id is none.
    """

    #: Relative to the tree root, `/` between parts.
    notebook_path: str
    #: The normalised source, see `notebook.py`.
    notebook_object: str
    #: Sorted by path.
    files: tuple[CapturedFile, ...]
    kernel_name: str
    language: str
    format: int = FORMAT

    def __post_init__(self) -> None:
        files = self._files
        object.__setattr__(self, "files", files)
        check_object_id(self.notebook_object)
        for text in (self.kernel_name, self.language):
            _check_text(text)
        path = check_path(self.notebook_path)
        if path in files.paths:
            raise InvalidRequestError("The manifest lists a path twice.")
        if path in files.folders:
            raise _twofold(path)
        for folder in files.paths.intersection(_folders_of([path])):
            raise _twofold(folder)

    @cached_property
    def canonical(self) -> bytes:
        """The bytes that are stored and hashed: sorted keys, no white space, UTF-8."""
        return self._files.canonical + self._rest

    @cached_property
    def snapshot_id(self) -> str:
        """SHA-256 of `canonical`."""
        digest = self._files.digest.copy()
        digest.update(self._rest)
        return digest.hexdigest()

    @property
    def object_ids(self) -> list[str]:
        """Every object it names, the notebook first."""
        return [self.notebook_object, *(file.object_id for file in self.files)]

    @property
    def _files(self) -> CapturedFiles:
        return self.files if isinstance(self.files, CapturedFiles) else CapturedFiles(self.files)

    @property
    def _rest(self) -> bytes:
        """What follows the files in `canonical`."""
        return _dumps(self._rest_to_json())[1:].encode()

    def _rest_to_json(self) -> JSONObject:
        """Return all of it but the files."""
        return {
            "format": self.format,
            "notebook_path": self.notebook_path,
            "notebook_object": self.notebook_object,
            "kernel_name": self.kernel_name,
            "language": self.language,
        }

    def to_json(self) -> JSONObject:
        """Return the manifest as JSON."""
        return {**self._rest_to_json(), "files": [_file_to_json(file) for file in self.files]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Manifest:
        """Read what `to_json` returned; anything else is refused.

        Raises
        ------
        InvalidRequestError
            It is not a manifest, or a hostile one.
        NewerStoreError
            Its format is younger than this release.
        """
        version = data.get("format") if isinstance(data, dict) else None
        if type(version) is not int or version < 1:
            raise InvalidRequestError("This is not the manifest of a snapshot.")
        if version > FORMAT:
            raise NewerStoreError(
                f"The snapshot has format {version}; this release reads formats up to {FORMAT}. "
                "Upgrade jupyter_async_exec to use it.",
                {"format": version},
            )
        _check_fields(data, _KEYS, {"files": list})
        return cls(
            notebook_path=data["notebook_path"],
            notebook_object=data["notebook_object"],
            files=tuple(_read_file(file) for file in data["files"]),
            kernel_name=data["kernel_name"],
            language=data["language"],
            format=version,
        )


def load_manifest(objects: ObjectStore, snapshot_id: str) -> Manifest:
    """Return the manifest of a snapshot, checked.

    Parameters
    ----------
    objects
        Where the snapshot is kept.
    snapshot_id
        Id of the snapshot.

    Raises
    ------
    NotFoundError
        There is no such snapshot.
    CorruptObjectError
        Its bytes are damaged or are not a canonical manifest.
    NewerStoreError
        Its format is younger than this release.
    """
    try:
        manifest = Manifest.from_json(json.loads(objects.get(snapshot_id)))
    except (ValueError, RecursionError) as error:
        raise CorruptObjectError(f"The object {snapshot_id} is not a manifest.") from error
    if manifest.snapshot_id != snapshot_id:
        raise CorruptObjectError(f"The manifest {snapshot_id} is not in canonical form.")
    return manifest


def check_path(path: object) -> str:
    """Return `path` if it stays below the folder it is relative to.

    Raises
    ------
    InvalidRequestError
        It is absolute, has empty parts, `.` or `..`, holds NUL or is no UTF-8.
    """
    if not isinstance(path, str) or not path:
        raise InvalidRequestError(f"{path!r:.100} is not a path.")
    _check_text(path)
    framed = f"/{path}/"
    if "//" in framed or "/./" in framed or "/../" in framed:
        raise InvalidRequestError(f"The path {path!r:.200} leads out of its folder.")
    return path


def _folders_of(paths: Iterable[str]) -> set[str]:
    """Return all folders above paths."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        # What is known was looked at, and all above it.
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _twofold(path: str) -> InvalidRequestError:
    return InvalidRequestError(f"{path!r:.200} is listed as a file and as a folder.")


def _file_to_json(file: CapturedFile) -> JSONObject:
    return {
        "path": file.path,
        "object_id": file.object_id,
        "size_bytes": file.size_bytes,
        "executable": file.executable,
    }


def _dumps(document: object) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _check_text(text: object) -> None:
    if not isinstance(text, str) or "\0" in text:
        raise InvalidRequestError(f"{text!r:.100} is not a text that a manifest can hold.")
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"{text!r:.100} cannot be written as UTF-8.") from error


def _check_fields(data: object, keys: set[str], types: Mapping[str, type]) -> None:
    if not isinstance(data, dict) or set(data) != keys:
        raise InvalidRequestError("The manifest has other fields than its format says.")
    for key in keys:
        # `type`, because a bool is an int to `isinstance`.
        if key != "format" and type(data[key]) is not types.get(key, str):
            raise InvalidRequestError(f"The field {key} of the manifest has the wrong type.")


def _read_file(data: Any) -> CapturedFile:
    _check_fields(data, _FILE_KEYS, {"size_bytes": int, "executable": bool})
    if data["size_bytes"] < 0:
        raise InvalidRequestError("The manifest has a file of negative size.")
    return CapturedFile(**data)
