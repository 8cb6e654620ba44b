"""The house opens by itself as soon as it can, and never after the server began to stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec import app as app_module
from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.app import AsyncExecApp

DEADLINE_S = 60.0


@pytest.fixture
def damaged_store(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put something that is no store in its place, before the server starts."""
    monkeypatch.setattr(app_module, "ADOPTION_INTERVAL_S", 0.01)
    data_dir.mkdir()
    store_file = data_dir / STORE_FILE
    store_file.write_bytes(b"no database, whatever else it may be" * 100)
    return store_file


async def test_a_store_that_opens_only_later_is_adopted_without_being_asked_for(
    damaged_store: Path, jp_serverapp: Any
) -> None:
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_async_exec"]
    await app._start_jupyter_server_extension(jp_serverapp)
    await until_problem(app)

    await asyncio.to_thread(damaged_store.write_bytes, b"")

    async with asyncio.timeout(DEADLINE_S):
        while app._house is None:
            await asyncio.sleep(0.01)
    assert (await app.open_service()) is app._house.service


async def test_a_server_that_stops_while_it_opens_its_house_begins_nothing(
    data_dir: Path, jp_serverapp: Any
) -> None:
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_async_exec"]
    opening = asyncio.create_task(app.open_service())
    await asyncio.sleep(0)

    await app.stop_extension()

    with pytest.raises(UnavailableError):
        await opening
    assert app._house is None
    assert not await asyncio.to_thread((data_dir / "dispatcher.lock").exists)


async def until_problem(app: AsyncExecApp) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not app._problem:
            await asyncio.sleep(0.01)
