"""Empty stores on each kind of database; the one on PostgreSQL is emptied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.store import ExecutionStore
from tests.store.emptying import empty

if TYPE_CHECKING:
    from tests.postgres import Cluster


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
