"""The local backend holds the contract, with real processes and kernels."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from jupyter_async_exec.backends import local
from jupyter_async_exec.backends.base import AttemptKey, Harvest
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.errors import StartCancelledError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.processes import COOKIE
from jupyter_async_exec.testing.backend_contract import (
    LOOK_INTERVAL_S,
    wait_for_end,
)
from tests.backends.executions import ClaimedContract, claimed
from tests.faults.damage import HAS_FAILING_FILE, failing_reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_async_exec.core.execution import Execution


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


class CancellingObjects(LocalObjectStore):
    """Has somebody cancel while the first file is laid out."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cancel: Callable[[], None] = lambda: None
        self.n_copied = 0

    @override
    def copy_to(self, object_id: str, path: Path, *, executable: bool = False) -> None:
        super().copy_to(object_id, path, executable=executable)
        self.n_copied += 1
        self.cancel()


async def wrote_a_file(
    backend: LocalBackend, objects: LocalObjectStore
) -> tuple[Execution, AttemptKey]:
    """Run an execution that makes a file to its end."""
    writer = claimed(objects, "open('made.txt', 'w').write('here')")
    await backend.start(writer)
    await wait_for_end(backend, writer)
    return writer, AttemptKey(writer.id, 1)


class TestLocalBackend(ClaimedContract):
    @pytest.fixture
    def backend(self, tmp_path: Path, objects: LocalObjectStore) -> LocalBackend:
        return LocalBackend(tmp_path / "attempts", objects=objects, nice=0)

    async def test_an_attempt_is_private(self, backend: LocalBackend, quick: Execution) -> None:
        await backend.start(quick)

        folder = backend._path(AttemptKey(quick.id, 1))

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    @pytest.mark.parametrize("is_early", [True, False], ids=["no folder yet", "in the folder"])
    async def test_a_cancel_ends_a_long_preparation(
        self, backend: LocalBackend, tmp_path: Path, is_early: bool
    ) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        for index in range(3):
            (tree / f"{index}.csv").write_text("1, 2")
        objects = CancellingObjects(tmp_path / "objects")
        backend = LocalBackend(tmp_path / "attempts", objects=objects, nice=0)
        execution = claimed(objects, "1", folder=tree)
        key = AttemptKey(execution.id, 1)
        if is_early:
            await backend.cancel(key)
        else:
            objects.cancel = lambda: backend._cancel(key)

        with pytest.raises(StartCancelledError):
            await backend.start(execution)

        assert objects.n_copied == (0 if is_early else 1)
        assert await backend.attempts() == ()

    async def test_a_harvest_that_came_to_nothing_is_repeated_whole(
        self, backend: LocalBackend, objects: LocalObjectStore
    ) -> None:
        """The record of the first may have failed after the files were kept."""
        writer, key = await wrote_a_file(backend, objects)

        first = await backend.harvest(key, writer)
        again = await backend.harvest(key, writer)
        late = await backend.harvest_late(key)

        assert [artifact.name for artifact in first.artifacts] == ["made.txt"]
        assert again == first
        assert late == Harvest()

    async def test_what_is_written_after_the_harvest_is_harvested_late(
        self, backend: LocalBackend, objects: LocalObjectStore
    ) -> None:
        writer, key = await wrote_a_file(backend, objects)
        await backend.harvest(key, writer)
        folder = next(backend._path(key).glob("work/**/made.txt")).parent
        (folder / "bye.txt").write_text("bye")

        late = await backend.harvest_late(key)

        assert [artifact.name for artifact in late.artifacts] == ["bye.txt"]

    async def test_the_next_server_keeps_late_only_what_changed_after_the_harvest(
        self, backend: LocalBackend, objects: LocalObjectStore, tmp_path: Path
    ) -> None:
        writer, key = await wrote_a_file(backend, objects)
        await backend.harvest(key, writer)
        folder = next(backend._path(key).glob("work/**/made.txt")).parent
        (folder / "bye.txt").write_text("bye")

        next_server = LocalBackend(tmp_path / "attempts", objects=objects, nice=0)
        late = await next_server.harvest_late(key)

        assert [artifact.name for artifact in late.artifacts] == ["bye.txt"]
        assert await next_server.harvest_late(key) == late

    async def test_nobody_writes_any_more_when_late_files_are_kept(
        self, backend: LocalBackend, endless: Execution
    ) -> None:
        key = AttemptKey(endless.id, 1)
        await backend.start(endless)

        await backend.harvest_late(key)

        assert not (await backend.observe(key, offset=0)).alive
        await backend.discard(key)

    @pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
    async def test_what_outlived_a_kill_of_all_three_is_found_by_its_cookie(
        self, backend: LocalBackend, quick: Execution, tmp_path: Path
    ) -> None:
        key = AttemptKey(quick.id, 1)
        directory = backend._path(key)
        sockets = tmp_path / "jae-left"
        sockets.mkdir()
        directory.mkdir(parents=True)
        evidence = {"pid": 2**22 + 1, "started": 1.0, "cookie": str(key), "sockets": str(sockets)}
        (directory / files.SUPERVISOR).write_text(json.dumps(evidence))
        orphan = await asyncio.create_subprocess_exec("sleep", "600", env={COOKIE: str(key)})

        await backend.discard(key)

        assert await asyncio.wait_for(orphan.wait(), 10) == -signal.SIGKILL
        assert not sockets.exists()
        assert not directory.exists()

    async def test_nobody_is_looked_for_after_a_tidy_end(
        self, backend: LocalBackend, quick: Execution, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = AttemptKey(quick.id, 1)
        await backend.start(quick)
        await wait_for_end(backend, quick)
        while (await backend.observe(key, offset=0)).alive:
            await asyncio.sleep(LOOK_INTERVAL_S)

        def look(directory: Path) -> None:
            raise AssertionError(directory)

        monkeypatch.setattr(local, "terminate", look)
        await backend.harvest_late(key)
        await backend.discard(key)

        assert await backend.attempts() == ()

    async def test_a_folder_the_notebook_locked_is_discarded_all_the_same(
        self, backend: LocalBackend, objects: LocalObjectStore
    ) -> None:
        locked = claimed(
            objects, "import os\nos.mkdir('d'); open('d/f', 'w').close(); os.chmod('d', 0)"
        )
        key = AttemptKey(locked.id, 1)
        await backend.start(locked)
        await wait_for_end(backend, locked)

        await backend.discard(key)

        assert await backend.attempts() == ()

    async def test_a_damaged_list_of_files_costs_the_files_and_not_the_notebook(
        self, backend: LocalBackend, quick: Execution
    ) -> None:
        key = AttemptKey(quick.id, 1)
        await backend.start(quick)
        await wait_for_end(backend, quick)
        (backend._path(key) / "baseline.json").write_text("")

        harvest = await backend.harvest(key, quick)

        assert harvest.output_object is not None
        assert [remark.kind for remark in harvest.remarks] == ["files_lost"]

    @pytest.mark.skipif(not HAS_FAILING_FILE, reason="a file whose reads fail is Linux's")
    async def test_an_end_whose_journal_cannot_be_read_for_long_counts_without_it(
        self, tmp_path: Path, objects: LocalObjectStore
    ) -> None:
        backend = LocalBackend(tmp_path / "attempts", objects=objects, nice=0, patience_s=0.0)
        patient = LocalBackend(tmp_path / "attempts", objects=objects, nice=0)
        writer, key = await wrote_a_file(backend, objects)

        with failing_reads(backend._path(key) / files.JOURNAL):
            with pytest.raises(OSError, match="Input/output error"):
                await patient.observe(key, offset=0)
            observation = await backend.observe(key, offset=0)
            harvest = await backend.harvest(key, writer)
            await backend.discard(key)

        assert observation.is_unreadable
        assert observation.result is not None
        assert observation.result.status is Status.SUCCEEDED
        assert harvest.output_object is not None
        assert [artifact.name for artifact in harvest.artifacts] == ["made.txt"]

    @pytest.mark.skipif(not HAS_FAILING_FILE, reason="a file whose reads fail is Linux's")
    async def test_a_runner_that_died_and_whose_journal_cannot_be_read_is_lost(
        self, tmp_path: Path, objects: LocalObjectStore
    ) -> None:
        backend = LocalBackend(tmp_path / "attempts", objects=objects, nice=0, patience_s=0.0)
        writer, key = await wrote_a_file(backend, objects)
        (backend._path(key) / files.RESULT).unlink()

        with failing_reads(backend._path(key) / files.JOURNAL):
            observation = await backend.observe(key, offset=0)
            harvest = await backend.harvest(key, writer)
            await backend.discard(key)

        result = observation.result
        assert result is not None
        assert (result.status, result.reason) == (Status.FAILED, Reason.LOST)
        assert result.message == (
            "The runner is gone and its journal cannot be read (Input/output error): "
            "which cells ran is not known."
        )
        assert observation.is_unreadable
        assert [remark.kind for remark in harvest.remarks] == ["files_lost"]
        assert harvest.output_object is not None

    async def test_a_stray_file_among_the_attempts_is_none(
        self, backend: LocalBackend, tmp_path: Path
    ) -> None:
        (tmp_path / "attempts").mkdir()
        (tmp_path / "attempts" / "note-1").touch()

        assert await backend.attempts() == ()
