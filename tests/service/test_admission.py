"""What there is no room for is refused with numbers, and what was accepted stays so."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Limits
from jupyter_async_exec.errors import DiskFullError, QueueFullError
from jupyter_async_exec.service.admission import Admission, RoomLimits
from jupyter_async_exec.service.ports import SubmitRequest
from tests.conftest import make_notebook
from tests.service.conftest import make_service as service_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.service.use_cases import ExecutionService
    from jupyter_async_exec.store import ExecutionStore

    Make = Callable[..., ExecutionService]


@pytest.fixture
def make_service(store: ExecutionStore, tmp_path: Path) -> Make:
    def make(
        room_limits: RoomLimits | None = None, default_limits: Limits | None = None
    ) -> ExecutionService:
        return service_on(
            store,
            tmp_path,
            default_slots=1,
            room_limits=room_limits,
            default_limits=default_limits,
        )

    return make


def ask(request_id: str | None = None, **limits: float | None) -> SubmitRequest:
    return SubmitRequest(
        path="a.ipynb", notebook=make_notebook("1"), request_id=request_id, limits=limits
    )


async def test_a_full_queue_refuses_with_numbers(make_service: Make) -> None:
    service = make_service(RoomLimits(max_queued=2))
    await service.submit(ask())
    await service.submit(ask())

    with pytest.raises(QueueFullError, match="2 of 2 executions wait already") as refused:
        await service.submit(ask())
    with pytest.raises(QueueFullError):
        await service.rerun("1")

    assert refused.value.details == {"queued": 2, "max_queued": 2}
    assert (await service.status())["queued"] == 2
    await service.cancel("1")
    assert (await service.submit(ask())).number == 3


async def test_asking_again_for_what_was_accepted_needs_no_room(make_service: Make) -> None:
    service = make_service(RoomLimits(max_queued=1))
    first = await service.submit(ask("a click"))

    again = await service.submit(ask("a click"))

    assert again == first


async def test_too_little_room_on_the_disk_refuses_with_numbers(
    make_service: Make, tmp_path: Path
) -> None:
    total = shutil.disk_usage(tmp_path).total
    service = make_service(RoomLimits(disk_reserve_bytes=total + 1))

    with pytest.raises(DiskFullError, match="stay reserved; make room first") as refused:
        await service.submit(ask())

    assert refused.value.details["disk_reserve_bytes"] == total + 1
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


def test_a_small_disk_keeps_a_twentieth_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = Admission(count_queued=lambda: 0, data_dir=tmp_path, limits=RoomLimits())
    usage = type(shutil.disk_usage(tmp_path))

    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64_000_000, 60_700_000, 3_300_000))
    admission.check()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64_000_000, 61_000_000, 3_000_000))
    with pytest.raises(DiskFullError):
        admission.check()


async def test_limits_are_those_configured_unless_chosen(make_service: Make) -> None:
    configured = Limits(run_time_s=60.0, memory_bytes=10**9, output_bytes=10**6)
    service = make_service(default_limits=configured)

    execution = await service.submit(ask(run_time_s=5.0, memory_bytes=None, silence_s=2.0))

    assert execution.limits == Limits(run_time_s=5.0, silence_s=2.0, output_bytes=10**6)


async def test_a_rerun_has_the_limits_it_had_but_for_those_chosen(make_service: Make) -> None:
    service = make_service()
    await service.submit(ask(run_time_s=5.0, memory_bytes=10**9))

    again = await service.rerun("1", limits={"memory_bytes": 2 * 10**9})

    assert again.limits == Limits(run_time_s=5.0, memory_bytes=2 * 10**9)
    assert (await service.receipt("2"))[1]["limits"]["memory_bytes"] == 2 * 10**9
