"""What attempts on a worker left comes back whole, checked, and from where it lies."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.backends.dask import harvesting, parcels, results
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.objects import lending
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.testing.backend_contract import wait_for_end
from tests.backends.dask.nearby import scene
from tests.backends.dask.steps import key_of
from tests.backends.executions import claimed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.backends.base import AttemptKey, Harvest
    from jupyter_async_exec.core.execution import Execution
    from tests.backends.dask.nearby import NearLink

pytestmark = pytest.mark.slow

MADE = "import os\nopen('made', 'wb').write(os.urandom(95_000))"


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


@pytest.fixture
def lends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lend files of some size, which travel in pieces of some less."""
    monkeypatch.setattr(lending, "LENT_BYTES", 50_000)
    monkeypatch.setattr(parcels, "PIECE_BYTES", 10_000)


def made_there(folder: Path) -> Path:
    """Return the file on the worker."""
    (path,) = (folder / "machine").rglob("made")
    return path


def before_piece(
    monkeypatch: pytest.MonkeyPatch, link: NearLink, number: int, act: Callable[[], None]
) -> None:
    """Act right before so many pieces have been asked for, once."""
    ask = link.ask
    n_asked = 0

    async def act_and_ask(*arguments: Any, **options: Any) -> Any:
        nonlocal n_asked
        n_asked += arguments[1] == "take"
        if n_asked == number:
            n_asked += 1
            act()
        return await ask(*arguments, **options)

    monkeypatch.setattr(link, "ask", act_and_ask)


@pytest.mark.usefixtures("lends")
async def test_a_large_file_travels_from_where_it_lies(
    objects: LocalObjectStore, tmp_path: Path
) -> None:
    async with scene(tmp_path, objects) as (backend, _):
        large = claimed(objects, MADE)
        await backend.start(large)
        await wait_for_end(backend, large)

        harvest = await backend.harvest(key_of(large), large)

        (artifact,) = harvest.artifacts
        assert objects.get(artifact.object_id) == made_there(tmp_path).read_bytes()
        copies = list((tmp_path / "machine").rglob("results/*/*/??/*"))
        assert artifact.object_id not in [path.parent.name + path.name for path in copies]
        assert copies  # Of what is small.


@pytest.mark.usefixtures("lends")
async def test_a_file_that_changes_on_its_way_comes_as_it_is_then(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grow() -> None:
        with made_there(tmp_path).open("ab") as growing:
            growing.write(b"more")

    async with scene(tmp_path, objects) as (backend, link):
        large = claimed(objects, MADE)
        await backend.start(large)
        await wait_for_end(backend, large)
        before_piece(monkeypatch, link, 4, grow)

        with pytest.raises(UnavailableError, match="changed meanwhile"):
            await backend.harvest(key_of(large), large)
        harvest = await backend.harvest(key_of(large), large)

        (artifact,) = harvest.artifacts
        assert objects.get(artifact.object_id) == made_there(tmp_path).read_bytes()
        assert artifact.size_bytes == 95_004
        assert harvest.remarks == ()


@pytest.mark.usefixtures("lends")
async def test_a_change_that_shows_in_no_time_never_passes_for_what_was_there(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change() -> None:
        path = made_there(tmp_path)
        status = path.stat()
        with path.open("r+b") as file:
            file.seek(90_000)
            file.write(b"other")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    async with scene(tmp_path, objects) as (backend, link):
        large = claimed(objects, MADE)
        await backend.start(large)
        await wait_for_end(backend, large)
        before_piece(monkeypatch, link, 1, change)

        with pytest.raises(UnavailableError, match="begins anew"):
            await backend.harvest(key_of(large), large)
        harvest = await backend.harvest(key_of(large), large)

        (artifact,) = harvest.artifacts
        assert objects.get(artifact.object_id) == made_there(tmp_path).read_bytes()


async def test_results_that_take_long_to_gather_are_gathered_once(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_harvests = 0
    harvest_there = LocalBackend.harvest

    async def harvest_slowly(self: LocalBackend, key: AttemptKey, execution: Execution) -> Harvest:
        nonlocal n_harvests
        n_harvests += 1
        while link.asked.count("harvest") < 3:
            await asyncio.sleep(0.01)
        return await harvest_there(self, key, execution)

    monkeypatch.setattr(results, "PATIENCE_S", 0.01)
    monkeypatch.setattr(LocalBackend, "harvest", harvest_slowly)
    async with scene(tmp_path, objects) as (backend, link):
        quick = claimed(objects, "open('made', 'w').write('it')")
        await backend.start(quick)
        await wait_for_end(backend, quick)

        harvest = await backend.harvest(key_of(quick), quick)

        assert n_harvests == 1
        assert [objects.get(each.object_id) for each in harvest.artifacts] == [b"it"]
        assert "take" not in link.asked


async def test_large_files_travel_while_others_are_gathered(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harvest_there = LocalBackend.harvest

    async def harvest_and_linger(
        self: LocalBackend, key: AttemptKey, execution: Execution
    ) -> Harvest:
        harvest = await harvest_there(self, key, execution)
        async with asyncio.timeout(30):
            while "take" not in link.asked:
                await asyncio.sleep(0.01)
        return harvest

    monkeypatch.setattr(results, "EARLY_BYTES", 10_000)
    monkeypatch.setattr(LocalBackend, "harvest", harvest_and_linger)
    async with scene(tmp_path, objects) as (backend, link):
        made = "import os\nfor i in range(2): open(f'{i}', 'wb').write(os.urandom(20_000))"
        large = claimed(objects, made)
        await backend.start(large)
        await wait_for_end(backend, large)

        harvest = await backend.harvest(key_of(large), large)
        await backend.discard(key_of(large))

        assert [len(objects.get(each.object_id)) for each in harvest.artifacts] == [20_000] * 2
        assert list((tmp_path / "machine").rglob("results/*/*")) == []


async def test_what_a_worker_began_to_send_before_it_was_started_anew_is_not_lost(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "PIECE_BYTES", 10_000)
    async with scene(tmp_path, objects) as (backend, link):
        large = claimed(objects, "import os\nopen('made', 'wb').write(os.urandom(20_000))")
        await backend.start(large)
        await wait_for_end(backend, large)
        link.unknown = {"take"}

        with pytest.raises(UnavailableError, match="begins anew"):
            await backend.harvest(key_of(large), large)
        link.unknown = set()
        harvest = await backend.harvest(key_of(large), large)

        assert [len(objects.get(each.object_id)) for each in harvest.artifacts] == [20_000]
        assert harvest.remarks == ()


async def test_large_files_come_in_pieces_several_of_which_are_under_way(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "PIECE_BYTES", 10_000)
    async with scene(tmp_path, objects) as (backend, link):
        made = "import os\nfor i in range(3): open(f'{i}', 'wb').write(os.urandom(95_000))"
        large = claimed(objects, made)
        await backend.start(large)
        await wait_for_end(backend, large)

        harvest = await backend.harvest(key_of(large), large)

        assert [len(objects.get(each.object_id)) for each in harvest.artifacts] == [95_000] * 3
        assert link.most_at_once["take"] == harvesting.N_UNDER_WAY
        assert objects.leftovers() == ()


async def test_what_came_of_a_large_file_goes_with_the_attempt(
    objects: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "PIECE_BYTES", 10_000)
    async with scene(tmp_path, objects) as (backend, link):
        large = claimed(objects, MADE)
        await backend.start(large)
        await wait_for_end(backend, large)
        before_piece(monkeypatch, link, 3, lambda: setattr(link, "is_cut", True))
        with pytest.raises(UnavailableError):
            await backend.harvest(key_of(large), large)
        assert list((tmp_path / "objects").glob(".new-*"))

        await backend.discard(key_of(large))

        assert not list((tmp_path / "objects").glob(".new-*"))
        assert not await backend.attempts()
