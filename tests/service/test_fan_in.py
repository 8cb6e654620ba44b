"""What an execution is handed when it starts, of what is left of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.core.events import Event, ExecutionFinished
from jupyter_async_exec.core.execution import Collect, Status
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
