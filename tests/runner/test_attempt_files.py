"""Task, lock and result: written whole, read strictly, concluded truthfully."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.execution import CellError, Limits, Reason, Status
from jupyter_async_exec.errors import ConflictError, InvalidRequestError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.conclude import conclude_attempt
from jupyter_async_exec.runner.end_requests import find_request, note_signal, request_cancel
from jupyter_async_exec.runner.journal import (
    JournalWriter,
    iterate_journal,
    read_events,
    read_journal,
)
from jupyter_async_exec.runner.json_text import encode_json
from jupyter_async_exec.runner.launch import launch, remote_environment, safe_environment
from jupyter_async_exec.runner.lock import is_held, take_lock
from jupyter_async_exec.runner.result import (
    LARGEST_RESULT_BYTES,
    Result,
    conclude,
    conclude_lost,
    read_result,
    write_result,
)
from jupyter_async_exec.runner.task import Task, read_task, write_task
from tests.faults.damage import HAS_FAILING_FILE, failing_reads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASK = Task(
    execution_id="a" * 32,
    number=3,
    attempt=2,
    folder="/tmp",
    kernel_name="python3",
    language="python",
    parameters={"x": [1, {"y": "é"}]},
    limits=Limits(run_time_s=5.0),
)
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def test_a_task_is_read_as_written(tmp_path: Path) -> None:
    write_task(tmp_path, TASK)

    assert read_task(tmp_path) == TASK
    assert (tmp_path / files.TASK).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_task_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / files.TASK).write_text(content)

    with pytest.raises(InvalidRequestError):
        read_task(tmp_path)


def test_a_lock_is_held_until_its_last_copy_is_closed(tmp_path: Path) -> None:
    assert not is_held(tmp_path)

    first = take_lock(tmp_path)
    second = os.dup(first)
    with pytest.raises(ConflictError):
        take_lock(tmp_path)
    os.close(first)
    assert is_held(tmp_path)
    os.close(second)

    assert not is_held(tmp_path)


def test_probes_never_keep_anyone_from_taking_the_lock(tmp_path: Path) -> None:
    (tmp_path / files.LOCK).touch()
    stop = threading.Event()

    def probe() -> None:
        while not stop.is_set():
            is_held(tmp_path)

    threads = [threading.Thread(target=probe) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            os.close(take_lock(tmp_path))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_two_launches_are_one(tmp_path: Path) -> None:
    write_task(tmp_path, TASK)
    lock = take_lock(tmp_path)

    with pytest.raises(ConflictError):
        launch(tmp_path)
    os.close(lock)


def test_the_environment_of_a_runner_holds_no_secret_of_the_server() -> None:
    kept = {
        "PATH": "/bin",
        "JUPYTER_PATH": "/x",
        "JUPYTERHUB_USER": "me",
        "MY_TOKEN": "mine",
        "JUPYTER_ASYNC_EXEC_DATA_DIR": "/data",
        # The notebook may have a database of its own.
        "PGPASSWORD": "mine",
    }
    secret = {
        "JUPYTER_TOKEN": "s",
        "JUPYTERHUB_API_TOKEN": "s",
        "JPY_API_TOKEN": "s",
        "CONFIGPROXY_AUTH_TOKEN": "s",
        "JUPYTER_ASYNC_EXEC_STORE_URL": "postgresql://ada:s@host/executions",
    }

    assert safe_environment(kept | secret) == kept


def test_what_opens_a_database_does_not_go_to_other_machines() -> None:
    kept = {"PATH": "/bin", "PGI": "/opt/compiler", "PGTZ": "UTC"}
    names = ("HOST", "PORT", "USER", "DATABASE", "PASSWORD", "PASSFILE", "SERVICE", "SSLKEY")
    secret = {f"PG{name}": "s" for name in names} | {
        "JUPYTER_ASYNC_EXEC_STORE_URL": "postgresql://ada:s@host/executions",
        "JUPYTER_TOKEN": "s",
    }

    assert remote_environment(kept | secret) == kept


def test_a_result_is_read_as_written(tmp_path: Path) -> None:
    error = CellError(cell_index=1, ename="E", evalue="\ud800", traceback=("\x1b[31m", "x"))
    result = Result(
        attempt=2,
        status=Status.FAILED,
        reason=Reason.CELL_ERROR,
        message="m",
        error=error,
        started_at=NOW,
        finished_at=NOW,
        cells_total=3,
        machine={"host": "h"},
    )
    write_result(tmp_path, result)

    read = read_result(tmp_path)
    assert read is not None
    assert read.error is not None
    assert read.error.evalue == "\N{REPLACEMENT CHARACTER}"
    assert (read.status, read.started_at, read.machine) == (Status.FAILED, NOW, {"host": "h"})


@pytest.mark.parametrize("character", ["x", "\x1b", "\N{PILE OF POO}"])
def test_a_result_is_read_however_long_its_error_was(tmp_path: Path, character: str) -> None:
    long = character * 1_000_000
    error = CellError(
        cell_index=1, ename=long, evalue=long, traceback=(long,) * 300 + ("the last line",)
    )
    write_result(
        tmp_path,
        Result(
            attempt=2,
            status=Status.FAILED,
            reason=Reason.CELL_ERROR,
            message=long,
            error=error,
            finished_at=NOW,
        ),
    )

    read = read_result(tmp_path)

    assert read is not None
    assert read.error is not None
    assert read.error.traceback[-1] == "the last line"
    assert len(read.error.traceback) > 10


def test_a_forged_machine_costs_no_result(tmp_path: Path) -> None:
    machine = {"host": "h" * LARGEST_RESULT_BYTES}
    result = Result(attempt=2, status=Status.SUCCEEDED, finished_at=NOW, machine=machine)

    write_result(tmp_path, result)

    read = read_result(tmp_path)
    assert read is not None
    assert read.status is Status.SUCCEEDED


JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(JSON, st.sampled_from([1, "failed", "lost", "2026-11-21T00:00:00Z"]))
        for name in (
            "format", "attempt", "status", "reason", "message", "error", "started_at",
            "finished_at", "cells_total", "machine",
        )
    },
)  # fmt: skip


@given(FIELDS)
def test_no_result_makes_the_reader_raise(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("r")
    (directory / files.RESULT).write_bytes(encode_json(fields))

    read = read_result(directory)

    assert read is None or read.status.is_final


def test_a_result_that_is_no_plain_file_or_too_big_is_none(tmp_path: Path) -> None:
    path = tmp_path / files.RESULT
    os.mkfifo(path)
    assert read_result(tmp_path) is None
    path.unlink()

    (tmp_path / "other").write_text("{}")
    path.symlink_to(tmp_path / "other")
    assert read_result(tmp_path) is None
    path.unlink()

    path.mkdir()
    assert read_result(tmp_path) is None
    path.rmdir()

    path.write_bytes(b"[" * 5_000_000)
    assert read_result(tmp_path) is None
    path.write_bytes(b"[" * 1_000_000)
    assert read_result(tmp_path) is None


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Let every opening of a file fail with EMFILE."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_result_that_cannot_be_read_now_is_not_taken_for_absent(tmp_path: Path) -> None:
    assert read_result(tmp_path / "absent") is None

    with no_descriptors_left(), pytest.raises(OSError, match="Too many open files"):
        read_result(tmp_path)


class TestConcludeLost:
    def test_a_journal_that_cannot_be_read_now_concludes_nothing(self, tmp_path: Path) -> None:
        """Else what has run would count as never begun, and run again."""
        self.write(tmp_path, ("cell_started", {"cell_index": 0}))
        journal = tmp_path / files.JOURNAL

        with no_descriptors_left():
            for look in (read_events, read_journal, lambda path: list(iterate_journal(path))):
                with pytest.raises(OSError, match="Too many open files"):
                    look(journal)
            with pytest.raises(OSError, match="Too many open files"):
                conclude_lost(tmp_path)

        assert conclude_lost(tmp_path).started_at == NOW

    @pytest.mark.skipif(not HAS_FAILING_FILE, reason="a file whose reads fail is Linux's")
    def test_an_attempt_that_cannot_be_read_now_is_not_concluded(self, tmp_path: Path) -> None:
        """Whoever finds a result asks no further: its notebook would never be rebuilt."""
        self.write(tmp_path, ("cell_started", {"cell_index": 0}))
        (tmp_path / files.SOURCE).write_text('{"cells": []}')

        with (
            failing_reads(tmp_path / files.SOURCE),
            pytest.raises(OSError, match="Input/output error"),
        ):
            conclude_attempt(tmp_path)

        assert read_result(tmp_path) is None
        conclude_attempt(tmp_path)
        assert (tmp_path / files.OUTPUT).exists()

    def write(self, directory: Path, *records: tuple[str, dict[str, Any]]) -> None:
        write_task(directory, TASK)
        writer = JournalWriter(directory / files.JOURNAL, clock=lambda: NOW)
        for kind, fields in records:
            writer.append(writer.stamp(kind, fields))
        writer.close()

    def test_without_a_journal_nothing_ran(self, tmp_path: Path) -> None:
        write_task(tmp_path, TASK)

        result = conclude_lost(tmp_path)

        assert (result.status, result.reason) == (Status.FAILED, Reason.LOST)
        assert (result.started_at, result.attempt) == (None, 2)
        assert result.message == "The runner disappeared before the first cell."

    def test_started_but_no_cell_was_sent(self, tmp_path: Path) -> None:
        self.write(tmp_path, ("execution_started", {"cells_total": 2}))

        assert conclude_lost(tmp_path).started_at is None

    def test_in_a_cell(self, tmp_path: Path) -> None:
        self.write(
            tmp_path,
            ("execution_started", {"cells_total": 2, "machine": {"host": "h"}}),
            ("cell_started", {"cell_index": 4}),
        )

        result = conclude_lost(tmp_path)

        assert result.started_at == NOW
        assert (result.cells_total, result.machine) == (2, {"host": "h"})
        assert result.message == "The runner disappeared while cell 5 was running."

    def test_an_end_in_the_journal_is_the_end(self, tmp_path: Path) -> None:
        self.write(
            tmp_path,
            ("cell_started", {"cell_index": 0}),
            ("cell_finished", {"cell_index": 0, "status": "ok"}),
            ("execution_finished", {"status": "succeeded", "cells_total": 1}),
        )

        assert conclude_lost(tmp_path).status is Status.SUCCEEDED

    def test_an_end_written_for_a_dead_runner_says_that_cells_may_have_run(
        self, tmp_path: Path
    ) -> None:
        """Else whoever is killed while concluding makes the next one run it again."""
        self.write(
            tmp_path,
            ("execution_started", {"cells_total": 2, "machine": {"host": "h"}}),
            ("cell_started", {"cell_index": 0}),
        )
        conclude_attempt(tmp_path)
        (tmp_path / files.RESULT).unlink()

        result = conclude_lost(tmp_path)

        assert (result.status, result.reason) == (Status.FAILED, Reason.LOST)
        assert result.started_at == NOW
        assert (result.cells_total, result.machine) == (2, {"host": "h"})

    def test_who_asked_for_the_end_gets_it(self, tmp_path: Path) -> None:
        self.write(tmp_path, ("cell_started", {"cell_index": 0}))
        request_cancel(tmp_path)
        note_signal(tmp_path, "SIGTERM (signal 15)")

        assert conclude_lost(tmp_path).status is Status.CANCELLED

    def test_what_a_signal_ended_was_cancelled_by_nobody(self, tmp_path: Path) -> None:
        self.write(tmp_path, ("cell_started", {"cell_index": 0}))
        note_signal(tmp_path, "SIGTERM (signal 15) from process 1 (init)")
        note_signal(tmp_path, "SIGHUP (signal 1)")

        result = conclude_lost(tmp_path)

        assert (result.status, result.reason) == (Status.FAILED, Reason.LOST)
        assert result.message == (
            "It was told to end by SIGTERM (signal 15) from process 1 (init); nobody cancelled "
            "it. The runner disappeared while cell 1 was running."
        )

    def test_a_signal_counts_where_there_is_no_room_to_say_which(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(files, "write_whole", fail)
        note_signal(tmp_path, "SIGTERM (signal 15)")

        ending = find_request(tmp_path)

        assert ending is not None
        assert ending.message == "It was told to end by a signal; nobody cancelled it."

    def test_memory_is_blamed_on_evidence_only(self) -> None:
        ended = {"signal": 9, "exit_code": None, "out_of_memory": True}

        blamed = conclude([], evidence={"engine_ended": ended}, attempt=1)
        unclear = conclude(
            [], evidence={"engine_ended": ended | {"out_of_memory": False}}, attempt=1
        )

        assert blamed.reason is Reason.OUT_OF_MEMORY
        assert unclear.reason is Reason.LOST
        assert unclear.message == (
            "The runner was killed by SIGKILL (signal 9) before the first cell."
        )
