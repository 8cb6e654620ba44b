"""What is durable is accepted, and nothing that comes after may say otherwise."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, get_args

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.core.goal import Direction, Goal
from jupyter_async_exec.core.reuse import ReusePolicy
from jupyter_async_exec.core.sweeps import SweepDefinition
from jupyter_async_exec.errors import ConflictError, OutcomeUnknownError, UnavailableError
from jupyter_async_exec.runner.vault import SECRETS, Vault, read_secrets
from jupyter_async_exec.service import SweepRequest
from jupyter_async_exec.service.ports import SubmitRequest
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.store.collect_store import CollectStore
from tests.conftest import make_notebook
from tests.service.conftest import make_service
from tests.uncertain import Fate, Uncertain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from jupyter_async_exec.service import ExecutionService
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


async def test_an_empty_title_is_none(service: ExecutionService) -> None:
    notebook = make_notebook("1")

    first = await service.submit(SubmitRequest(path="a.ipynb", notebook=notebook, title=""))
    again = await service.rerun("1", title="")

    assert first.title == again.title == "a"


class ForgetfulCollectStore(CollectStore):
    """Cannot write down when something was of use."""

    def note_uses(self, numbers: Sequence[int]) -> None:
        raise UnavailableError(f"The store is busy: {numbers}.")


async def test_a_sweep_that_was_accepted_is_no_error_though_a_use_cannot_be_noted(
    service: ExecutionService, store: ExecutionStore
) -> None:
    store.collect = ForgetfulCollectStore(store._writer, store._reader, clock=store._clock)
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
    service: ExecutionService,
) -> None:
    notebook = make_notebook("1")
    first = await service.submit(SubmitRequest(path="a.ipynb", notebook=notebook))
    follower = SubmitRequest(path="a.ipynb", notebook=notebook, after=("1",), request_id="once")
    accepted = await service.submit(follower)
    await service.cancel(first.id)

    again = await service.submit(follower)

    assert (again.id, again.status) == (accepted.id, Status.CANCELLED)


@pytest.mark.parametrize("fate", get_args(Fate))
async def test_who_asks_again_when_nobody_knows_has_one_execution_and_its_secret(
    service: ExecutionService, store: ExecutionStore, tmp_path: Path, fate: Fate
) -> None:
    request = SubmitRequest(
        path="a.ipynb",
        notebook=make_notebook("1", parameters="token = ''"),
        parameters={"token": "hush"},
        request_id="click",
    )
    uncertain = Uncertain(store, place=0, fate=fate)

    with pytest.raises(OutcomeUnknownError):
        await service.submit(request)
    uncertain.end()
    accepted = await service.submit(request)

    assert [each.id for each in store.iterate()] == [accepted.id]
    assert read_secrets(Vault(tmp_path / SECRETS).path(accepted.id)) == {"token": "hush"}


@pytest.mark.parametrize("fate", get_args(Fate))
async def test_who_asks_again_when_nobody_knows_has_one_sweep_and_its_secrets(
    service: ExecutionService, store: ExecutionStore, tmp_path: Path, fate: Fate
) -> None:
    base = SubmitRequest(
        path="a.ipynb",
        notebook=make_notebook("1", parameters="x = 1\ntoken = ''"),
        parameters={"token": "hush"},
        request_id="click",
    )
    request = SweepRequest(base=base, definition=SweepDefinition(values={"x": "1, 2"}))
    uncertain = Uncertain(store, place=0, fate=fate)

    # Where it was done, the second look finds it.
    with pytest.raises(OutcomeUnknownError) if fate == "not done" else nullcontext():
        await service.sweeps.submit(request)
    uncertain.end()
    _, executions = await service.sweeps.submit(request)

    assert [each.id for each in store.iterate()] == [each.id for each in executions]
    vault = Vault(tmp_path / SECRETS)
    assert [read_secrets(vault.path(each.id)) for each in executions] == [{"token": "hush"}] * 2


@pytest.mark.parametrize("fate", get_args(Fate))
async def test_what_is_asked_again_when_nobody_knows_is_done_once(
    service: ExecutionService, store: ExecutionStore, fate: Fate
) -> None:
    notebook = make_notebook("x", parameters="x = 1")
    base = SubmitRequest(path="a.ipynb", notebook=notebook)
    sweep, _ = await service.sweeps.submit(
        SweepRequest(base=base, definition=SweepDefinition(values={"x": "1, 2"}))
    )
    more = SweepDefinition(values={"x": "2, 3"})
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: service.edit("1", {"title": "renamed", "tags": ["a"]}),
        lambda: service.pin("1", pinned=True),
        lambda: service.set_slots(3),
        lambda: service.set_goal("a.ipynb", Goal("loss", Direction.MINIMISE)),
        lambda: service.presets.put("a.ipynb", "fast", {"x": 9}, notebook=notebook),
        lambda: service.notebook_moved("a.ipynb", "b.ipynb"),
        lambda: service.sweeps.add(sweep.id, more),
        lambda: service.cancel("1"),
        lambda: service.sweeps.cancel(sweep.id),
        lambda: service.trash("1"),
        lambda: service.edit("1", {"deleted": False}),
        lambda: service.sweeps.trash(sweep.id),
        lambda: service.sweeps.untrash(sweep.id),
    ]

    for ask in asked:
        uncertain = Uncertain(store, place=0, fate=fate)
        with suppress(OutcomeUnknownError):
            await ask()
        assert uncertain.has_struck
        uncertain.end()
        with suppress(ConflictError):  # All of it is there already.
            await ask()

    first = store.get(1)
    assert (first.title, first.tags, first.pinned, first.status) == (
        "renamed",
        ("a",),
        True,
        Status.CANCELLED,
    )
    assert (service.slots(), await service.goal("b.ipynb")) == (
        3,
        Goal("loss", Direction.MINIMISE),
    )
    assert [each.name for each in await service.presets.all("b.ipynb")] == ["fast"]
    _, members = await service.sweeps.get(sweep.id)
    assert [each.parameters["x"] for each in members] == [1, 2, 3]
    assert {each.deleted_at for each in members} == {None}
