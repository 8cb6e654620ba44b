"""A service on an empty store, with one kernel and a backend that does nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.service.ports import KernelInfo
from jupyter_async_exec.service.use_cases import ExecutionService
from jupyter_async_exec.testing.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.store import ExecutionStore


class OneKernel:
    """Python alone is installed."""

    def find(self) -> dict[str, KernelInfo]:
        return {"python3": KernelInfo("python3", "Python 3", "python")}

    def default_name(self) -> str:
        return "python3"


class NoFiles:
    """Notebooks come with each request."""

    async def read(self, path: str) -> JSONObject:
        raise NotImplementedError

    async def create(self, folder: str, name: str, notebook: JSONObject) -> str:
        raise NotImplementedError

    def local_folder(self, path: str) -> Path | None:
        return None

    def local_root(self) -> Path | None:
        return None


def make_service(store: ExecutionStore, folder: Path, **changes: Any) -> ExecutionService:
    """Return a service on `store`."""
    parts: dict[str, Any] = {
        "store": store,
        "objects": LocalObjectStore(folder / "objects"),
        "backends": {"local": ScriptedBackend()},
        "kernels": OneKernel(),
        "notebook_files": NoFiles(),
        "default_slots": 2,
        "data_dir": folder,
        "presence": dict,
    }
    return ExecutionService(**{**parts, **changes})


@pytest.fixture
def service(store: ExecutionStore, tmp_path: Path) -> ExecutionService:
    return make_service(store, tmp_path)
