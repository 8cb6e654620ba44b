"""What is durable is accepted, and nothing that comes after may say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.service.ports import SubmitRequest
from jupyter_async_exec.store import ExecutionStore
from tests.conftest import make_notebook
from tests.service.conftest import make_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_async_exec.store import Counts


class UncountableStore(ExecutionStore):
    """Accepts, and cannot count."""

    def counts(self) -> Counts:
        raise UnavailableError("The store is busy.")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExecutionStore]:
    store = UncountableStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield store
    store.close()


async def test_nothing_after_the_acceptance_turns_it_into_an_error(
    store: ExecutionStore, tmp_path: Path
) -> None:
    changes: list[None] = []
    service = make_service(store, tmp_path, changed=lambda: changes.append(None))

    accepted = await service.submit(SubmitRequest(path="a.ipynb", notebook=make_notebook("1")))

    assert store.get(1).id == accepted.id
    assert changes
