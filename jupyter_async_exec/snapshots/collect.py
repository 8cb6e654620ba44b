"""What an execution made or changed in its working tree."""

from __future__ import annotations

import itertools
import json
import mimetypes
import os
import stat
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_async_exec.core.execution import Artifact, Remark
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.snapshots.ignore import is_environment, is_junk
from jupyter_async_exec.snapshots.portions import N_READERS, read_in_portions
from jupyter_async_exec.snapshots.tree import listed, relative_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.objects.base import ObjectStore, ObjectWriter
    from jupyter_async_exec.snapshots.working_tree import WorkingTree

#: A linked folder with more entries than this is not watched.
N_LINKED_ENTRIES = 2_000
#: More originals than this are not watched, all linked folders together.
N_ORIGINALS = 20_000
N_ENTRIES = 200_000
FILE_BYTES = 5_000_000_000
N_FILES = 10_000

#: Size, mtime, ctime (ns) and inode.
Fingerprint: TypeAlias = tuple[int, int, int, int]
#: Takes the kind, the reason and the path of what is not kept.
_LeaveOut: TypeAlias = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How a working tree looked before anything ran in it."""

    #: Path in the mirror to fingerprint, of real files.
    files: dict[str, Fingerprint]
    #: Path in the mirror to what a link led to.
    links: dict[str, str]
    #: Path in the mirror to fingerprint, of the user's files behind links.
    originals: dict[str, Fingerprint]

    def to_json(self) -> JSONObject:
        """Return it as JSON; it must survive a restart of the server."""
        return {
            "files": {path: list(value) for path, value in self.files.items()},
            "links": dict(self.links),
            "originals": {path: list(value) for path, value in self.originals.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Baseline:
        """Read what `to_json` returned."""
        return cls(
            files={path: _as_fingerprint(value) for path, value in data["files"].items()},
            links=dict(data["links"]),
            originals={path: _as_fingerprint(value) for path, value in data["originals"].items()},
        )

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(json.dumps(self.to_json()), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Read what `save` wrote."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What is kept of a working tree."""

    #: Sorted by name.
    artifacts: tuple[Artifact, ...] = ()
    remarks: tuple[Remark, ...] = ()


def record_baseline(tree: WorkingTree) -> Baseline:
    """Look at a working tree before anything runs in it."""
    files: dict[str, Fingerprint] = {}
    links: dict[str, str] = {}
    for path, entry, status in _entries(tree.root, _ignore):
        if stat.S_ISREG(status.st_mode):
            files[path] = _fingerprint(status)
        elif stat.S_ISLNK(status.st_mode):
            links[path] = os.readlink(entry)  # noqa: PTH115  a text, not a Path
    return Baseline(files=files, links=links, originals=_originals(links))


def collect(
    tree: WorkingTree,
    baseline: Baseline,
    *,
    objects: ObjectStore,
    batch: ObjectWriter | None = None,
    file_bytes: int = FILE_BYTES,
    n_files: int = N_FILES,
) -> Collected:
    """Keep every file that an execution made or changed inside its working tree.

    Parameters
    ----------
    tree
        Where it ran.
    baseline
        What was there before.
    objects
        Where to put the bytes.
    batch
        An open batch of `objects`: the bytes become durable with the rest of
        it. Without one they are durable on return.
    file_bytes
        A larger file is left out, with a remark.
    n_files
        Files beyond are left out, with a remark.

    Returns
    -------
    Collected
        Artifacts are named relative to the notebook's folder; one that lies
        elsewhere in the mirror, relative to its top (with `outside/` in front
        where that name is taken).

    Raises
    ------
    DiskFullError
        There is no room for the objects.

    Notes
    -----
    Links are not followed, environments and caches not kept. Originals behind
    links are watched one level deep; whoever changed them, it is remarked.
    """
    gathering = _Gathering(tree, baseline, file_bytes, n_files)
    gathering.look()
    kept: list[Artifact | None] = []
    if gathering.found:
        with nullcontext(batch) if batch is not None else objects.batch() as writer:
            kept = gathering.keep(writer)
    artifacts = sorted((artifact for artifact in kept if artifact), key=lambda item: item.name)
    remarks = [*gathering.remarks(), *_written_through(baseline)]
    remarks += [Remark(kind="working_directory", message=note) for note in tree.notes]
    return Collected(artifacts=tuple(artifacts), remarks=tuple(remarks))


@dataclass(slots=True)
class _Gathering:
    """Finds what to keep and remembers what could not be kept."""

    tree: WorkingTree
    baseline: Baseline
    file_bytes: int
    n_files: int
    #: Artifact name to the file and its size in bytes.
    found: dict[str, tuple[Path, int]] = field(default_factory=dict)
    left_out: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def look(self) -> None:
        changed: list[tuple[str, Path, int]] = []
        for path, entry, status in _entries(self.tree.root, self._leave_out):
            if stat.S_ISLNK(status.st_mode) or self.baseline.files.get(path) == _fingerprint(
                status
            ):
                continue
            reason = self._objection(path, status)
            if reason is not None:
                self._leave_out(*reason, path)
            elif len(changed) >= self.n_files:
                self._leave_out("artifacts_too_many", "there are too many files", path)
            else:
                changed.append((path, Path(entry), status.st_size))
        self._name(changed)

    def keep(self, writer: ObjectWriter) -> list[Artifact | None]:
        def keep_all(names: Sequence[str]) -> list[Artifact | None]:
            return [self._keep(name, writer) for name in names]

        return read_in_portions(
            list(self.found),
            size_bytes=lambda name: self.found[name][1],
            read=keep_all,
            # Just written, they are in memory: more than there are processors end no earlier.
            n_readers=min(N_READERS, os.cpu_count() or 1),
        )

    def _keep(self, name: str, writer: ObjectWriter) -> Artifact | None:
        try:
            object_id = writer.put_file(self.found[name][0])
        except (OSError, InvalidRequestError):
            self._leave_out("artifact_unreadable", "it could not be read", name)
            return None
        return Artifact(
            name=name,
            object_id=object_id,
            size_bytes=writer.size_bytes(object_id),
            media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        )

    def remarks(self) -> list[Remark]:
        return [
            Remark(kind=kind, message=f"{listed(paths)} not kept: {why}.")
            for (kind, why), paths in sorted(self.left_out.items())
        ]

    def _objection(self, path: str, status: os.stat_result) -> tuple[str, str] | None:
        if not stat.S_ISREG(status.st_mode):
            return "artifact_unreadable", "it is a socket, pipe or device"
        if status.st_size > self.file_bytes:
            return "artifact_too_big", f"it is larger than {self.file_bytes / 1e6:.0f} MB"
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            return "artifact_unreadable", "its name is not UTF-8"
        return None

    def _leave_out(self, kind: str, why: str, path: str) -> None:
        self.left_out.setdefault((kind, why), []).append(path)

    def _name(self, changed: list[tuple[str, Path, int]]) -> None:
        folder_path = relative_path(self.tree.folder, self.tree.root)
        prefix = f"{folder_path}/" if folder_path else ""
        elsewhere: list[tuple[str, Path, int]] = []
        for path, place, size_bytes in changed:
            if path.startswith(prefix):
                self.found[path[len(prefix) :]] = (place, size_bytes)
            else:
                elsewhere.append((path, place, size_bytes))
        for path, place, size_bytes in elsewhere:
            name = path
            while name in self.found:
                name = f"outside/{name}"
            self.found[name] = (place, size_bytes)


def _ignore(kind: str, why: str, path: str) -> None:
    """Take no notice of what is left out."""


def _entries(root: Path, leave_out: _LeaveOut) -> Iterator[tuple[str, str, os.stat_result]]:
    """Go through a mirror: path, place and status of all but folders; links are not followed."""
    queue = [(str(root), "")]
    n_left = N_ENTRIES
    while queue:
        folder, path = queue.pop()
        entries = _scan(folder, path, n_left, leave_out)
        n_left -= len(entries)
        for entry in entries:
            below = f"{path}/{entry.name}" if path else entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # It vanished.
            if stat.S_ISDIR(status.st_mode):
                queue.append((entry.path, below))
            else:
                yield below, entry.path, status
    if n_left <= 0:
        leave_out("artifacts_too_many", "there are too many files", "the rest")


def _scan(folder: str, path: str, n_left: int, leave_out: _LeaveOut) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as iterator:
            entries = list(itertools.islice(iterator, n_left))
    except OSError:
        leave_out("artifact_unreadable", "it could not be read", path or ".")
        return []
    if path and is_environment(entry.name for entry in entries):
        leave_out("environment_skipped", "it is a virtual environment", path)
        return []
    return sorted(
        (entry for entry in entries if not is_junk(entry.name)), key=lambda entry: entry.name
    )


def _originals(links: Mapping[str, str]) -> dict[str, Fingerprint]:
    """Fingerprint the files behind links, and those directly in linked folders."""
    found: dict[str, Fingerprint] = {}
    for path, target in links.items():
        if len(found) >= N_ORIGINALS:
            break
        try:
            status = os.stat(target)  # noqa: PTH116  a text, not a Path
            if stat.S_ISREG(status.st_mode):
                found[path] = _fingerprint(status)
            elif stat.S_ISDIR(status.st_mode):
                found |= _originals_in(path, target)
        except OSError:
            continue  # A link that led nowhere, or nowhere we may look.
    # Other notebooks change because the user works on.
    return {path: value for path, value in found.items() if not path.endswith(".ipynb")}


def _originals_in(path: str, folder: str) -> dict[str, Fingerprint]:
    with os.scandir(folder) as iterator:
        entries = list(itertools.islice(iterator, N_LINKED_ENTRIES + 1))
    if len(entries) > N_LINKED_ENTRIES:
        return {}
    return {
        f"{path}/{entry.name}": _fingerprint(entry.stat(follow_symlinks=False))
        for entry in entries
        if not is_junk(entry.name) and entry.is_file(follow_symlinks=False)
    }


def _written_through(baseline: Baseline) -> list[Remark]:
    before, now = baseline.originals, _originals(baseline.links)
    changed = sorted(
        path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
    )
    if not changed:
        return []
    message = (
        f"{listed(changed)} changed outside the working directory while it ran: "
        "written through a link, or by somebody else."
    )
    return [Remark(kind="wrote_through_link", message=message)]


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _as_fingerprint(value: Any) -> Fingerprint:
    size_bytes, mtime_ns, ctime_ns, inode = (int(number) for number in value)
    return (size_bytes, mtime_ns, ctime_ns, inode)
