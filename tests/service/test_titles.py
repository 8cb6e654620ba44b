"""Titles say what changed, whoever comes before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.service.titles import LONGEST_TITLE, Titles
from jupyter_async_exec.snapshots.manifest import CapturedFile, Manifest
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_submission
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "train.ipynb"
DEFAULTS = "lr: float = 0.01\nhidden: int = 32"


class Place:
    """A store and objects, with executions of one notebook in it."""

    def __init__(self, folder: Path) -> None:
        self.store = ExecutionStore(f"sqlite:///{folder / 'store.sqlite'}")
        self.objects = LocalObjectStore(folder / "objects")
        self.titles = Titles(self.store, self.objects)

    def seal(self, *sources: str, defaults: str = DEFAULTS, **files: str) -> str:
        notebook = normalise(make_notebook(*sources, parameters=defaults))
        manifest = Manifest(
            notebook_path=PATH,
            notebook_object=self.objects.put(json.dumps(notebook).encode()),
            files=tuple(
                CapturedFile(
                    path=f"{name}.py", object_id=self.objects.put(text.encode()), size_bytes=1
                )
                for name, text in files.items()
            ),
            kernel_name="python3",
            language="python",
        )
        return self.objects.put(manifest.canonical)

    def accept(self, snapshot_id: str, **parameters: Any) -> None:
        self.store.accept(
            make_submission(notebook_path=PATH, snapshot_id=snapshot_id, parameters=parameters)
        )

    def title(self, snapshot_id: str, **parameters: Any) -> str:
        return self.titles.of_new(PATH, parameters, snapshot_id)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.store.close()


def test_the_first_says_what_was_chosen_or_names_the_notebook(place: Place) -> None:
    snapshot = place.seal("fit()")

    assert place.title(snapshot, lr=0.1) == "lr=0.1"
    assert place.title(snapshot) == "train"


def test_a_parameter_is_told_with_what_it_was_also_where_it_was_a_default(place: Place) -> None:
    snapshot = place.seal("fit()")
    place.accept(snapshot, lr=0.1)

    assert place.title(snapshot, lr=0.003) == "lr 0.1 → 0.003"
    assert place.title(snapshot) == "lr 0.1 → 0.01"
    assert place.title(snapshot, lr=0.1, hidden=64) == "hidden 32 → 64"
    assert place.title(snapshot, lr=0.1, hidden=32) == "lr=0.1, hidden=32"


def test_edited_cells_and_files_are_told(place: Place) -> None:
    place.accept(place.seal("fit(1)", "plot()", helper="x = 1"))

    assert place.title(place.seal("fit(2)", "plot()", helper="x = 1")) == "cell 2 edited"
    assert place.title(place.seal("fit(1)", "plot()", helper="x = 2")) == "helper.py edited"
    assert place.title(place.seal("fit(1)", "plot()", "save()", helper="x = 1")) == "cell 4 added"


def test_new_defaults_are_told_once(place: Place) -> None:
    place.accept(place.seal("fit()"))

    title = place.title(place.seal("fit()", defaults="lr: float = 0.5\nhidden: int = 32"))

    assert title == "lr 0.01 → 0.5"


def test_of_secrets_nothing_is_said(place: Place) -> None:
    snapshot = place.seal("fit()", defaults="api_key = ''\nlr: float = 1.0")
    place.accept(snapshot, api_key="*** 01234567")

    assert "***" not in place.title(snapshot, api_key="*** 76543210", lr=2.0)


def test_a_title_is_never_long_and_never_in_the_way(place: Place) -> None:
    snapshot = place.seal("fit()", defaults="text: str = 'a'")
    place.accept("5e" * 32, text="x")

    assert place.title(snapshot, text="y") == 'text="y"'
    assert len(place.title(snapshot, text="y" * 9_000)) <= LONGEST_TITLE
