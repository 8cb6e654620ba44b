"""The working tree: relative paths lead where they did, and the user's files stay theirs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.snapshots.capture import Capture, capture
from jupyter_async_exec.snapshots.choice import CaptureLimits
from jupyter_async_exec.snapshots.materialise import (
    Baseline,
    Collected,
    WorkingTree,
    collect,
    materialise,
    record_baseline,
)

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
LIMITS = CaptureLimits(file_bytes=1_000)
BIG = "x" * 2_000


class Bench:
    """A user's folders, an object store, and a place for working trees."""

    def __init__(self, top: Path) -> None:
        self.home = top / "home"
        self.home.mkdir()
        self.home = self.home.resolve()
        self.objects = LocalObjectStore(top / "data" / "objects")
        self._work = (top / "data" / "work").resolve()

    def write(self, *paths: str, content: str | None = None) -> None:
        for path in paths:
            place = self.home / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(path if content is None else content)

    def capture(self, path: str = "nb.ipynb") -> Capture:
        return capture(
            NOTEBOOK,
            notebook_path=path,
            folder=(self.home / path).parent,
            server_root=self.home,
            kernel_name="python3",
            language="python",
            objects=self.objects,
            limits=LIMITS,
        )

    def lay_out(self, taken: Capture, path: str = "nb.ipynb", name: str = "1") -> WorkingTree:
        return materialise(
            taken.manifest,
            objects=self.objects,
            directory=self._work / name,
            notebook_path=path,
            tree_root=taken.tree_root,
            root_path=taken.root_path,
            server_root=self.home,
            linked=taken.linked,
        )

    def start(self, path: str = "nb.ipynb") -> tuple[WorkingTree, Baseline]:
        tree = self.lay_out(self.capture(path), path)
        return tree, record_baseline(tree)

    def collect(self, tree: WorkingTree, baseline: Baseline, **changes: Any) -> Collected:
        # As the next server would: from JSON.
        tree = WorkingTree.from_json(json.loads(json.dumps(tree.to_json())))
        baseline = Baseline.from_json(json.loads(json.dumps(baseline.to_json())))
        return collect(tree, baseline, objects=self.objects, **changes)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def kept(collected: Collected) -> list[str]:
    return [artifact.name for artifact in collected.artifacts]


# -- the mirror


def test_captured_files_are_copies_that_later_edits_do_not_reach(bench: Bench) -> None:
    bench.write("helper.py", "data/x.csv")
    (bench.home / "helper.py").chmod(0o755)
    taken = bench.capture()
    bench.write("helper.py", "data/x.csv", content="edited later")

    tree = bench.lay_out(taken)

    assert tree.folder == tree.root
    assert tree.notebook.name == "nb.ipynb"
    assert b'"cells":[]' in tree.notebook.read_bytes()
    for path in ("helper.py", "data/x.csv"):
        assert (tree.folder / path).read_text() == path
        assert not (tree.folder / path).is_symlink()
    assert os.access(tree.folder / "helper.py", os.X_OK)
    assert not (tree.folder / "data").is_symlink()


def test_the_rest_of_the_tree_is_linked(bench: Bench) -> None:
    bench.write("code.py", ".env", ".asyncexecignore", "ignored/a/b.txt", "venv/pyvenv.cfg")
    bench.write("data/small.csv", ".git/config", "__pycache__/code.pyc")
    bench.write("data/big.csv", content=BIG)
    bench.write(".gitignore", content="ignored/\n")

    tree = bench.lay_out(bench.capture())

    assert (tree.folder / "data/big.csv").is_symlink()
    assert (tree.folder / "data/big.csv").read_text() == BIG
    assert (tree.folder / "ignored").is_symlink()
    assert (tree.folder / "ignored/a/b.txt").read_text() == "ignored/a/b.txt"
    assert (tree.folder / ".env").is_symlink()
    for name in ("venv", ".git", "__pycache__"):
        assert not (tree.folder / name).exists()


def test_paths_above_the_notebook_lead_where_they_did(bench: Bench) -> None:
    bench.write("team/project/nb.ipynb", "team/data/x.csv", "shared/y.csv", "team/venv/pyvenv.cfg")

    tree = bench.lay_out(bench.capture("team/project/nb.ipynb"), "team/project/nb.ipynb")

    assert tree.folder == tree.root / "team" / "project"
    script = "print(open('../data/x.csv').read(), open('../../shared/y.csv').read())"
    output = subprocess.check_output(["python3", "-c", script], cwd=tree.folder, text=True)
    assert output == "team/data/x.csv shared/y.csv\n"
    assert not (tree.root / "team/venv").exists()


def test_a_notebook_in_a_sub_folder_of_a_work_tree_imports_from_its_top(bench: Bench) -> None:
    bench.write("repo/lib/mod.py", "repo/notebooks/nb.ipynb", content="value = 7\n")
    bench.write("repo/.git/HEAD")
    taken = bench.capture("repo/notebooks/nb.ipynb")
    bench.write("repo/lib/mod.py", content="value = 8\n")

    tree = bench.lay_out(taken, "repo/notebooks/nb.ipynb")

    script = "import sys; sys.path.append('..'); from lib.mod import value; print(value)"
    output = subprocess.check_output(["python3", "-c", script], cwd=tree.folder, text=True)
    assert output == "7\n"


def test_a_link_back_to_a_real_folder_stays_inside_the_mirror(bench: Bench) -> None:
    bench.write("a/b/x.txt")
    (bench.home / "a/b/top").symlink_to("../..")
    taken = bench.capture()
    bench.write("a/b/x.txt", content="edited")

    tree = bench.lay_out(taken)

    assert (tree.folder / "a/b/top/a/b/x.txt").read_text() == "a/b/x.txt"


def test_the_mirror_is_not_linked_into_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    inside = bench.home / "data_dir"
    bench.objects = LocalObjectStore(inside / "objects")
    bench.write("project/nb.ipynb", "project/a.py")

    taken = bench.capture("project/nb.ipynb")
    tree = materialise(
        taken.manifest,
        objects=bench.objects,
        directory=inside / "work" / "1",
        notebook_path="project/nb.ipynb",
        tree_root=taken.tree_root,
        root_path=taken.root_path,
        server_root=bench.home,
        linked=(),
    )

    assert sorted(path.name for path in tree.root.iterdir()) == ["project"]


def test_a_tree_that_is_gone_leaves_the_captured_files_and_a_note(bench: Bench) -> None:
    bench.write("project/nb.ipynb", "project/helper.py", "other/x.csv")
    taken = bench.capture("project/nb.ipynb")
    shutil.rmtree(bench.home / "project")

    tree = bench.lay_out(taken, "project/nb.ipynb")

    assert (tree.folder / "helper.py").read_text() == "project/helper.py"
    assert (tree.folder / "../other/x.csv").read_text() == "other/x.csv"
    assert any("is gone" in note for note in tree.notes)


def test_a_notebook_alone_has_a_folder_with_its_name(bench: Bench) -> None:
    taken = capture(
        NOTEBOOK,
        notebook_path="drive:project/nb.ipynb",
        folder=None,
        server_root=None,
        kernel_name="r",
        language="R",
        objects=bench.objects,
    )

    tree = bench.lay_out(taken, "drive:project/nb.ipynb")

    assert tree.folder == tree.root / "drive:project"
    assert tree.notebook.exists()


def test_a_linked_file_that_changed_since_submission_is_noted(bench: Bench) -> None:
    bench.write("changed.bin", "same.bin", "gone.bin", content=BIG)
    taken = bench.capture()
    bench.write("changed.bin", content=BIG + "more")
    (bench.home / "gone.bin").unlink()

    tree = bench.lay_out(taken)
    remarks = bench.collect(tree, record_baseline(tree)).remarks

    assert len(tree.notes) == 2
    assert any("`changed.bin`" in note and "changed since" in note for note in tree.notes)
    assert any("`gone.bin`" in note and "gone" in note for note in tree.notes)
    assert {remark.message for remark in remarks} == set(tree.notes)


def test_a_missing_object_is_said_before_anything_runs(bench: Bench) -> None:
    bench.write("a.py")
    taken = bench.capture()
    bench.objects.delete(taken.manifest.files[0].object_id)

    with pytest.raises(NotFoundError):
        bench.lay_out(taken)


# -- what an execution leaves


def test_new_and_changed_files_are_artifacts(bench: Bench) -> None:
    bench.write("sub/nb.ipynb", "sub/read.csv", "sub/model.txt", "sub/gone.txt")
    tree, baseline = bench.start("sub/nb.ipynb")

    (tree.folder / "model.txt").write_text("better")
    (tree.folder / "gone.txt").unlink()
    (tree.folder / "plots").mkdir()
    (tree.folder / "plots/größe.png").write_bytes(b"png")
    (tree.folder / "__pycache__").mkdir()
    (tree.folder / "__pycache__/x.pyc").write_bytes(b"x")
    collected = bench.collect(tree, baseline)

    assert kept(collected) == ["model.txt", "plots/größe.png"]
    assert collected.artifacts[1].media_type == "image/png"
    assert collected.artifacts[1].size_bytes == 3
    assert bench.objects.get(collected.artifacts[0].object_id) == b"better"
    assert collected.remarks == ()
    assert (bench.home / "sub/model.txt").read_text() == "sub/model.txt"
    assert (bench.home / "sub/gone.txt").exists()


def test_two_executions_writing_the_same_name_both_keep_theirs(bench: Bench) -> None:
    taken = bench.capture()
    trees = [bench.lay_out(taken, name=name) for name in ("1", "2")]
    baselines = [record_baseline(tree) for tree in trees]

    for index, tree in enumerate(trees):
        (tree.folder / "out.txt").write_text(f"{index}")

    found = [bench.collect(*pair) for pair in zip(trees, baselines, strict=True)]
    assert [bench.objects.get(item.artifacts[0].object_id) for item in found] == [b"0", b"1"]
    assert not (bench.home / "out.txt").exists()


def test_a_file_above_the_notebooks_folder_has_a_name_without_dots(bench: Bench) -> None:
    bench.write("team/project/nb.ipynb")
    tree, baseline = bench.start("team/project/nb.ipynb")

    (tree.folder / "../above.txt").write_text("x")
    (tree.folder / "../../top.txt").write_text("y")
    (tree.folder / "top.txt").write_text("z")
    collected = bench.collect(tree, baseline)

    assert kept(collected) == ["outside/top.txt", "team/above.txt", "top.txt"]
    assert bench.objects.get(collected.artifacts[0].object_id) == b"y"


def test_writing_through_a_link_is_remarked(bench: Bench) -> None:
    bench.write("sub/nb.ipynb", "data/x.csv", "data/same.csv", "data/other.ipynb")
    bench.write("sub/big.bin", content=BIG)
    tree, baseline = bench.start("sub/nb.ipynb")

    (tree.folder / "big.bin").write_text("through a link")
    (tree.folder / "../data/x.csv").write_text("through a linked folder")
    (tree.folder / "../data/new.csv").write_text("new in a linked folder")
    bench.write("data/other.ipynb", content="the user saves another notebook")
    collected = bench.collect(tree, baseline)

    (remark,) = collected.remarks
    assert remark.kind == "wrote_through_link"
    for name in ("`data/new.csv`", "`data/x.csv`", "`sub/big.bin`"):
        assert name in remark.message
    assert "same.csv" not in remark.message
    assert kept(collected) == []


def test_a_link_replaced_by_a_file_is_an_artifact_and_leaves_the_original(bench: Bench) -> None:
    bench.write("big.bin", content=BIG)
    tree, baseline = bench.start()

    (tree.folder / "new").write_text("replaced")
    (tree.folder / "new").replace(tree.folder / "big.bin")
    collected = bench.collect(tree, baseline)

    assert kept(collected) == ["big.bin"]
    assert collected.remarks == ()
    assert (bench.home / "big.bin").read_text() == BIG


def test_links_made_by_the_notebook_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/secret").write_text("secret")
    tree, baseline = bench.start()

    (tree.folder / "file").symlink_to(tmp_path / "private/secret")
    (tree.folder / "folder").symlink_to(tmp_path / "private")
    (tree.folder / "loop").symlink_to(".")

    assert bench.collect(tree, baseline) == Collected()


def test_what_cannot_be_kept_is_remarked(bench: Bench) -> None:
    tree, baseline = bench.start()

    os.mkfifo(tree.folder / "pipe")
    (tree.folder / "big").write_text("x" * 200)
    (tree.folder / os.fsdecode(b"bad\xff")).write_text("x")
    (tree.folder / "env").mkdir()
    (tree.folder / "env/pyvenv.cfg").write_text("")
    for name in ("a", "b", "c"):
        (tree.folder / name).write_text(name)
    collected = bench.collect(tree, baseline, file_bytes=100, n_files=2)

    assert kept(collected) == ["a", "b"]
    assert {remark.kind for remark in collected.remarks} == {
        "artifact_unreadable",
        "artifact_too_big",
        "artifacts_too_many",
        "environment_skipped",
    }
    for remark in collected.remarks:
        remark.message.encode()


def test_a_baseline_survives_in_a_file(bench: Bench, tmp_path: Path) -> None:
    bench.write("a.py")
    bench.write("big.bin", content=BIG)
    _, baseline = bench.start()

    baseline.save(tmp_path / "baseline.json")

    assert Baseline.load(tmp_path / "baseline.json") == baseline


@pytest.mark.slow
def test_five_thousand_files_are_laid_out_and_none_is_taken_for_new(bench: Bench) -> None:
    bench.write(*(f"{index % 50}/{index}.csv" for index in range(5_000)))
    taken = bench.capture()

    tree = bench.lay_out(taken)
    baseline = record_baseline(tree)
    collected = bench.collect(tree, baseline)

    assert collected == Collected()
