"""What is durable is accepted, and nothing that comes after may say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.core.sweeps import SweepDefinition
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.service import SweepRequest
from jupyter_async_exec.service.ports import SubmitRequest
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.store.collect_store import CollectStore
from tests.conftest import make_notebook
from tests.service.conftest import make_service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


class ForgetfulCollectStore(CollectStore):
    """Cannot write down when something was of use."""

    def note_uses(self, numbers: Sequence[int]) -> None:
        raise UnavailableError(f"The store is busy: {numbers}.")


async def test_a_sweep_that_was_accepted_is_no_error_though_a_use_cannot_be_noted(
    store: ExecutionStore, tmp_path: Path
) -> None:
    store.collect = ForgetfulCollectStore(store._writer, store._read, clock=store._clock)
    service = make_service(store, tmp_path)
    request = SweepRequest(
        base=SubmitRequest(
            path="a.ipynb",
            notebook=make_notebook("x", parameters="x = 1"),
            reuse=ReusePolicy(wanted=True),
        ),
        definition=SweepDefinition(values={"x": "1, 2"}),
    )

    accepted, executions = await service.sweeps.submit(request)

    assert store.sweeps.get(accepted.id).counts.queued == len(executions) == 2


async def test_who_asks_again_is_told_what_was_accepted_though_it_would_be_refused_now(
    store: ExecutionStore, tmp_path: Path
) -> None:
    service = make_service(store, tmp_path)
    notebook = make_notebook("1")
    first = await service.submit(SubmitRequest(path="a.ipynb", notebook=notebook))
    follower = SubmitRequest(path="a.ipynb", notebook=notebook, after=("1",), request_id="once")
    accepted = await service.submit(follower)
    await service.cancel(first.id)

    again = await service.submit(follower)

    assert (again.id, again.status) == (accepted.id, Status.CANCELLED)
