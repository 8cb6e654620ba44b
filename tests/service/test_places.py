"""Where a notebook can run, and why it cannot elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.base import Health
from jupyter_async_exec.core.resources import Room
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.service.places import NOT_CONFIGURED, Places
from jupyter_async_exec.service.ports import KernelCatalog, KernelInfo
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.testing.factories import make_execution
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Kernels(KernelCatalog):
    def find(self) -> Mapping[str, KernelInfo]:
        return {"python3": KernelInfo("python3", "Python 3", "python")}

    def default_name(self) -> str:
        return "python3"


@pytest.fixture
def far() -> ScriptedBackend:
    far = ScriptedBackend("far")
    far.health_result = Health(
        slots=4,
        kernels=frozenset({"python3", "ir"}),
        rooms=(Room(slots=2, resources={"GPU": 1}), Room(slots=2, resources={"GPU": 2})),
    )
    return far


@pytest.fixture
def places(tmp_path: Path, far: ScriptedBackend) -> Iterator[Places]:
    store = ExecutionStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield Places(store, {"local": ScriptedBackend(), "far": far}, lambda: 2, Kernels())
    store.close()


async def reasons_against(places: Places, kernel_name: str | None) -> dict[str, str | None]:
    found = await places.describe_for(kernel_name)
    assert all(each["can_run"] is (each["why_not"] is None) for each in found)
    return {str(each["name"]): each["why_not"] for each in found}


@pytest.mark.parametrize("kernel_name", ["python3", None])
async def test_a_notebook_runs_wherever_its_kernel_is(
    places: Places, kernel_name: str | None
) -> None:
    assert await reasons_against(places, kernel_name) == {"local": None, "far": None}


async def test_a_place_without_the_kernel_says_so(places: Places) -> None:
    missing = "is not installed there."

    assert (await reasons_against(places, "ir"))["local"] == f"The kernel 'ir' {missing}"
    assert (await reasons_against(places, "julia"))["far"] == f"The kernel 'julia' {missing}"


async def test_a_place_that_is_only_full_can_run_it(places: Places, far: ScriptedBackend) -> None:
    far.health_result = Health(slots=0, problem="far: every worker is busy.")

    assert (await reasons_against(places, "python3"))["far"] is None


async def test_a_place_that_cannot_be_used_says_why(places: Places, far: ScriptedBackend) -> None:
    far.health_result = Health(slots=0, problem="far: the scheduler is gone.", is_usable=False)

    assert (await reasons_against(places, "python3"))["far"] == "The scheduler is gone."


async def test_what_can_be_asked_for_is_what_one_machine_has(places: Places) -> None:
    local, far = await places.describe()

    assert (local["resources"], far["resources"]) == ({}, {"GPU": 2})


@pytest.mark.parametrize(
    ("backend", "resources", "said"),
    [
        ("far", {}, "Waits for its turn."),
        ("far", {"GPU": 2.0}, "Waits until 2 GPU is free."),
        ("far", {"GPU": 3.0}, "Waits for a machine of far that has 3 GPU: the most there is, is"),
        ("gone", {}, NOT_CONFIGURED),
    ],
)
async def test_why_it_waits_depends_on_what_it_needs(
    places: Places, backend: str, resources: dict[str, float], said: str
) -> None:
    reasons = await places.reasons()

    assert reasons.of(make_execution(backend=backend, resources=resources)).startswith(said)


@pytest.mark.parametrize("resources", [{}, {"GPU": 1.0}])
def test_a_place_that_was_never_looked_at_gives_a_reason(
    places: Places, resources: dict[str, float]
) -> None:
    reasons = places.find_reasons()

    assert reasons.of(make_execution(backend="far", resources=resources)).startswith("Waits")


async def test_who_waits_for_the_machine_with_the_kernel_says_so(
    places: Places, far: ScriptedBackend
) -> None:
    kernels = frozenset({"python3"})
    far.health_result = Health(
        slots=2,
        problem="far: 1 of 3 workers cannot be used: it has another release.",
        rooms=(
            Room(slots=1, kernels=kernels),
            Room(slots=1, kernels=kernels | {"ir"}, held=frozenset({"a"})),
        ),
    )
    reasons = await places.reasons()

    waiting = {
        kernel: reasons.of(make_execution(backend="far", kernel_name=kernel))
        for kernel in ("python3", "ir")
    }

    assert waiting == {
        "python3": "Waits for its turn.",
        "ir": "Waits for a free slot where the kernel 'ir' is installed.",
    }


async def test_what_this_machine_never_has_is_refused_and_elsewhere_it_may_come(
    places: Places,
) -> None:
    with pytest.raises(InvalidRequestError, match="wait for ever, for this machine that has 1 GPU"):
        await places.check("local", {"GPU": 1})
    await places.check("far", {"GPU": 9})
