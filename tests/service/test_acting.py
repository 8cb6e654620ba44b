"""The use cases for one person: what they may not see is neither named nor taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.core.access import NOBODY, Access, Team
from jupyter_async_exec.core.execution import Collect
from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.service import SubmitRequest
from jupyter_async_exec.service.acting import acting_for
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.service import ExecutionService

NOTEBOOK = make_notebook("executions", parameters="executions = []")


async def submit(service: ExecutionService, owner: str, **wanted: Any) -> Execution:
    """Submit as `owner`, who sees nobody else's."""
    request = SubmitRequest(path="a.ipynb", notebook=NOTEBOOK, submitted_by=owner, **wanted)
    whose = service if owner == NOBODY else seen_by(service, owner)
    return await whose.submit(request)


def seen_by(service: ExecutionService, user: str) -> ExecutionService:
    return acting_for(service, Access(user=user, team=Team.NONE))


async def receipt(service: ExecutionService, user: str, execution: Execution) -> JSONObject:
    return (await seen_by(service, user).receipt(execution.id))[1]


def numbers(references: list[JSONObject]) -> list[int]:
    return [each["number"] for each in references]


async def test_a_receipt_does_not_name_what_somebody_else_collects_it_with(
    service: ExecutionService,
) -> None:
    nobodys = await submit(service, NOBODY)
    bobs = await submit(service, "bob", collect=Collect(executions=(nobodys.id,)))

    alices, own = [await receipt(service, user, nobodys) for user in ("alice", "bob")]

    assert numbers(alices["collected_by"]) == []
    assert numbers(own["collected_by"]) == [bobs.number]


async def test_a_receipt_does_not_name_what_was_collected_of_somebody_else(
    service: ExecutionService,
) -> None:
    bobs, nobodys = await submit(service, "bob"), await submit(service, NOBODY)
    collecting = await submit(service, NOBODY, collect=Collect(executions=(bobs.id, nobodys.id)))

    alices, own = [await receipt(service, user, collecting) for user in ("alice", "bob")]

    assert numbers(alices["collects"]["executions"]) == [nobodys.number]
    assert numbers(own["collects"]["executions"]) == [bobs.number, nobodys.number]


async def test_a_range_means_what_one_may_see_of_it(service: ExecutionService) -> None:
    first, alices, third = [await submit(service, user) for user in ("bob", "alice", "bob")]

    collecting = await submit(service, "bob", collect=Collect(executions=("1..3",)))
    following = await submit(service, "bob", after=("#1-#3",))

    assert collecting.collect is not None
    assert collecting.collect.executions == following.after == (first.id, third.id)
    with pytest.raises(NotFoundError, match=r"no execution from #2 to #2\."):
        await submit(service, "bob", after=("2..2",))
    with pytest.raises(NotFoundError, match=r"no execution #2\."):
        await submit(service, "bob", after=(str(alices.number),))
