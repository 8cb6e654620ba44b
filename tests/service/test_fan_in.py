"""What an execution is handed when it starts, of what is left of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import Event, ExecutionFinished, ExecutionStarted
from jupyter_async_exec.core.execution import Collect, Hold, Reason, Status
from jupyter_async_exec.errors import RefusedError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.service import SubmitRequest
from tests.conftest import make_notebook
from tests.service.conftest import make_service

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.service import ExecutionService
    from jupyter_async_exec.store import ExecutionStore


async def succeed(service: ExecutionService, store: ExecutionStore, output: str) -> Execution:
    request = SubmitRequest(path="a.ipynb", notebook=make_notebook("1"))
    execution = await service.submit(request)
    store.claim(backend="local")
    end: Event = ExecutionFinished(
        at=execution.created_at, status=Status.SUCCEEDED, output_object=output
    )
    return store.record(execution.id, 1, (end,))


async def test_a_notebook_that_is_lost_is_left_out_and_the_others_are_handed_over(
    store: ExecutionStore, tmp_path: Path
) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    service = make_service(store, tmp_path, objects=objects)
    lost, kept = objects.put(b"lost"), objects.put(b"kept")
    await succeed(service, store, lost)
    await succeed(service, store, kept)
    objects.delete(lost)
    notebook = make_notebook("executions", parameters="executions = []")
    collect = Collect(executions=("1", "2"))
    request = SubmitRequest(path="b.ipynb", notebook=notebook, collect=collect)
    await service.submit(request)

    handed = service.fan_in.hand_over(store.get(3)).provenance["handed"]

    assert [each["number"] for each in handed["value"]] == [1, 2]
    assert [each["object_id"] for each in handed["files"]] == [kept]
    assert handed["value"][0]["notebook"] is None
    assert "collected-executions/1/a.ipynb was left out" in handed["note"]


async def submit(service: ExecutionService, *after: Execution) -> Execution:
    ids = tuple(each.id for each in after)
    return await service.submit(
        SubmitRequest(path="a.ipynb", notebook=make_notebook("1"), after=ids)
    )


def end(store: ExecutionStore, execution: Execution, status: Status) -> Execution:
    store.claim(backend="local")
    reason = Reason.CELL_ERROR if status is Status.FAILED else None
    event: Event = ExecutionFinished(at=execution.created_at, status=status, reason=reason)
    return store.record(execution.id, 1, (event,))


async def test_what_is_run_again_waits_for_the_same_as_before(
    store: ExecutionStore, tmp_path: Path
) -> None:
    service = make_service(store, tmp_path)
    first = await submit(service)
    second = await submit(service, first)
    await service.cancel(second.id)

    again = await service.rerun(second.id)

    assert again.after == (first.id,)
    assert again.hold is Hold.OTHERS
    end(store, first, Status.SUCCEEDED)
    assert store.get(again.id).hold is None


async def test_what_is_run_again_follows_what_the_failed_one_was_run_again_as(
    store: ExecutionStore, tmp_path: Path
) -> None:
    service = make_service(store, tmp_path)
    first = await submit(service)
    second = await submit(service, first)
    end(store, first, Status.FAILED)
    with pytest.raises(RefusedError, match="#1 failed: nothing can follow it"):
        await service.rerun(second.id)
    retried = await service.rerun(first.id)

    again = await service.rerun(second.id)

    assert again.after == (retried.id,)
    assert again.hold is Hold.OTHERS


async def test_what_had_started_runs_again_though_what_it_followed_is_deleted(
    store: ExecutionStore, tmp_path: Path
) -> None:
    service = make_service(store, tmp_path)
    first = await submit(service)
    second = await submit(service, first)
    end(store, first, Status.SUCCEEDED)
    store.claim(backend="local")
    started: Event = ExecutionStarted(at=second.created_at, cells_total=1)
    store.record(second.id, 1, (started,))
    await service.trash(first.id)

    again = await service.rerun(second.id)

    assert again.after == ()
    assert again.hold is None


async def test_what_never_started_does_not_run_without_what_it_followed(
    store: ExecutionStore, tmp_path: Path
) -> None:
    service = make_service(store, tmp_path)
    first = await submit(service)
    second = await submit(service, first)
    await service.cancel(first.id)
    await service.trash(first.id)

    with pytest.raises(RefusedError, match="follows an execution that is deleted"):
        await service.rerun(second.id)
