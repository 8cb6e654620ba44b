"""A store is upgraded whole or not at all, and never by a release that does not know it."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from jupyter_async_exec.errors import NewerStoreError, UnavailableError
from jupyter_async_exec.store import ExecutionStore, tables
from jupyter_async_exec.store.migrate import MIGRATIONS, known_formats
from jupyter_async_exec.store.sqlite.upgrade import migrate
from jupyter_async_exec.testing.factories import make_submission

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = known_formats()[-1]
#: Of which SQLAlchemy knows nothing, and PostgreSQL's alone.
NOT_COMPARED = ("execution_search", "ix_executions_listed")
LATER = f"{int(KNOWN) + 1:04}"
#: Stands for a later release's migration; what it does at the end is up to the test.
NEXT_FORMAT = """
import os, signal
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = "{known}"

def upgrade():
    op.create_table("later", sa.Column("x", sa.Integer))
    with op.batch_alter_table("executions") as batch:
        batch.add_column(sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE settings SET value = '0'")
    {end}
"""
MIGRATE = """
import sys
from pathlib import Path
from jupyter_async_exec.store.sqlite.upgrade import migrate
migrate(Path(sys.argv[1]), mode="WAL", busy_timeout_s=5.0, migrations=Path(sys.argv[2]))
"""


@pytest.fixture
def store_url(store_file: Path) -> str:
    return f"sqlite:///{store_file}"


@pytest.fixture
def later(tmp_path: Path) -> Callable[[str], Path]:
    """Make the migrations of a release that knows one format more."""

    def make(end: str) -> Path:
        folder = tmp_path / "later 100%"
        shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        text = NEXT_FORMAT.format(end=end, revision=LATER, known=KNOWN)
        (folder / "versions" / f"f{LATER}_later.py").write_text(text)
        return folder

    return make


def test_the_tables_are_what_the_migrations_make(store_file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{store_file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda _o, name, *_: not name.startswith(NOT_COMPARED)},
        )
        differences = compare_metadata(context, tables.metadata)
        made = dict(
            _query(
                store_file,
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
            )
        )
    engine.dispose()

    assert differences == []
    for table in tables.metadata.tables.values():
        for index in table.indexes:
            if str(index.name).startswith(NOT_COMPARED):
                continue
            statement = str(sa.schema.CreateIndex(index).compile(dialect=engine.dialect))
            assert made.pop(str(index.name)) == statement
    assert made == {}


def test_an_older_store_is_upgraded_after_a_backup(
    store: ExecutionStore, store_file: Path, later: Callable[[str], Path]
) -> None:
    store.accept(make_submission())
    store.settings.put("slots", 3)
    store.close()

    migrate(store_file, mode="WAL", busy_timeout_s=5.0, migrations=later("pass"))

    backup = store_file.with_name(f"store.sqlite.before-{LATER}")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert _query(store_file, "SELECT version_num FROM alembic_version") == [(LATER,)]
    assert _query(store_file, "SELECT number, priority FROM executions") == [(1, 0)]
    assert _query(store_file, "SELECT value FROM settings") == [("0",)]
    with closing(ExecutionStore(f"sqlite:///{backup}")) as before:
        assert before.get(1).title == "train"
        assert before.settings.get("slots") == 3


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError"])
def test_an_upgrade_that_dies_leaves_nothing_half(
    store: ExecutionStore, store_file: Path, later: Callable[[str], Path], end: str
) -> None:
    accepted, _ = store.accept(make_submission())
    store.settings.put("slots", 3)
    store.close()
    schema = _query(store_file, "SELECT name, sql FROM sqlite_master ORDER BY name")

    ended = subprocess.run(
        [sys.executable, "-c", MIGRATE, str(store_file), str(later(end))],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode in (-signal.SIGKILL, 1)
    assert _query(store_file, "SELECT name, sql FROM sqlite_master ORDER BY name") == schema
    assert _query(store_file, "PRAGMA integrity_check") == [("ok",)]
    with closing(ExecutionStore(f"sqlite:///{store_file}")) as again:
        assert again.get(1) == accepted
        assert again.settings.get("slots") == 3


def test_a_first_start_that_dies_is_no_store_and_the_next_makes_one(
    tmp_path: Path, later: Callable[[str], Path]
) -> None:
    path = tmp_path / "new.sqlite"
    path.touch()
    folder = later("os.kill(os.getpid(), signal.SIGKILL)")

    subprocess.run([sys.executable, "-c", MIGRATE, str(path), str(folder)], check=False, timeout=60)

    assert _query(path, "SELECT name FROM sqlite_master") == []
    with closing(ExecutionStore(f"sqlite:///{path}")) as store:
        assert store.accept(make_submission())[0].number == 1


def test_a_newer_store_is_refused_unharmed(store: ExecutionStore, store_file: Path) -> None:
    store.accept(make_submission())
    store.close()
    with closing(sqlite3.connect(store_file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = store_file.read_bytes()

    with pytest.raises(NewerStoreError, match=r"newer release \(format 9999; .* Nothing was"):
        ExecutionStore(f"sqlite:///{store_file}")

    assert store_file.read_bytes() == before


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()

    with pytest.raises(UnavailableError, match="another program"):
        ExecutionStore(f"sqlite:///{path}")

    assert path.read_bytes() == before


@pytest.mark.slow
def test_several_processes_may_make_one_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    path.touch()

    makers = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, str(path), str(MIGRATIONS)])
        for _ in range(3)
    ]

    assert [maker.wait(60) for maker in makers] == [0, 0, 0]
    assert _query(path, "SELECT count(*) FROM alembic_version") == [(1,)]


def test_every_format_has_a_store_in_compat() -> None:
    stores = Path(__file__).parents[1] / "compat" / "stores"

    kept = sorted(path.stem.removeprefix("format-") for path in stores.glob("format-*.sqlite"))

    assert kept == known_formats()


def _query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()
