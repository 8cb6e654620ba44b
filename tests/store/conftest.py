"""Empty stores, quickly: made once by the migrations, then copied."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.store import ExecutionStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def empty_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "store.sqlite"
    ExecutionStore(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store_file(empty_store_file: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    path = folder / "store.sqlite"
    shutil.copy(empty_store_file, path)
    return path


@pytest.fixture
def store(store_file: Path) -> Iterator[ExecutionStore]:
    store = ExecutionStore(f"sqlite:///{store_file}")
    yield store
    store.close()
