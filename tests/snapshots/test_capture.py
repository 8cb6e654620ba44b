"""Capturing: the right files, as they were, and the rest said out loud."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.errors import InvalidRequestError, SnapshotTooBigError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.snapshots import git as git_module
from jupyter_async_exec.snapshots import stat_cache as stat_cache_module
from jupyter_async_exec.snapshots.capture import Capture, capture
from jupyter_async_exec.snapshots.choice import CaptureLimits
from jupyter_async_exec.snapshots.linked import linked_from_json, linked_to_json
from jupyter_async_exec.snapshots.manifest import LinkedFile, load_manifest
from jupyter_async_exec.snapshots.stat_cache import StatCache
from jupyter_async_exec.snapshots.tree import Notes, locate_tree
from jupyter_async_exec.snapshots.walk import find_files

if TYPE_CHECKING:
    import random
    from pathlib import Path

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [{"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": [], "id": "a"}],
}
numbers = itertools.count()
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder.resolve()


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "data" / "objects")


class Take:
    """Captures with everything but the folder preset."""

    def __init__(self, objects: LocalObjectStore, home: Path) -> None:
        self.objects = objects
        self.home = home

    def __call__(self, folder: Path | None, path: str = "nb.ipynb", **changes: Any) -> Capture:
        arguments: dict[str, Any] = {
            "notebook_path": path,
            "folder": folder,
            "server_root": self.home,
            "kernel_name": "python3",
            "language": "python",
            "objects": self.objects,
        }
        return capture(changes.pop("notebook", NOTEBOOK), **(arguments | changes))


@pytest.fixture
def take(objects: LocalObjectStore, home: Path) -> Take:
    return Take(objects, home)


def write_at(path: Path, content: str | bytes = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(content) if isinstance(content, str) else content)


def tree(folder: Path, *paths: str) -> None:
    for path in paths:
        write_at(folder / path, path)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def fake_git(folder: Path) -> None:
    """Make what looks like a work tree to us, and is one to git as well."""
    tree(folder, ".git/HEAD")
    write_at(folder / ".git" / "HEAD", "ref: refs/heads/main\n")


def paths(taken: Capture) -> list[str]:
    return [file.path for file in taken.manifest.files]


def content(take: Take, taken: Capture, path: str) -> bytes:
    (file,) = (file for file in taken.manifest.files if file.path == path)
    return take.objects.get(file.object_id)


def noted(taken: Capture, *words: str) -> bool:
    return any(all(word in note for word in words) for note in taken.notes)


# -- what belongs to a snapshot


def test_the_files_beside_a_notebook_are_captured_and_stay_as_they_were(take: Take) -> None:
    tree(take.home, "helper.py", "data/x.csv", "other.ipynb", "a/b/c/deep.txt")

    taken = take(take.home)
    write_at(take.home / "data/x.csv", "edited later")

    assert paths(taken) == ["a/b/c/deep.txt", "data/x.csv", "helper.py", "other.ipynb"]
    assert content(take, taken, "data/x.csv") == b"data/x.csv"
    assert load_manifest(take.objects, taken.snapshot_id) == taken.manifest
    assert (taken.tree_root, taken.root_path, taken.git, taken.linked) == (take.home, "", None, ())
    assert taken.notes == ()


def test_the_notebook_on_the_screen_is_captured_not_the_one_on_the_disk(take: Take) -> None:
    write_at(take.home / "sub/nb.ipynb", "the saved one")

    taken = take(take.home / "sub", "sub/nb.ipynb")

    assert paths(taken) == []
    assert taken.manifest.notebook_path == "nb.ipynb"
    assert taken.root_path == "sub"
    assert b'"x = 1"' in take.objects.get(taken.manifest.notebook_object)


def test_without_a_local_folder_the_notebook_alone_is_captured_and_said_so(take: Take) -> None:
    for folder in (None, take.home / "gone"):
        taken = take(folder, "drive/nb.ipynb")

        assert paths(taken) == []
        assert taken.tree_root is None
        assert taken.root_path is None
        assert noted(taken, "Only the notebook was captured")


@pytest.mark.parametrize("path", ["", "folder/", "..", "a/..", "a\0", "\ud800.ipynb"])
def test_a_hostile_notebook_path_is_refused(take: Take, path: str) -> None:
    with pytest.raises(InvalidRequestError):
        take(take.home, path)


def test_a_file_says_whether_it_can_be_executed(take: Take) -> None:
    tree(take.home, "run.sh", "data.csv")
    (take.home / "run.sh").chmod(0o755)

    executable = {file.path: file.executable for file in take(take.home).manifest.files}

    assert executable == {"data.csv": False, "run.sh": True}


def test_environments_caches_and_secrets_are_left_out(take: Take) -> None:
    tree(
        take.home,
        "keep.py",
        ".env.example",
        "venv/pyvenv.cfg",
        "venv/lib/x.py",
        "conda/conda-meta/history",
        "conda/x.py",
        "node_modules/x.js",
        "sub/__pycache__/x.pyc",
        ".ipynb_checkpoints/x.ipynb",
        ".mypy_cache/x",
        ".env",
        ".env.local",
        "sub/key.pem",
        "id_rsa",
        "id_ed25519.old",
        ".netrc",
        ".aws/credentials",
        ".ssh/config",
        ".DS_Store",
    )

    assert paths(take(take.home)) == [".env.example", "keep.py"]


def test_our_own_data_inside_the_tree_is_left_out(take: Take) -> None:
    data = take.home / "data_dir"
    take.objects = LocalObjectStore(data / "objects")
    tree(take.home, "keep.py", "data_dir/store.sqlite", "data_dir/attempts/1/x.py")

    assert paths(take(take.home)) == ["keep.py"]
    assert paths(take(take.home)) == ["keep.py"]


# -- ignore files


def test_ignore_files_hold_at_every_level_with_negation(take: Take) -> None:
    tree(
        take.home,
        "a.log",
        "keep.log",
        "build/x.py",
        "sub/b.log",
        "sub/special.log",
        "sub/deep/c.tmp",
        "sub/deep/only.txt",
        "top/only.txt",
    )
    write_at(take.home / ".gitignore", "# comment\n*.log\n!keep.log\nbuild/\n*.tmp\n\\\n!\n")
    write_at(take.home / "sub/.gitignore", "!special.log\n/deep/only.txt\n")
    write_at(take.home / "sub/deep/.gitignore", "!c.tmp\n")

    assert [path for path in paths(take(take.home)) if "gitignore" not in path] == [
        "keep.log",
        "sub/deep/c.tmp",
        "sub/special.log",
        "top/only.txt",
    ]


def test_our_own_ignore_file_has_the_last_word(take: Take) -> None:
    tree(take.home, "data/x.csv", "data/y.csv", ".env", "sub/z.csv", "sub/w.csv")
    write_at(take.home / ".gitignore", "data/\n")
    write_at(take.home / ".asyncexecignore", "!data/\n!.env\n*.ignore*\n.*ignore\nz.csv\n")
    write_at(take.home / "sub/.asyncexecignore", "!z.csv\nw.csv\n")

    assert paths(take(take.home)) == [".env", "data/x.csv", "data/y.csv", "sub/z.csv"]


# -- git


def test_in_a_git_work_tree_everything_below_its_top_belongs(take: Take) -> None:
    project = take.home / "project"
    fake_git(project)
    tree(project, "lib/helper.py", "notebooks/local.py", ".hidden/config", "data/x.csv")
    tree(take.home, "outside.py")

    taken = take(project / "notebooks", "project/notebooks/nb.ipynb")

    assert paths(taken) == [".hidden/config", "data/x.csv", "lib/helper.py", "notebooks/local.py"]
    assert taken.manifest.notebook_path == "notebooks/nb.ipynb"
    assert (taken.tree_root, taken.root_path) == (project, "project")


def test_a_server_root_below_the_top_of_the_work_tree_is_the_limit(take: Take) -> None:
    top = take.home.parent
    fake_git(top)
    write_at(top / ".gitignore", f"*.log\n/{take.home.name}/sub/secret.txt\n")
    tree(top, "above.py")
    tree(take.home, "helper.py", "x.log", "sub/secret.txt", "sub/a.txt")

    taken = take(take.home / "sub", "sub/nb.ipynb")

    assert paths(taken) == ["helper.py", "sub/a.txt"]
    assert taken.root_path == ""
    assert taken.manifest.notebook_path == "sub/nb.ipynb"


def test_a_notebook_in_an_ignored_folder_takes_that_folder(take: Take) -> None:
    fake_git(take.home)
    write_at(take.home / ".gitignore", "scratch/\n")
    tree(take.home, "scratch/helper.py", "scratch/sub/x.py", "top.py")

    taken = take(take.home / "scratch", "scratch/nb.ipynb")

    assert paths(taken) == ["helper.py", "sub/x.py"]
    assert taken.root_path == "scratch"


def test_another_repository_inside_is_linked_and_said_so(take: Take) -> None:
    tree(take.home, "keep.py", "other/x.py", "module/y.py")
    fake_git(take.home / "other")
    write_at(take.home / "module/.git", "gitdir: ../.git/modules/module\n")

    taken = take(take.home)

    assert paths(taken) == ["keep.py", "module/y.py"]
    assert noted(taken, "other", "another git repository")


@needs_git
def test_commit_branch_and_dirtiness_are_recorded(take: Take) -> None:
    git(take.home, "init", "-q", "-b", "work")
    tree(take.home, "a.py", "tracked.log", "untracked.log")
    write_at(take.home / ".gitignore", "*.log\n")
    assert take(take.home).git is None
    git(take.home, "add", "-f", "a.py", "tracked.log", ".gitignore")
    git(take.home, "commit", "-qm", "first")

    clean = take(take.home)
    write_at(take.home / "a.py", "changed")
    dirty = take(take.home)

    assert paths(clean) == [".gitignore", "a.py", "tracked.log"]
    assert clean.git is not None
    assert dirty.git is not None
    assert len(clean.git.commit) == 40
    assert (clean.git.branch, clean.git.dirty) == ("work", False)
    assert dirty.git.dirty
    assert clean.snapshot_id != dirty.snapshot_id
    # Who only asks which snapshot it would be needs no commit, but the tracked files.
    assert take(take.home, is_kept=False).snapshot_id == dirty.snapshot_id


@needs_git
def test_what_changed_since_the_commit_is_recorded_as_a_patch(take: Take) -> None:
    project = take.home / "project"
    project.mkdir()
    git(take.home, "init", "-q")
    tree(project, "a.py", "gone.py", ".env", "same.py", "nb.ipynb", "large.csv", "n:ä me.py")
    tree(take.home, "outside.py")
    git(take.home, "add", "-f", ".")
    git(take.home, "commit", "-qm", "first")
    for name in ("a.py", ".env", "nb.ipynb", "n:ä me.py", "../outside.py"):
        write_at(project / name, "changed\n")
    write_at(project / "large.csv", "1\n" * 600_000)
    (project / "gone.py").unlink()
    write_at(project / "new.py", "not tracked")

    state = take(project, "project/nb.ipynb", server_root=project).git

    assert state is not None
    named = [line for line in state.diff.splitlines() if line.startswith("diff ")]
    assert named == [
        "diff --git a/a.py b/a.py",
        "diff --git a/gone.py b/gone.py",
        "diff --git a/n:ä me.py b/n:ä me.py",
    ]
    assert "\n-a.py\n\\ No newline at end of file\n+changed\n" in state.diff
    assert "deleted file" in state.diff
    assert not state.is_diff_cut


@needs_git
def test_of_a_long_patch_the_beginning_is_recorded_and_it_says_so(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_module, "DIFF_BYTES", 1_000)
    git(take.home, "init", "-q")
    tree(take.home, "a.py")
    git(take.home, "add", ".")
    git(take.home, "commit", "-qm", "first")
    write_at(take.home / "a.py", "x = 1\n" * 100_000)

    taken = take(take.home)

    assert taken.git is not None
    assert taken.git.is_diff_cut
    assert 500 < len(taken.git.diff) <= 1_000
    assert taken.git.diff.endswith("x = 1\n")
    assert noted(taken, "changed since the commit", "not all kept")


@needs_git
def test_of_what_is_gone_and_was_never_to_be_captured_nothing_is_recorded(take: Take) -> None:
    git(take.home, "init", "-q")
    write_at(take.home / ".asyncexecignore", "private/\nlocal.py\n")
    tree(take.home, "private/names.py", "local.py", "gone.py")
    git(take.home, "add", "-f", ".")
    git(take.home, "commit", "-qm", "first")
    for path in ("private/names.py", "local.py", "gone.py"):
        (take.home / path).unlink()
    (take.home / "private").rmdir()

    state = take(take.home).git

    assert state is not None
    named = [line for line in state.diff.splitlines() if line.startswith("diff ")]
    assert named == ["diff --git a/gone.py b/gone.py"]


@needs_git
def test_a_nul_in_what_git_takes_for_text_is_replaced(take: Take) -> None:
    git(take.home, "init", "-q")
    tree(take.home, "a.py")
    git(take.home, "add", ".")
    git(take.home, "commit", "-qm", "first")
    write_at(take.home / "a.py", "#" * 9_000 + "\n\0\n")

    state = take(take.home).git

    assert state is not None
    assert "\n+\ufffd\n" in state.diff


@needs_git
@pytest.mark.parametrize(
    ("hanging", "how"), [("config", "exec sleep 60"), ("diff", "sleep 60; exit")]
)
def test_a_git_that_hangs_costs_the_patch_and_nothing_else(
    hanging: str, how: str, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is a script that leaves the work, and what it writes to, to another."""
    git(take.home, "init", "-q")
    tree(take.home, "a.py")
    git(take.home, "add", ".")
    git(take.home, "commit", "-qm", "first")
    write_at(take.home / "a.py", "changed")
    asked = tmp_path / "asked"
    # The state, which comes first, asks for the configuration too.
    nth = 2 if hanging == "config" else 1
    write_at(
        tmp_path / "bin" / "git",
        "#!/bin/sh\n"
        f'case " $* " in *" {hanging} "*) echo >> {asked};; esac\n'
        f'[ "$(wc -l < {asked} 2> /dev/null)" = {nth} ] && {{ {how}; }}\n'
        f'exec {shutil.which("git")} "$@"\n',
    )
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(git_module, "TIMEOUT_S", 3.0)
    monkeypatch.setattr(git_module, "DIFF_TIMEOUT_S", 0.5)

    taken = take(take.home)

    assert taken.git is not None
    assert (taken.git.dirty, taken.git.diff) == (True, "")
    assert noted(taken, "changed since the commit", "not all kept")


@needs_git
def test_a_tracked_secret_is_not_captured(take: Take) -> None:
    git(take.home, "init", "-q")
    tree(take.home, ".env", "a.py")
    write_at(take.home / ".gitignore", ".env\n")
    git(take.home, "add", "-f", ".env", "a.py")

    assert paths(take(take.home)) == [".gitignore", "a.py"]


def test_without_git_installed_the_files_are_the_same(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(take.home)
    tree(take.home, "a.py", "x.log")
    write_at(take.home / ".gitignore", "*.log\n")
    with_git = take(take.home)

    monkeypatch.setenv("PATH", "")
    without = take(take.home)

    assert without.snapshot_id == with_git.snapshot_id
    assert noted(without, "Git is not installed")


# -- odd files


def test_links_inside_the_tree_are_copies_and_loops_end(take: Take) -> None:
    tree(take.home, "data/x.csv", "data/deep/y.csv")
    (take.home / "link.csv").symlink_to("data/x.csv")
    (take.home / "data_link").symlink_to("data")
    (take.home / "data/deep/loop").symlink_to("../..")
    (take.home / "self").symlink_to("self")

    taken = take(take.home)

    assert paths(taken) == [
        "data/deep/y.csv",
        "data/x.csv",
        "data_link/deep/y.csv",
        "data_link/x.csv",
        "link.csv",
    ]
    assert content(take, taken, "link.csv") == b"data/x.csv"


def test_a_link_out_of_the_tree_is_never_followed(take: Take, tmp_path: Path) -> None:
    tree(tmp_path, "private/secret.txt")
    (take.home / "file").symlink_to(tmp_path / "private/secret.txt")
    (take.home / "folder").symlink_to(tmp_path / "private")

    taken = take(take.home)

    assert paths(taken) == []
    assert noted(taken, "`file`", "`folder`", "leads out of the folder")


def test_pipes_and_sockets_are_passed_over_with_a_note(take: Take) -> None:
    os.mkfifo(take.home / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(take.home / "socket"))
        taken = take(take.home)

    assert paths(taken) == []
    assert noted(taken, "pipe", "socket")


def test_any_utf_8_name_is_a_name(take: Take) -> None:
    names = ["new\nline.txt", "back\\slash", "größe 📈.csv", "-dash", "'quote\"", "tab\t"]
    tree(take.home, *names)

    taken = take(take.home)

    assert sorted(names) == paths(taken)


def test_a_name_that_is_not_utf_8_is_passed_over_with_a_note(take: Take) -> None:
    tree(take.home, "good.txt", os.fsdecode(b"bad\xff.txt"))

    taken = take(take.home)

    assert paths(taken) == ["good.txt"]
    assert noted(taken, "not UTF-8")
    " ".join(taken.notes).encode()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_unreadable_file_is_passed_over_with_a_note(take: Take) -> None:
    tree(take.home, "good.txt", "locked.txt", "locked/x.txt")
    (take.home / "locked.txt").chmod(0)
    (take.home / "locked").chmod(0)

    taken = take(take.home)
    (take.home / "locked").chmod(0o700)

    assert paths(taken) == ["good.txt"]
    assert noted(taken, "could not be read", "`locked`")
    assert noted(taken, "could not be read", "`locked.txt`")


class MeddlingStore(LocalObjectStore):
    """Lets somebody change a file at the very moment that it is read."""

    def __init__(self, directory: Path, victim: Path, *changes: bytes | None) -> None:
        super().__init__(directory)
        self._victim = victim
        self._changes = list(changes)

    def batch(self) -> Any:
        outer = super().batch()
        victim, changes = self._victim, self._changes

        class Meddling:
            def __enter__(self) -> Any:
                self.inner = outer.__enter__()
                return self

            def __exit__(self, *error: Any) -> Any:
                return outer.__exit__(*error)

            def put(self, data: bytes) -> str:
                return self.inner.put(data)

            def put_file(self, path: Path) -> str:
                change = changes.pop(0) if path == victim and changes else b""
                if change is None:
                    path.unlink()
                    return self.inner.put_file(path)
                object_id = self.inner.put_file(path)
                if change:
                    path.write_bytes(change)
                return object_id

            def size_bytes(self, object_id: str) -> int:
                return self.inner.size_bytes(object_id)

        return Meddling()


@pytest.mark.parametrize(
    ("changes", "expected", "note"),
    [
        ((b"longer now",), b"longer now", None),
        ((b"longer now", b"even longer now"), b"longer now", "changed while it was read"),
        ((None,), None, "vanished while it was read"),
    ],
)
def test_a_file_that_changes_or_vanishes_while_it_is_read(
    take: Take, changes: tuple[bytes | None, ...], expected: bytes | None, note: str | None
) -> None:
    tree(take.home, "busy.csv", "calm.csv")
    directory = take.home.parent / "data/meddling"
    take.objects = MeddlingStore(directory, take.home / "busy.csv", *changes)

    taken = take(take.home)

    assert "calm.csv" in paths(taken)
    assert noted(taken, note) if note else not taken.notes
    if expected is None:
        assert paths(taken) == ["calm.csv"]
    else:
        assert content(take, taken, "busy.csv") == expected
        assert taken.manifest.files[0].size_bytes == len(expected)


# -- limits


def test_code_over_the_limit_refuses_by_name(take: Take) -> None:
    write_at(take.home / "lib/big.py", b"#" * 2_000)
    write_at(take.home / "bigger.R", b"#" * 3_000)

    with pytest.raises(SnapshotTooBigError, match=r"bigger\.R.*lib/big\.py") as caught:
        take(take.home, limits=CaptureLimits(file_bytes=1_000))

    assert caught.value.details == {
        "files": [
            {"path": "bigger.R", "size_bytes": 3_000},
            {"path": "lib/big.py", "size_bytes": 2_000},
        ],
        "limit_bytes": 1_000,
    }


@pytest.mark.parametrize("limits", [CaptureLimits(total_bytes=2_500), CaptureLimits(n_files=2)])
def test_too_much_code_refuses_too(take: Take, limits: CaptureLimits) -> None:
    for index in range(3):
        write_at(take.home / f"{index}.py", b"#" * 1_000)

    with pytest.raises(SnapshotTooBigError, match="asyncexecignore"):
        take(take.home, limits=limits)


def test_data_over_the_limits_is_linked_and_listed(take: Take) -> None:
    write_at(take.home / "code.py", b"#" * 1_000)
    for name, size_bytes in {"huge.bin": 9_000, "large.ipynb": 900, "small.csv": 500}.items():
        write_at(take.home / name, b"x" * size_bytes)

    taken = take(take.home, limits=CaptureLimits(file_bytes=5_000, total_bytes=2_000))

    assert paths(taken) == ["code.py", "small.csv"]
    assert [(file.path, file.size_bytes) for file in taken.linked] == [
        ("huge.bin", 9_000),
        ("large.ipynb", 900),
    ]
    assert noted(taken, "huge.bin", "large.ipynb", "over a limit")
    assert taken.linked[0].mtime_ns == (take.home / "huge.bin").stat().st_mtime_ns


def test_of_too_many_files_the_fullest_folder_is_linked(take: Take) -> None:
    tree(take.home, *(f"images/{index}.png" for index in range(20)), "data/a.csv", "code.py")

    taken = take(take.home, limits=CaptureLimits(n_files=10))

    assert paths(taken) == ["code.py", "data/a.csv"]
    assert len(taken.linked) == 20


def test_linked_files_are_no_part_of_the_identity(take: Take) -> None:
    limits = CaptureLimits(file_bytes=100)
    write_at(take.home / "big.bin", b"x" * 200)
    before = take(take.home, limits=limits)

    write_at(take.home / "big.bin", b"y" * 300)

    assert take(take.home, limits=limits).snapshot_id == before.snapshot_id


def test_a_search_through_too_many_entries_ends_with_a_note(home: Path) -> None:
    tree(home, *(f"a/{index}" for index in range(30)), "b/x", "c/x")
    notes = Notes()

    found = find_files(
        locate_tree(home, home),
        notebook_path="nb.ipynb",
        tracked_ignored=(),
        excluded=(),
        notes=notes,
        n_entries=10,
    )

    assert 0 < len(found) <= 11
    assert any("too many files" in note for note in notes.sentences())


def test_linked_files_survive_the_store() -> None:
    linked = (LinkedFile(path="a/b.bin", size_bytes=7, mtime_ns=1_795_255_123_456_789_000),)

    data = linked_to_json(linked)

    assert set(data[0]) == {"path", "size_bytes", "modified_at"}
    assert linked_from_json(data) == linked


# -- identity


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    files=st.dictionaries(
        st.text("abc. ü", min_size=1, max_size=4).map(lambda name: f"d{name}/f{name}.py"),
        st.binary(max_size=50),
        max_size=6,
    ),
    seed=st.randoms(),
)
def test_equal_inputs_have_an_equal_id_on_any_machine_in_any_order(
    tmp_path: Path, files: dict[str, bytes], seed: random.Random
) -> None:
    ids = set()
    for _ in range(2):
        machine = tmp_path / f"machine {next(numbers)}"
        order = list(files.items())
        seed.shuffle(order)
        for path, data in order:
            write_at(machine / "project" / path, data)
        (machine / "project").mkdir(parents=True, exist_ok=True)
        take = Take(LocalObjectStore(machine / "data" / "objects"), machine)
        ids.add(take(machine / "project", "project/nb.ipynb").snapshot_id)

    assert len(ids) == 1


def test_only_what_matters_changes_the_id(take: Take) -> None:
    tree(take.home, "a.py")
    first = take(take.home).snapshot_id
    executed = {
        **NOTEBOOK,
        "cells": [{**NOTEBOOK["cells"][0], "execution_count": 3, "id": "b"}],  # type: ignore[index]
    }
    edited = {**NOTEBOOK, "cells": []}
    os.utime(take.home / "a.py", (1, 1))

    assert take(take.home, notebook=executed).snapshot_id == first
    others = [
        take(take.home, notebook=edited),
        take(take.home, kernel_name="other"),
        take(take.home, language="r"),
        take(take.home, "other.ipynb"),
    ]
    tree(take.home, "b.py")
    others.append(take(take.home))
    assert len({first, *(other.snapshot_id for other in others)}) == 6


# -- the stat cache


def test_a_changed_file_is_read_again_also_with_its_old_size_and_time(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", 0)
    cache = StatCache()
    path = take.home / "a.csv"
    write_at(path, "one")
    os.utime(path, (1, 1))
    take(take.home, stat_cache=cache)

    time.sleep(0.02)  # a tick of the file system's clock
    write_at(path, "two")
    os.utime(path, (1, 1))

    assert content(take, take(take.home, stat_cache=cache), "a.csv") == b"two"


def test_a_file_changed_just_now_is_not_remembered(take: Take) -> None:
    cache = StatCache()
    path = take.home / "a.csv"
    write_at(path, "one")
    take(take.home, stat_cache=cache)

    assert cache.find(str(path), path.stat()) is None


def test_an_object_that_is_gone_is_stored_again(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", 0)
    cache = StatCache()
    tree(take.home, "a.csv")
    taken = take(take.home, stat_cache=cache)
    take.objects.delete(taken.manifest.files[0].object_id)

    again = take(take.home, stat_cache=cache)

    assert content(take, again, "a.csv") == b"a.csv"


@pytest.mark.parametrize("damage", [b"", b"no json\n", b"[1]\n", b'["p",1,2,3,4,5,"x"]\n', b"\xff"])
def test_a_damaged_cache_is_only_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "cache"
    path.write_bytes(damage)

    assert StatCache(path).find("p", tmp_path.stat()) is None


# -- size


@pytest.mark.slow
def test_five_thousand_files_are_captured(take: Take) -> None:
    for index in range(5_000):
        write_at(take.home / f"{index % 50}/{index}.csv", f"{index}" * 200)

    taken = take(take.home)

    assert len(taken.manifest.files) == 5_000
