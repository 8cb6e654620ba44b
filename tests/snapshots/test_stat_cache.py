"""An unchanged project is not read again, whoever looks and however often."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.snapshots import stat_cache as stat_cache_module
from jupyter_async_exec.snapshots.capture import Capture, capture
from jupyter_async_exec.snapshots.stat_cache import StatCache

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTEBOOK: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
OBJECT_ID = "a" * 64

_watched: list[str] | None = None


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or _watched is None or not isinstance(arguments[0], str):
        return
    # Folders are looked into at every submission.
    if not arguments[2] & os.O_DIRECTORY:
        _watched.append(arguments[0])


# A hook stays for as long as the process does.
sys.addaudithook(_note_open)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Give the paths that were opened since the test began."""
    global _watched  # noqa: PLW0603  the hook is global too
    _watched = []
    yield _watched
    _watched = None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "project"
    for index in range(120):
        path = folder / f"part{index % 3}" / f"{index}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x = {index}")
    return folder


def take(project: Path, cache: StatCache) -> Capture:
    return capture(
        NOTEBOOK,
        notebook_path="project/nb.ipynb",
        folder=project,
        server_root=project.parent,
        kernel_name="python3",
        language="python",
        objects=LocalObjectStore(project.parents[1] / "data" / "objects"),
        stat_cache=cache,
    )


def test_a_second_submission_opens_no_file_of_the_project_even_after_a_restart(
    project: Path, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", 0)
    cache = StatCache(tmp_path / "cache")
    first = take(project, cache)
    assert len([path for path in opened if path.startswith(str(project))]) == 120

    opened.clear()
    again = take(project, cache)
    restarted = take(project, StatCache(tmp_path / "cache"))

    assert [path for path in opened if path.startswith(str(project))] == []
    assert first.snapshot_id == again.snapshot_id == restarted.snapshot_id
    assert len(first.manifest.files) == 120


def test_only_what_changed_is_read_again(
    project: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", 0)
    cache = StatCache()
    take(project, cache)
    (project / "part1" / "1.py").write_text("x = 'new'")

    opened.clear()
    take(project, cache)

    assert [path for path in opened if path.startswith(str(project))] == [
        str(project / "part1" / "1.py")
    ]


def test_the_oldest_entries_are_forgotten_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", -(10**18))
    monkeypatch.setattr(stat_cache_module, "N_ENTRIES", 3)
    cache = StatCache()
    status = tmp_path.stat()

    for name in ("a", "b", "c", "a", "d"):
        cache.record(name, status, OBJECT_ID)

    assert [name for name in "abcd" if cache.find(name, status)] == ["a", "c", "d"]


def test_the_file_grows_by_what_is_new_and_is_written_anew_when_it_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", -(10**18))
    monkeypatch.setattr(stat_cache_module, "N_ENTRIES", 3)
    monkeypatch.setattr(stat_cache_module, "N_LINES", 6)
    path, status = tmp_path / "cache", tmp_path.stat()
    cache = StatCache(path)

    lengths = []
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        cache.record(name, status, OBJECT_ID)
        cache.save()
        lengths.append(path.read_bytes().count(b"["))

    assert lengths == [1, 2, 3, 4, 5, 6, 3]
    assert [name for name in "defg" if StatCache(path).find(name, status)] == ["e", "f", "g"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_processes_add_to_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_cache_module, "RACY_NS", -(10**18))
    path, status = tmp_path / "cache", tmp_path.stat()
    first, second = StatCache(path), StatCache(path)
    first.record("a", status, OBJECT_ID)
    second.record("b", status, OBJECT_ID)

    first.save()
    with path.open("ab") as file:
        file.write(b'["torn", 1')
    second.save()

    third = StatCache(path)
    assert third.find("a", status) == third.find("b", status) == OBJECT_ID


def test_a_cache_that_cannot_be_written_is_only_slower(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    cache = StatCache(tmp_path / "cache")
    status = Path("/").stat()

    cache.record("a", status, OBJECT_ID)
    cache.save()

    assert cache.find("a", status) == OBJECT_ID
