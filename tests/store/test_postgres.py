"""What a store on PostgreSQL does when its server is busy, away, new, old or somebody else's."""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import exc

from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    DiskFullError,
    InvalidRequestError,
    NewerStoreError,
    OutcomeUnknownError,
    UnavailableError,
)
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore, tables
from jupyter_async_exec.store.postgres import database, finding, full_text
from jupyter_async_exec.store.postgres.connect import STORE_LOCK, name_of
from jupyter_async_exec.store.postgres.errors import explain
from jupyter_async_exec.store.postgres.full_text import as_tsquery
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_submission
from tests.store.cutting import Cut, Cutter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import Cluster

NAME = "The database jobs on db.example.org"


@pytest.fixture
def store_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def cutter(cluster: Cluster) -> Iterator[tuple[Cutter, Path]]:
    # Names of sockets are short: not below pytest's folder.
    folder = Path(tempfile.mkdtemp(prefix="cut-"))
    cutter = Cutter(folder, cluster.folder)
    yield cutter, folder
    cutter.close()
    shutil.rmtree(folder)


def numbers(store: ExecutionStore) -> list[int]:
    return [each.number for each in store.find(ExecutionQuery()).executions]


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("55P03", UnavailableError, "another program"),
        ("40P01", UnavailableError, "another program"),
        ("53100", DiskFullError, "no room"),
        ("53300", UnavailableError, "no more connections"),
        ("23505", ConflictError, "already"),
        ("25006", UnavailableError, "standby"),
        ("42501", UnavailableError, "does not permit"),
        ("54000", InvalidRequestError, "too long"),
        ("57P03", UnavailableError, "cannot be reached: starting up. Try again."),
        ("XX001", UnavailableError, "damaged"),
    ],
)
def test_every_complaint_becomes_a_sentence(
    code: str, kind: type[AsyncExecError], words: str
) -> None:
    cause = psycopg.errors.lookup(code)("starting up")
    error = exc.OperationalError("SELECT 1", {}, cause)

    explained = explain(error, NAME)

    assert type(explained) is kind
    assert words in explained.message
    assert explained.message.endswith(".")


def test_no_sentence_holds_a_password() -> None:
    url = sa.make_url("postgresql://ada:hidden@db.example.org/jobs")

    assert name_of(url) == NAME


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"^The database jobs on .* cannot be reached: .*"):
        ExecutionStore(f"postgresql://ada:hidden@/jobs?host={tmp_path}", busy_timeout_s=0.5)


def test_a_question_in_postgresqls_words_has_its_block() -> None:
    question = '"learn"* AND ("0.01" OR "#x"*)'

    assert as_tsquery(question) == "'~|learn':* & ('~|0.01' | '~|#x':*)"


# ---------------------------------------------------------------- what it opens


def test_the_tables_are_what_the_migrations_make(store: ExecutionStore) -> None:
    ours = {"execution_search", "ix_execution_search_words", "writers"}
    with store._database.read_engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _o, name, *_: name not in ours,
                "compare_type": True,
            },
        )
        differences = compare_metadata(context, tables.metadata)

    assert differences == []


def test_text_is_in_the_order_of_its_bytes(store: ExecutionStore) -> None:
    with store._database.read_engine.connect() as connection:
        wrong = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE data_type = "
            "'text' AND table_schema = 'public' AND collation_name IS DISTINCT FROM 'C'"
        ).all()

    assert wrong == []


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("CREATE TABLE theirs (x int)", UnavailableError, "tables of another program"),
        (
            "CREATE TABLE executions (x int); CREATE TABLE alembic_version (version_num text);"
            "INSERT INTO alembic_version VALUES ('9999')",
            NewerStoreError,
            r"newer release \(format 9999",
        ),
    ],
)
def test_what_is_not_ours_is_left_alone(
    cluster: Cluster, statement: str, kind: type[AsyncExecError], words: str
) -> None:
    url = cluster.create("theirs")
    try:
        cluster.sql(statement, "theirs")

        with pytest.raises(kind, match=words):
            ExecutionStore(url)

        assert cluster.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'history'") == "0"
    finally:
        cluster.drop("theirs")


def test_a_database_that_cannot_hold_every_character_is_refused(cluster: Cluster) -> None:
    cluster.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(UnavailableError, match="Create it with ENCODING 'UTF8'"):
            ExecutionStore(cluster.url("latin"))
    finally:
        cluster.drop("latin")


def test_several_processes_may_make_one_store_at_once(cluster: Cluster) -> None:
    url = cluster.create("fresh")
    try:
        threads = [threading.Thread(target=lambda: ExecutionStore(url).close()) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert cluster.sql("SELECT count(*) FROM alembic_version", "fresh") == "1"
    finally:
        cluster.drop("fresh")


# ---------------------------------------------------------------- searching


@pytest.mark.parametrize("few", [-1, 3, 200])
def test_words_are_found_whether_few_have_one_of_them_or_many(
    store: ExecutionStore, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(finding, "FEW", few)
    monkeypatch.setattr(full_text, "BLOCK_BITS", 2)
    for number in range(1, 14):
        store.accept(
            make_submission(
                title="common rare" if number % 4 == 0 else "common",
                notebook_path="a.ipynb" if number % 3 == 0 else "b.ipynb",
                parameters={"x": number},
            )
        )

    def found(text: str, **options: Any) -> list[int]:
        page = store.find(ExecutionQuery(text=text, **options))
        return [each.number for each in page.executions]

    assert found("common rare") == [12, 8, 4]
    assert found("rare comm", newest_first=False) == [4, 8, 12]
    assert found("common rare", cursor="12", limit=1) == [8]
    assert found("common rare", cursor="4", newest_first=False) == [8, 12]
    assert found("common rare", notebook="a.ipynb") == [12]
    assert found("common rare x < 10") == [8, 4]
    assert found("x > 3 common x <= 6", newest_first=False) == [4, 5, 6]
    assert found("common", notebook="a.ipynb", cursor="12") == [9, 6, 3]
    assert found("common rare", owners=frozenset({"ada"})) == [12, 8, 4]
    assert found("common nowhere") == []


@pytest.mark.parametrize(
    "text",
    [
        "common",
        "common rare",
        "owner:ada common",
        "common x > 3",
        "owner:ada x > 3",
        "x > 3",
        "x = 4",
        "x != 4",
        "x > 3 x < 12 x != 5",
        "x = 4 x > 3",
    ],
)
def test_what_people_search_for_is_found_with_one_question(
    store: ExecutionStore, text: str
) -> None:
    for number in range(1, 10):
        title = "common rare" if number % 4 == 0 else "common"
        store.accept(make_submission(title=title, parameters={"x": number}, submitted_by="ada"))
    asked: list[str] = []

    @sa.event.listens_for(store._database.read_engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    found = store.find(ExecutionQuery(text=text)).executions

    assert found
    # The other one is for the rows.
    assert len(asked) == 2


# ---------------------------------------------------------------- several at once


def test_two_servers_number_without_gap_or_overlap(store: ExecutionStore, store_url: str) -> None:
    with closing(ExecutionStore(store_url)) as other:
        threads = [
            threading.Thread(target=lambda s=each: [s.accept(make_submission()) for _ in range(15)])
            for each in (store, other, store, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert [each.number for each in other.iterate()] == list(range(1, 61))
    assert store.last_rev() == 60


def test_a_lock_held_too_long_is_said_and_nothing_lost(store_url: str) -> None:
    lock = f"SELECT pg_advisory_xact_lock({STORE_LOCK}, hashtext(current_schema()))"
    with (
        closing(ExecutionStore(store_url, busy_timeout_s=0.2)) as store,
        psycopg.connect(store_url) as other,
    ):
        other.execute(lock.encode())

        with pytest.raises(UnavailableError, match="another program holds its lock"):
            store.accept(make_submission())

        other.rollback()
        assert store.accept(make_submission())[0].number == 1


def test_who_waits_for_the_lock_keeps_its_place_as_long_as_anybody_waits(store_url: str) -> None:
    with (
        closing(ExecutionStore(store_url, busy_timeout_s=7.0)) as store,
        store._database.write_engine.connect() as connection,
    ):
        limit = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()

    assert limit == "7s"


def test_what_changed_nothing_leaves_no_trace(store: ExecutionStore) -> None:
    store.accept(make_submission())
    before = store.data_version()

    store.edit(1, title=store.get(1).title)
    nothing = store.claim(backend="dask")

    assert nothing is None
    assert store.data_version() == before


def test_closing_does_not_look_like_a_change_that_was_missed(
    store: ExecutionStore, store_url: str
) -> None:
    other = ExecutionStore(store_url)
    other.accept(make_submission())
    before = store.data_version()

    other.close()
    store.accept(make_submission())

    assert store.data_version() > before


# ---------------------------------------------------------------- a server that goes


def test_a_server_that_was_started_again_is_not_noticed(
    store: ExecutionStore, cluster: Cluster
) -> None:
    store.accept(make_submission())

    cluster.crash()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        store.get(1)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        store.accept(make_submission())
    with pytest.raises(UnavailableError, match="cannot be reached"):
        store.data_version()
    cluster.start()

    assert store.get(1).number == 1
    assert store.accept(make_submission())[0].number == 2
    cluster.stop()
    cluster.start()
    assert store.accept(make_submission())[0].number == 3
    assert numbers(store) == [3, 2, 1]
    assert store.data_version() > 0


@pytest.mark.parametrize("cut", ["before", "after"])
def test_an_end_whose_answer_is_lost_is_told_truly(
    store_url: str, cutter: tuple[Cutter, Path], cut: Cut
) -> None:
    between, folder = cutter
    url = f"postgresql://postgres@/kept?host={folder}"
    with closing(ExecutionStore(url)) as store:
        store.accept(make_submission())

        between.cut(cut)
        accepted, is_new = store.accept(make_submission(title="cut"))

        assert between.has_cut()
        assert (accepted.number, is_new) == (2, True)
        assert numbers(store) == [2, 1]
        assert store.claim(backend="local") is not None


def test_an_end_that_cannot_be_asked_for_is_said_to_be_unknown(
    store_url: str, cutter: tuple[Cutter, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FATE_LIMIT_S", 0.5)
    between, folder = cutter
    url = f"postgresql://postgres@/kept?host={folder}"
    with closing(ExecutionStore(url, busy_timeout_s=0.5)) as store:
        store.accept(make_submission())
        between.cut("after")
        between.is_closed = True

        with pytest.raises(OutcomeUnknownError, match="whether it did is not known"):
            store.accept(make_submission(request_id="r"))

        between.is_closed = False
        again, is_new = store.accept(make_submission(request_id="r"))
        assert (again.number, is_new) == (2, False)


# ---------------------------------------------------------------- several machines


@pytest.fixture
def machines(store_url: str) -> Iterator[tuple[ExecutionStore, ExecutionStore]]:
    with (
        closing(ExecutionStore(store_url, machine="alpha")) as alpha,
        closing(ExecutionStore(store_url, machine="beta")) as beta,
    ):
        yield alpha, beta


def test_what_was_submitted_on_a_machine_runs_on_it(
    machines: tuple[ExecutionStore, ExecutionStore],
) -> None:
    alpha, beta = machines
    for store in (alpha, beta, alpha):
        store.accept(make_submission())

    claimed = [beta.claim(backend="local"), beta.claim(backend="local")]
    ours = [alpha.claim(backend="local"), alpha.claim(backend="local")]

    assert [each and each.number for each in claimed] == [2, None]
    assert [each and each.number for each in ours] == [1, 3]
    assert [each.backend for each in alpha.iterate()] == ["local", "local@beta", "local"]
    assert [each.number for each in beta.running(backend="local")] == [2]


def test_any_machine_may_cancel_and_change_what_runs_on_another(
    machines: tuple[ExecutionStore, ExecutionStore],
) -> None:
    alpha, beta = machines
    for _ in range(2):
        alpha.accept(make_submission())
    alpha.claim(backend="local")

    asked, ended = beta.request_cancel(1), beta.request_cancel(2)
    beta.edit(1, title="renamed")

    assert (asked.cancel_requested, asked.backend) == (True, "local@alpha")
    assert ended.status is Status.CANCELLED
    assert (alpha.get(1).title, alpha.get(1).backend) == ("renamed", "local")


def test_one_that_another_machine_let_start_still_runs_on_its_own(
    machines: tuple[ExecutionStore, ExecutionStore],
) -> None:
    alpha, beta = machines
    first, _ = alpha.accept(make_submission())
    beta.accept(make_submission(after=(first.id,)))

    claimed = alpha.claim(backend="local")
    assert claimed is not None
    end = ExecutionFinished(at=SOME_MOMENT, status=Status.SUCCEEDED)
    alpha.record(first.id, 1, (end,))

    assert alpha.claim(backend="local") is None
    waited = beta.claim(backend="local")
    assert waited is not None
    assert waited.number == 2


def register(store: ExecutionStore, machine: str = "", **changes: str) -> str:
    """Register a machine; of one data folder with objects in a bucket unless it says otherwise."""
    facts = {"host": "host", "folder_id": "1", "inode": "11", "objects_url": "s3://b"}
    return store.machines.register(machine, **{**facts, **changes})


def test_machines_of_one_name_or_with_objects_of_their_own_are_refused(
    store: ExecutionStore,
) -> None:
    register(store, "alpha")
    register(store, "alpha")
    register(store, "beta", folder_id="2")

    with pytest.raises(UnavailableError, match=r"Another data folder is called 'alpha'"):
        register(store, "alpha", folder_id="3")
    with pytest.raises(UnavailableError, match=r"keeps objects in s3://b"):
        register(store, "gamma", folder_id="3", objects_url="")


@pytest.mark.parametrize("objects_url", ["s3://b", ""])
def test_a_data_folder_keeps_its_name_when_the_host_gets_another(
    store: ExecutionStore, objects_url: str
) -> None:
    first = register(store, host="old", objects_url=objects_url)

    assert first == "old"
    assert register(store, host="new", objects_url=objects_url) == "old"
    assert register(store, "old", host="new", objects_url=objects_url) == "old"
    with pytest.raises(UnavailableError, match=r"is called 'old' in this store and keeps its name"):
        register(store, "other", objects_url=objects_url)


def test_a_data_folder_that_has_several_names_by_now_is_called_by_one_of_them(
    store: ExecutionStore,
) -> None:
    row = {"folder": "1", "objects": "s3://b"}
    for name in ("old", "older"):
        store.settings.put(f"machine:{name}", dict(row))

    assert [register(store, host=host) for host in ("older", "old", "new")] == [
        "older",
        "old",
        "old",
    ]


def test_a_copy_of_a_data_folder_is_another_machine(store: ExecutionStore) -> None:
    register(store, host="alpha")

    assert register(store, host="beta", inode="22") == "beta"
    assert register(store, host="alpha") == "alpha"


def test_a_copy_of_a_data_folder_with_objects_in_it_is_refused(store: ExecutionStore) -> None:
    register(store, host="alpha", objects_url="")

    with pytest.raises(UnavailableError, match=r"'alpha' .* keeps objects in its own data folder"):
        register(store, host="beta", inode="22", objects_url="")


def test_what_the_store_calls_a_machine_is_found_once_it_is_known(store_url: str) -> None:
    with (
        closing(ExecutionStore(store_url, machine="old")) as before,
        closing(ExecutionStore(store_url, machine="new")) as store,
    ):
        before.accept(make_submission())
        assert store.claim(backend="local") is None

        store.belong_to("old")

        claimed = store.claim(backend="local")
        assert claimed is not None
        assert claimed.backend == "local"
