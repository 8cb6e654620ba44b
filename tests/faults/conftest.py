"""A data folder with real executions in it, made once and copied for each test."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.cli.command import run
from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.store import ExecutionStore
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution


@dataclass(frozen=True, slots=True)
class Kept:
    """Executions #1 (succeeded, with an artifact and a captured file) and #2 (failed)."""

    data_dir: Path
    #: Where the notebooks were submitted from.
    work: Path

    @property
    def store_file(self) -> Path:
        return self.data_dir / STORE_FILE

    @property
    def store(self) -> ExecutionStore:
        """The store, opened; to be closed."""
        return ExecutionStore(f"sqlite:///{self.store_file}")

    @property
    def objects(self) -> LocalObjectStore:
        return LocalObjectStore(self.data_dir / "objects")

    def get(self, number: int) -> Execution:
        store = self.store
        try:
            return store.get(number, include_deleted=True)
        finally:
            store.close()

    def object_file(self, object_id: str) -> Path:
        return self.data_dir / "objects" / object_id[:2] / object_id[2:]


@pytest.fixture(scope="session")
def _kept_once(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    work = folder / "work"
    work.mkdir()
    (work / "helper.py").write_text("VALUE = 42\n")
    good = make_notebook(
        "import helper\nprint('value', helper.VALUE)",
        "open('made.txt', 'w').write('made')",
        parameters="n = 1",
    )
    (work / "good.ipynb").write_text(json.dumps(good))
    (work / "bad.ipynb").write_text(json.dumps(make_notebook("print('so far')\n1 / 0")))
    for name in ("good.ipynb", "bad.ipynb"):
        run(["run", str(work / name), "--wait", "--data-dir", str(folder / "data")])
    return Kept(folder / "data", work)


@pytest.fixture
def kept(_kept_once: Kept, tmp_path: Path) -> Kept:
    """Copies, so that every test may break them."""
    data_dir = tmp_path / "data"
    shutil.copytree(_kept_once.data_dir, data_dir, symlinks=True)
    return Kept(data_dir, _kept_once.work)


def verify(
    kept: Kept, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, Any]]:
    """Run the command `verify`; return its exit code and what it found."""
    capsys.readouterr()
    code = run(["verify", "--json", "--data-dir", str(kept.data_dir), *options])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found
