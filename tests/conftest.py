"""What all tests share: a server with the extension, notebooks, a contract to check answers by."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from jupyter_async_exec.store import ExecutionStore
from tests.postgres import Cluster
from tests.s3 import CREDENTIALS, S3, serve_s3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("pytest_jupyter.jupyter_server",)

# A busy machine is no failure.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def code_cell(source: str, *, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a code cell that has not run."""
    metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
    }


def make_notebook(*sources: str, parameters: str | None = None) -> dict[str, Any]:
    """Return a Python notebook with one code cell per source."""
    cells = [code_cell(source) for source in sources]
    if parameters is not None:
        cells.insert(0, code_cell(parameters, tags=("parameters",)))
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private folder for executions, for server and command line alike."""
    folder = tmp_path / "executions"
    monkeypatch.setenv("JUPYTER_ASYNC_EXEC_DATA_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def empty_store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as the migrations make it: once, for tests to copy."""
    path = tmp_path_factory.mktemp("empty") / "store.sqlite"
    ExecutionStore(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store_file(empty_store_file: Path, tmp_path: Path) -> Path:
    """The file of an empty store."""
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    path = folder / "store.sqlite"
    shutil.copy(empty_store_file, path)
    return path


@pytest.fixture
def store_url(store_file: Path) -> str:
    """The address of an empty store."""
    return f"sqlite:///{store_file}"


@pytest.fixture
def store(store_url: str) -> Iterator[ExecutionStore]:
    """A store, closed after the test."""
    store = ExecutionStore(store_url)
    yield store
    store.close()


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any], data_dir: Path) -> dict[str, Any]:
    """Enable the extension and refuse handlers that forget to ask who calls."""
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_async_exec": True},
            "allow_unauthenticated_access": False,
        }
    }


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A server for objects, started once for all tests that ask for it."""
    with pytest.MonkeyPatch.context() as patch, serve_s3() as server:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server of PostgreSQL's, without any store."""
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
