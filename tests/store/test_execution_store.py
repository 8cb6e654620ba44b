"""The SQLite store keeps the contract, among threads and processes too."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import (
    ConflictError,
    DiskFullError,
    InvalidRequestError,
    UnavailableError,
)
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission
from jupyter_async_exec.testing.store_contract import ExecutionStoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLAIMER = """
import sys
from jupyter_async_exec.store import ExecutionStore
store = ExecutionStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
while (claimed := store.claim(backend="local")) is not None:
    print(claimed.number, claimed.attempt)
store.close()
"""


class TestExecutionStore(ExecutionStoreContract):
    @pytest.fixture
    def store(self, store_file: Path) -> Iterator[ExecutionStore]:
        store = ExecutionStore(f"sqlite:///{store_file}")
        yield store
        store.close()


@pytest.mark.slow
def test_two_processes_never_claim_the_same_execution(
    store: ExecutionStore, store_file: Path
) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: store.accept(make_submission()), range(1_000)))

    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, f"sqlite:///{store_file}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    outputs = [""] * len(claimers)

    def go(index: int) -> None:
        outputs[index], _ = claimers[index].communicate("go\n", timeout=60)

    threads = [threading.Thread(target=go, args=(index,)) for index in range(len(claimers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leases = [line.split() for output in outputs for line in output.splitlines()]

    assert sorted(int(number) for number, _ in leases) == list(range(1, 1_001))
    assert {attempt for _, attempt in leases} == {"1"}
    assert all(outputs)
    assert store.counts().running == 1_000


@pytest.mark.slow
def test_a_foreign_lock_of_two_seconds_loses_nothing(
    store: ExecutionStore, store_file: Path
) -> None:
    with closing(sqlite3.connect(store_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        threads = [
            threading.Thread(target=store.accept, args=(make_submission(),)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        began_s = time.monotonic()
        while time.monotonic() - began_s < 2.0:
            assert store.find(ExecutionQuery()).executions == ()
            threads[0].join(0.1)
        other.execute("COMMIT")
        for thread in threads:
            thread.join(10.0)

    assert len(store.find(ExecutionQuery()).executions) == 4


def test_a_lock_held_too_long_is_said_in_a_sentence(store_file: Path) -> None:
    with (
        closing(ExecutionStore(f"sqlite:///{store_file}", busy_timeout_s=0.1)) as store,
        closing(sqlite3.connect(store_file, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(UnavailableError, match="another program holds its lock"):
            store.accept(make_submission())

        other.execute("ROLLBACK")
        assert store.accept(make_submission())[0].number == 1


def test_another_process_commit_is_noticed(store: ExecutionStore, store_file: Path) -> None:
    before = store.data_version()

    with closing(ExecutionStore(f"sqlite:///{store_file}")) as other:
        other.accept(make_submission())

    assert store.data_version() != before
    assert [execution.number for execution in store.changes_since(0)] == [1]


def test_many_threads_share_the_writer(store: ExecutionStore) -> None:
    def submit() -> None:
        for _ in range(20):
            store.accept(make_submission())

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [execution.number for execution in store.iterate()] == list(range(1, 161))
    assert store.last_rev() == 160


def test_one_refused_change_does_not_spoil_its_neighbours(store: ExecutionStore) -> None:
    blocked, entered = threading.Event(), threading.Event()
    problems: list[Exception] = []

    def block(_connection: object) -> None:
        entered.set()
        blocked.wait(10.0)

    def trash() -> None:
        try:
            store.trash(1)
        except ConflictError as error:
            problems.append(error)

    store.accept(make_submission())
    threads = [threading.Thread(target=store._writer.run, args=(block,))]
    threads[0].start()
    entered.wait(10.0)
    threads += [threading.Thread(target=trash)]
    threads += [threading.Thread(target=store.accept, args=(make_submission(),)) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    blocked.set()
    for thread in threads:
        thread.join(10.0)

    assert len(problems) == 1
    assert len(store.find(ExecutionQuery()).executions) == 4


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "store.sqlite"

    ExecutionStore(f"sqlite:///{path}").close()

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_full_disk_accepts_nothing_but_lets_the_rest_end(store: ExecutionStore) -> None:
    store.accept(make_submission())
    claimed = store.claim(backend="local")
    assert claimed is not None
    _set_page_limit(store, spare=0)
    # Stands for the room that removing the ballast makes.
    store._writer._make_room = lambda: _drop_ballast(store)

    with pytest.raises(DiskFullError, match="is full"):
        store.accept(make_submission(provenance={"long": "x" * 100_000}))
    assert store._ballast._path.exists()
    ended = store.record(
        claimed.id,
        1,
        [ExecutionFinished(at=SOME_MOMENT, status=Status.FAILED, message="x" * 100_000)],
    )

    assert ended.is_final
    assert not store._ballast._path.exists()
    assert store.trash(1).deleted_at is not None


def _drop_ballast(store: ExecutionStore) -> bool:
    is_room = store._ballast.drop()
    if is_room:
        _set_page_limit(store, spare=1_000)
    return is_room


def _set_page_limit(store: ExecutionStore, *, spare: int) -> None:
    with store._write_engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + spare}")


def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"certainly no database" * 1_000)

    with pytest.raises(UnavailableError, match="is damaged and was left as it is"):
        ExecutionStore(f"sqlite:///{path}")

    assert path.read_bytes() == b"certainly no database" * 1_000


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be opened"):
        ExecutionStore(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    "url", ["", "x", "postgresql://h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///"]
)
def test_a_url_of_no_file_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError):
        ExecutionStore(url)


def test_a_closed_store_says_so(store_file: Path) -> None:
    store = ExecutionStore(f"sqlite:///{store_file}")
    store.close()
    store.close()

    for call in (lambda: store.get(1), lambda: store.claim(backend="local"), store.data_version):
        with pytest.raises(UnavailableError, match=r"^The store is closed\.$"):
            call()
