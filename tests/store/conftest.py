"""Empty stores, quickly: made once by the migrations, then copied; on each kind of database."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.store import ExecutionStore
from tests.store.emptying import empty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Cluster


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


@pytest.fixture(scope="session")
def kept_url(cluster: Cluster) -> str:
    """A store on PostgreSQL that one test after the other gets."""
    url = cluster.create("kept")
    ExecutionStore(url).close()
    return url


@pytest.fixture
def postgres_url(kept_url: str) -> str:
    """An empty store on PostgreSQL."""
    return empty(kept_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty store, on one kind of database and then on the other."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('store_file')}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[ExecutionStore]:
    store = ExecutionStore(store_url)
    yield store
    store.close()
