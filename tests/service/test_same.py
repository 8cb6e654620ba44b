"""What counts as the same: each single ingredient changed, and nothing is offered any more."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.service import SubmitRequest
from jupyter_async_exec.service.ports import KernelInfo
from jupyter_async_exec.snapshots.choice import CaptureLimits
from jupyter_async_exec.testing.factories import SOME_MOMENT
from tests.conftest import make_notebook
from tests.service.conftest import NoFiles, OneKernel, make_service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.service import ExecutionService
    from jupyter_async_exec.store import ExecutionStore

#: Nothing is declared, so that values are taken as they come.
NOTEBOOK = make_notebook("import helper", "print(x)")
PACKAGES = "lib/python3.11/site-packages"


class Place(NoFiles, OneKernel):
    """A study in a folder, and two kernels in an environment, all of which can be changed."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.study = self.root / "study"
        self.environment = folder / "env"
        self.variables: dict[str, str] = {}
        self.request = SubmitRequest(
            path="study/a.ipynb",
            notebook=NOTEBOOK,
            parameters={"x": 1},
            reuse=ReusePolicy(wanted=True, files=("../outside/*.bin",)),
        )
        for file, text in {
            self.study / "helper.py": "x = 1",
            self.study / "large.bin": "x" * 200,
            self.root / "outside" / "model.bin": "1",
            self.environment / "pyvenv.cfg": "include-system-site-packages = false\n",
            self.environment / "bin" / "python3": "#!",
            self.environment / PACKAGES / "numpy" / "__init__.py": "",
        }.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (self.environment / "bin" / "python3").chmod(0o755)

    def local_folder(self, path: str) -> Path | None:
        return (self.root / path).parent

    def local_root(self) -> Path | None:
        return self.root

    def find(self) -> dict[str, KernelInfo]:
        python = str(self.environment / "bin" / "python3")
        spec = {"argv": [python, "-m", "ipykernel_launcher"], "env": dict(self.variables)}
        return {name: KernelInfo(name, "Python 3", "python", spec) for name in ("python3", "other")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return Place(tmp_path)


@pytest.fixture
def service(store: ExecutionStore, tmp_path: Path, place: Place) -> ExecutionService:
    (tmp_path / "data").mkdir()
    limits = CaptureLimits(file_bytes=100)
    return make_service(
        store, tmp_path / "data", notebook_files=place, kernels=place, capture_limits=limits
    )


def end(store: ExecutionStore) -> None:
    claimed = store.claim(backend="local")
    assert claimed is not None
    finished = ExecutionFinished(at=SOME_MOMENT, status=Status.SUCCEEDED)
    store.record(claimed.id, claimed.attempt, (finished,))


def touch_later(file: Path) -> None:
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000))


def ask(**changes: Any) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        place.request = replace(place.request, **changes)

    return change


def write(path: str, text: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        (place.root.parent / path).write_text(text)

    return change


def with_cell(**changes: Any) -> Callable[[Place], None]:
    """Ask for the notebook with another last cell."""
    notebook = make_notebook("import helper", "print(x)")
    notebook["cells"][-1] |= changes
    return ask(notebook=notebook)


def from_above(place: Place) -> None:
    place.root = place.root.parent
    ask(path="root/study/a.ipynb")(place)


CHANGES: dict[str, Callable[[Place], object]] = {
    "a cell is edited": ask(notebook=make_notebook("import helper", "print(x )")),
    "a cell is added": ask(notebook=make_notebook("import helper", "print(x)", "1")),
    "cells are turned round": ask(notebook=make_notebook("print(x)", "import helper")),
    "a cell is tagged": with_cell(metadata={"tags": ["raises-exception"]}),
    "a cell becomes a text": with_cell(cell_type="markdown"),
    "it has another name": ask(path="study/b.ipynb"),
    "the server looks from elsewhere": from_above,
    "a companion file is edited": write("root/study/helper.py", "x = 2"),
    "a companion file is added": write("root/study/other.py", ""),
    "a companion file is removed": lambda place: (place.study / "helper.py").unlink(),
    "a companion file is renamed": lambda place: (place.study / "helper.py").rename(
        place.study / "helpers.py"
    ),
    "a companion file becomes a program": lambda place: (place.study / "helper.py").chmod(0o755),
    "a parameter has another value": ask(parameters={"x": 2}),
    "a parameter is a float": ask(parameters={"x": 1.0}),
    "a parameter is true": ask(parameters={"x": True}),
    "a parameter is a text": ask(parameters={"x": "1"}),
    "a parameter is left out": ask(parameters={}),
    "a parameter is added": ask(parameters={"x": 1, "y": None}),
    "another kernel is chosen": ask(kernel_name="other"),
    "the kernel has another variable": lambda place: place.variables.update(A="b"),
    "the kernel finds other code": lambda place: place.variables.update(
        PYTHONPATH=str(place.root / "outside")
    ),
    "the interpreter is another": write("env/bin/python3", "#! other"),
    "a package is installed": lambda place: (place.environment / PACKAGES / "scipy").mkdir(),
    "a package is upgraded": lambda place: (
        place.environment / PACKAGES / "numpy" / "__init__.py"
    ).unlink(),
    "a linked file grows": write("root/study/large.bin", "x" * 201),
    "a linked file is written anew": lambda place: touch_later(place.study / "large.bin"),
    "a linked file is removed": lambda place: (place.study / "large.bin").unlink(),
    "a linked file is added": write("root/study/larger.bin", "x" * 300),
    "a chosen file is edited": write("root/outside/model.bin", "2"),
    "a chosen file is added": write("root/outside/another.bin", "1"),
    "no files are chosen": ask(reuse=ReusePolicy(wanted=True)),
    "it lies in another folder": lambda place: (
        place.study.rename(place.root / "copy"),
        ask(path="copy/a.ipynb")(place),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_nothing_is_offered_once_a_single_ingredient_has_changed(
    service: ExecutionService, store: ExecutionStore, place: Place, change: str
) -> None:
    await service.submit(place.request)
    end(store)
    before = await service.find_same(place.request)

    CHANGES[change](place)
    after = await service.find_same(place.request)

    assert before is not None
    assert after is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text("01a", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("a"), inner, max_size=1),
    max_leaves=3,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(one=1, other=1.0)
@example(one=1, other=True)
@example(one=0.0, other=-0.0)
@given(one=VALUES, other=VALUES)
def test_only_equal_values_of_equal_types_are_the_same(
    service: ExecutionService, store: ExecutionStore, place: Place, one: Any, other: Any
) -> None:
    submitted = asyncio.run(service.submit(replace(place.request, parameters={"x": one})))
    end(store)

    found = asyncio.run(service.find_same(replace(place.request, parameters={"x": other})))

    is_equal = repr(one) == repr(other)
    assert (found is not None and found.id == submitted.id) is is_equal
    assert found is None or repr(found.parameters["x"]) == repr(other)


async def test_who_only_asks_leaves_nothing_behind(
    service: ExecutionService, place: Place, tmp_path: Path
) -> None:
    await service.submit(place.request)
    before = sorted((tmp_path / "data").rglob("*"))

    await service.find_same(replace(place.request, notebook=make_notebook("print('other')")))

    assert sorted((tmp_path / "data").rglob("*")) == before
