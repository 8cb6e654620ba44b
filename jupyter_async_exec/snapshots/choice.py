"""Which files of a tree are captured, which are linked, and when it is too big to be sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import SnapshotTooBigError
from jupyter_async_exec.snapshots.manifest import LinkedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_async_exec.snapshots.found import FoundFile
    from jupyter_async_exec.snapshots.tree import Notes

#: What a notebook imports or runs; never linked for its size, because an edit
#: during the execution would change what it does. Other notebooks are data
#: here: with outputs they are often large, and seldom run from another.
CODE_SUFFIXES = frozenset(
    {
        ".bash",
        ".c",
        ".cc",
        ".cpp",
        ".cu",
        ".f90",
        ".h",
        ".hpp",
        ".java",
        ".jl",
        ".js",
        ".lua",
        ".m",
        ".mjs",
        ".pl",
        ".ps1",
        ".pxd",
        ".pxi",
        ".py",
        ".pyi",
        ".pyx",
        ".r",
        ".rb",
        ".rs",
        ".scala",
        ".sh",
        ".sql",
        ".stan",
        ".toml",
        ".ts",
        ".zsh",
    }
)
#: More linked files than this are counted, not listed.
N_LINKED_LISTED = 1_000
N_NAMED_TOO_BIG = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureLimits:
    """Over a limit, data is linked and code refuses the submission."""

    #: Of one file.
    file_bytes: int = 10_000_000
    #: Of all files together, the notebook not counted.
    total_bytes: int = 200_000_000
    n_files: int = 5_000


def is_code(path: str) -> bool:
    """Tell whether a file is code, which is never linked for its size."""
    # As `os.path.splitext` has it, of which 5,000 calls take a while.
    name = path[path.rfind("/") + 1 :].lstrip(".")
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in CODE_SUFFIXES


def choose(
    found: Sequence[FoundFile], limits: CaptureLimits, notes: Notes
) -> tuple[list[FoundFile], list[LinkedFile]]:
    """Share files out between those to capture and those to link.

    Code is captured or refuses the submission. Of data the largest files are
    linked until the bytes fit, then the fullest folders until the count does.

    Raises
    ------
    SnapshotTooBigError
        Code is over a limit.
    """
    code: list[FoundFile] = []
    data: list[FoundFile] = []
    for file in found:
        (code if is_code(file.path) else data).append(file)
    _check_code(code, limits)
    data.sort(key=lambda file: (file.status.st_size, file.path))
    left_bytes = limits.total_bytes - sum(file.status.st_size for file in code)
    captured: list[FoundFile] = []
    linked: list[FoundFile] = []
    for file in data:
        left_bytes -= file.status.st_size
        fits = file.status.st_size <= limits.file_bytes and left_bytes >= 0
        (captured if fits else linked).append(file)
    dropped = _fullest_folders(captured, len(code) + len(captured) - limits.n_files)
    linked += [file for file in captured if _folder(file) in dropped]
    captured = [file for file in captured if _folder(file) not in dropped]
    for file in linked:
        notes.add("was over a limit: linked, not captured", file.path, is_known=True)
    return code + captured, _listed_links(linked)


def _check_code(code: list[FoundFile], limits: CaptureLimits) -> None:
    too_big = [file for file in code if file.status.st_size > limits.file_bytes]
    if too_big:
        raise _too_big(
            too_big,
            f"larger than the {_megabytes(limits.file_bytes)} that a code file may have",
            {"limit_bytes": limits.file_bytes},
        )
    code_bytes = sum(file.status.st_size for file in code)
    if code_bytes > limits.total_bytes:
        raise _too_big(
            code,
            f"part of {_megabytes(code_bytes)} of code; "
            f"the limit is {_megabytes(limits.total_bytes)}",
            {"limit_bytes": limits.total_bytes, "total_bytes": code_bytes},
        )
    if len(code) > limits.n_files:
        raise _too_big(
            code,
            f"among {len(code)} code files; the limit is {limits.n_files}",
            {"limit_files": limits.n_files, "n_files": len(code)},
        )


def _too_big(files: list[FoundFile], why: str, details: dict[str, Any]) -> SnapshotTooBigError:
    files = sorted(files, key=lambda file: (-file.status.st_size, file.path))[:N_NAMED_TOO_BIG]
    named = ", ".join(f"`{file.path}` ({_megabytes(file.status.st_size)})" for file in files[:3])
    return SnapshotTooBigError(
        f"The files beside the notebook are too big: {named} {'are' if files[1:] else 'is'} {why}. "
        "List what the notebook does not need in a file named .asyncexecignore, "
        "or run it in a folder of its own.",
        {
            "files": [{"path": file.path, "size_bytes": file.status.st_size} for file in files],
            **details,
        },
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _folder(file: FoundFile) -> str:
    return file.path.rpartition("/")[0]


def _fullest_folders(files: list[FoundFile], n_excess: int) -> set[str]:
    """Return the folders to leave out so that `n_excess` files go."""
    dropped: set[str] = set()
    counts = Counter(_folder(file) for file in files)
    for folder, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if n_excess <= 0:
            break
        dropped.add(folder)
        n_excess -= count
    return dropped


def _listed_links(linked: list[FoundFile]) -> list[LinkedFile]:
    linked = sorted(linked, key=lambda file: (-file.status.st_size, file.path))
    return [
        LinkedFile(path=file.path, size_bytes=file.status.st_size, mtime_ns=file.status.st_mtime_ns)
        for file in linked[:N_LINKED_LISTED]
    ]
