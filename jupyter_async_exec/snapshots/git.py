"""What git knows about the folder of a notebook; everything works without git, too."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.snapshots.plain_file import read_small

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT_S = 5.0
#: Of changes since the commit, so much is kept: more is no slip before a run, and nobody reads it.
DIFF_BYTES = 100_000
#: More changed files are not looked into.
N_DIFFED = 200
#: A difference that takes longer is not kept.
DIFF_TIMEOUT_S = 2.0
#: A file system monitor is a program that the repository names.
_OPTIONS = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"


#: Fields before the path, of a changed entry and of one that is not merged.
_N_FIELDS = {"1": 8, "u": 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """Where a work tree stood."""

    #: Full id of the commit that is checked out.
    commit: str
    #: `None` when no branch is checked out.
    branch: str | None
    #: Whether tracked files differ from the commit.
    dirty: bool
    #: Which do, relative to the top of the work tree.
    changed: tuple[str, ...] = ()
    #: How those that are captured differ, as a patch; see `changes.py`.
    diff: str = ""
    #: Whether that is only the beginning.
    is_diff_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFacts:
    """What a snapshot wants to know from git."""

    state: GitState | None = None
    #: Files, relative to the folder asked about, that are tracked although ignored.
    tracked_ignored: frozenset[str] = frozenset()
    note: str | None = None


def find_top(folder: Path) -> Path | None:
    """Return the top of the git work tree that `folder` is in."""
    for candidate in (folder, *folder.parents):
        mark = candidate / ".git"
        if mark.is_file() or (mark / "HEAD").is_file():
            return candidate
    return None


def is_submodule(folder: Path) -> bool:
    """Tell whether the `.git` of a folder is the mark of a submodule."""
    mark = read_small(folder / ".git", limit_bytes=4_096) or b""
    return mark.startswith(b"gitdir:") and b"/modules/" in mark


def find_exclude_file(top: Path) -> Path:
    """Return the file of patterns that only this clone ignores; it may be missing."""
    return top / ".git" / "info" / "exclude"


def ask_git(folder: Path, *, is_state_wanted: bool = True) -> GitFacts:
    """Ask the `git` command about a folder; the repository is not touched.

    Without the state, which is no part of what a snapshot is, it answers sooner.
    """
    command = shutil.which("git")
    if command is None:
        return GitFacts(note="Git is not installed, so the commit was not recorded.")
    try:
        state = _ask_state(command, folder) if is_state_wanted else None
        tracked = _run(command, folder, ["ls-files", "-z", "-i", "-c", "--exclude-standard"])
    except subprocess.TimeoutExpired:
        return GitFacts(note="Git did not answer in time, so the commit was not recorded.")
    except (subprocess.CalledProcessError, OSError):
        return GitFacts(note="Git could not read the repository, so the commit was not recorded.")
    names = (os.fsdecode(name) for name in tracked.split(b"\0") if name)
    return GitFacts(state=state, tracked_ignored=frozenset(names))


def _ask_state(command: str, folder: Path) -> GitState | None:
    output = _run(
        command,
        folder,
        [
            *_without_filters(command, folder),
            "status",
            "--porcelain=v2",
            "--branch",
            "-z",
            "--untracked-files=no",
            "--no-renames",
            # A submodule is asked with the options of its own configuration.
            "--ignore-submodules=dirty",
        ],
    )
    return _read_state(output)


def diff_to_commit(folder: Path, paths: Sequence[str]) -> tuple[str, bool]:
    """Return how files below a folder differ from the commit, and whether that is all of it.

    Parameters
    ----------
    folder
        In a work tree.
    paths
        Relative to `folder`.

    Returns
    -------
    tuple of str and bool
        A patch as ``git apply`` reads it, cut after a line; empty where git does
        not answer. Of files that are no text it only says that they differ.
    """
    command = shutil.which("git")
    if command is None or not paths:
        return "", command is not None
    arguments = [
        "diff",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--ignore-submodules=dirty",
        "--submodule=short",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--relative",
        "HEAD",
        "--",
        *(f":(literal){path}" for path in paths[:N_DIFFED]),
    ]
    try:
        filters = _without_filters(command, folder)
        data = _beginning(command, folder, [*filters, *arguments], DIFF_BYTES + 1)
    except (subprocess.SubprocessError, OSError):
        return "", False
    is_whole = len(data) <= DIFF_BYTES and len(paths) <= N_DIFFED
    if len(data) > DIFF_BYTES:
        data = data[: data.rfind(b"\n", 0, DIFF_BYTES) + 1]
    # Git takes a file for text whose first NUL comes late; not every database takes one at all.
    return data.decode("utf-8", "replace").replace("\0", "\ufffd"), is_whole


def _without_filters(command: str, folder: Path) -> list[str]:
    """Return options that keep filters, which are programs, from running.

    Of all scopes: a repository has several of its own, and may name the user's
    filters in its attributes.
    """
    listed = subprocess.run(
        [command, "config", "--includes", "--name-only", "-z", "--get-regexp", _FILTERS],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    ).stdout
    options: list[str] = []
    for name in filter(None, listed.decode("utf-8", "surrogateescape").split("\0")):
        value = "false" if name.endswith(".required") else ""
        options += ["-c", f"{name}={value}"]
    return options


def _environment() -> dict[str, str]:
    # Variables such as GIT_DIR would lead to another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return environment | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        # What a partial clone lacks is not fetched: that goes through programs, and the network.
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",
        "LC_ALL": "C",
    }


def _run(command: str, folder: Path, arguments: list[str]) -> bytes:
    completed = subprocess.run(
        [command, *_OPTIONS, *arguments],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return completed.stdout


def _beginning(command: str, folder: Path, arguments: list[str], limit_bytes: int) -> bytes:
    """Return the first bytes of what git says, which may be much more."""
    with subprocess.Popen(
        [command, *_OPTIONS, *arguments],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # So that whom it started ends with it, as where `git` is a script around another.
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        timer = threading.Timer(DIFF_TIMEOUT_S, _kill_group, [process])
        timer.start()
        try:
            data = process.stdout.read(limit_bytes)
            if len(data) == limit_bytes:
                _kill_group(process)
            elif process.wait(TIMEOUT_S):
                raise subprocess.CalledProcessError(process.returncode, process.args)
        finally:
            timer.cancel()
    return data


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Once waited for, its id may be that of another.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read_state(output: bytes) -> GitState | None:
    commit = branch = None
    changed: list[str] = []
    for line in map(os.fsdecode, output.split(b"\0")):
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif line and not line.startswith("#"):
            # Fields with a space between them, the path last; source: git-status(1).
            changed.append(line.split(" ", _N_FIELDS.get(line[0], 0))[-1])
    if commit is None or commit == "(initial)":
        return None
    return GitState(
        commit=commit,
        branch=None if branch == "(detached)" else branch,
        dirty=bool(changed),
        changed=tuple(changed),
    )
