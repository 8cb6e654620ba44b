"""What a store in a file has to do with locks, disks and modes."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import DiskFullError, UnavailableError
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.store.sqlite.database import SQLite
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store_url(store_file: Path) -> str:
    return f"sqlite:///{store_file}"


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


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "store.sqlite"

    ExecutionStore(f"sqlite:///{path}").close()

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.fixture
def database(store: ExecutionStore) -> SQLite:
    assert isinstance(store._database, SQLite)
    return store._database


def test_a_full_disk_accepts_nothing_but_lets_the_rest_end(
    store: ExecutionStore, database: SQLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.accept(make_submission())
    claimed = store.claim(backend="local")
    assert claimed is not None
    _set_page_limit(database, spare=0)
    # Stands for the room that removing the ballast makes.
    monkeypatch.setattr(database, "make_room", lambda: _drop_ballast(database))

    with pytest.raises(DiskFullError, match="is full"):
        store.accept(make_submission(provenance={"long": "x" * 100_000}))
    assert database.ballast._path.exists()
    ended = store.record(
        claimed.id,
        1,
        [ExecutionFinished(at=SOME_MOMENT, status=Status.FAILED, message="x" * 100_000)],
    )

    assert ended.is_final
    assert not database.ballast._path.exists()
    assert store.trash(1).deleted_at is not None


def _drop_ballast(database: SQLite) -> bool:
    is_room = database.ballast.drop()
    if is_room:
        _set_page_limit(database, spare=1_000)
    return is_room


def _set_page_limit(database: SQLite, *, spare: int) -> None:
    with database.write_engine.connect() as connection:
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
