"""Trees that were looked at before: less work, and never another answer."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.snapshots import found as found_module
from jupyter_async_exec.snapshots import stat_cache as stat_cache_module
from jupyter_async_exec.snapshots import walk as walk_module
from jupyter_async_exec.snapshots.capture import Capture, capture
from jupyter_async_exec.snapshots.choice import CaptureLimits
from jupyter_async_exec.snapshots.found import FoundFiles, SeenTrees
from jupyter_async_exec.snapshots.stat_cache import StatCache
from jupyter_async_exec.snapshots.tree import Notes, locate_tree
from jupyter_async_exec.snapshots.walk import find_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
NAMES = ("a.py", "b.csv", ".env", "__pycache__", "data", "data/c.csv", "data/d.py", "data/e")


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> SeenTrees:
    trees = SeenTrees()
    monkeypatch.setattr(walk_module, "_SEEN", trees)
    return trees


def look(folder: Path) -> FoundFiles:
    tree = locate_tree(folder, folder)
    return find_files(
        tree, notebook_path="nb.ipynb", tracked_ignored=(), excluded=(), notes=Notes()
    )


def test_an_unchanged_tree_is_the_very_same(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "link.py").symlink_to("a.py")

    first = look(tmp_path)

    assert [file.path for file in first] == ["a.py", "link.py"]
    assert look(tmp_path) is first
    (tmp_path / "a.py").write_text("22")
    assert look(tmp_path) is not first


def test_a_huge_tree_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_module, "N_FILES", 1)
    (tmp_path / "a.py").touch()
    (tmp_path / "b.py").touch()

    assert look(tmp_path) is not look(tmp_path)


def test_only_the_latest_trees_are_remembered(tmp_path: Path) -> None:
    folders = [tmp_path / str(place) for place in range(found_module.N_TREES + 1)]
    for folder in folders:
        folder.mkdir()
        (folder / "a.py").touch()

    first = [look(folder) for folder in folders]

    assert look(folders[-1]) is first[-1]
    assert look(folders[0]) is not first[0]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_is_seen_as_by_somebody_who_looks_for_the_first_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Each change below waits for the clock of the files.
    monkeypatch.setattr(stat_cache_module, "RACY_NS", 0)
    home = tmp_path / "home"
    home.mkdir()
    objects = LocalObjectStore(tmp_path / "data" / "objects")
    cache = StatCache()

    def take(stat_cache: StatCache | None, *, is_kept: bool = False) -> Capture:
        return capture(
            NOTEBOOK,
            notebook_path="nb.ipynb",
            folder=home,
            server_root=home,
            kernel_name="python3",
            language="python",
            objects=objects,
            stat_cache=stat_cache,
            limits=CaptureLimits(file_bytes=100),
            is_kept=is_kept,
        )

    n_same = 0
    for change in _changes(random.Random(seed), home):
        kept = take(cache, is_kept=True)
        before = take(cache)
        remembered = take(cache)
        with monkeypatch.context() as patch:
            patch.setattr(walk_module, "_SEEN", SeenTrees())
            anew = take(None)
        assert kept.notes == anew.notes, change
        for each in (kept, before, remembered):
            assert each.snapshot_id == anew.snapshot_id, change
            assert each.linked == anew.linked
            assert each.has_unknown == anew.has_unknown
        n_same += remembered.manifest.files is before.manifest.files

    assert n_same > 20


def _changes(generator: random.Random, home: Path) -> Iterator[str]:
    """Do one thing after the other to a folder; say what."""
    for _ in range(40):
        name = generator.choice(NAMES)
        path = home / name
        what = generator.choice(
            (
                *("write", "write", "delete", "rename", "rule", "link", "big", "mode"),
                *("pipe", "repository", "environment", "name"),
            )
        )
        path.parent.mkdir(exist_ok=True)
        if what == "big" and path.suffix == ".py":
            continue
        if what in {"write", "big"} and not path.is_dir():
            _write(path, generator.choice("xyz") * (200 if what == "big" else 1))
        elif what == "delete" and path.is_file():
            path.unlink()
        elif what == "rename" and path.is_file():
            path.replace(path.with_name("renamed.csv"))
        elif what == "rule":
            rules = generator.choice((".gitignore", ".asyncexecignore", "data/.asyncexecignore"))
            (home / "data").mkdir(exist_ok=True)
            _write(home / rules, generator.choice(("*.csv", "data/", "!.env", "")))
        elif what == "link" and not (home / "link").is_symlink():
            (home / "link").symlink_to(name)
        elif what == "mode" and path.is_file():
            path.chmod(generator.choice((0o644, 0o755)))
        else:
            _make_odd(what, path, home)
        yield f"{what} {name}"


def _make_odd(what: str, path: Path, home: Path) -> None:
    """Make something that belongs to no snapshot, or take it away again."""
    if what == "pipe" and not (home / "pipe").exists():
        os.mkfifo(home / "pipe")
    elif what in {"repository", "environment"} and path.is_dir():
        mark = path / (".git" if what == "repository" else "pyvenv.cfg")
        mark.unlink() if mark.exists() else mark.touch()
    elif what == "name":
        (home / os.fsdecode(b"\xff.csv")).touch()


def _write(path: Path, text: str) -> None:
    """Write a file so that its time tells it, as it does when people write."""
    before = path.stat().st_ctime_ns if path.exists() else None
    path.write_text(text)
    while path.stat().st_ctime_ns == before:
        path.write_text(text)
