"""A store on a server of PostgreSQL's, for several servers on several machines."""

from __future__ import annotations

import contextlib
import time
import uuid

import sqlalchemy as sa
from sqlalchemy import exc
from typing_extensions import override

from jupyter_async_exec.errors import AsyncExecError, OutcomeUnknownError
from jupyter_async_exec.store.database import N_READERS, Database
from jupyter_async_exec.store.full_text import FullText
from jupyter_async_exec.store.postgres import errors
from jupyter_async_exec.store.postgres.connect import make_engine, name_of, read_url
from jupyter_async_exec.store.postgres.upgrade import migrate
from jupyter_async_exec.store.tables import metadata

#: When the connection broke at the end of a transaction, its fate is asked for so long.
FATE_LIMIT_S = 15.0
FATE_INTERVAL_S = 0.25
#: What a process that was killed has counted is added to the rest after so long.
STALE = "7 days"
#: The row in which all is counted that no writer of today has.
REST = ""

# A transaction that changed nothing has no id, and leaves no mark.
_SEAL = sa.text(
    "INSERT INTO writers (name, commits) "
    "SELECT :its_name, 1 WHERE pg_current_xact_id_if_assigned() IS NOT NULL "
    "ON CONFLICT (name) DO UPDATE SET commits = writers.commits + 1, at = now() "
    "RETURNING commits"
)
_SEALED = sa.text("SELECT commits FROM writers WHERE name = :its_name")
_VERSION = sa.text("SELECT coalesce(sum(commits), 0) FROM writers")
_FOLD = sa.text(
    "WITH gone AS (DELETE FROM writers WHERE name <> :rest AND "
    "(name = :its_name OR at < now() - CAST(:stale AS interval)) RETURNING commits) "
    "INSERT INTO writers (name, commits) SELECT :rest, sum(commits) FROM gone "
    "HAVING sum(commits) IS NOT NULL "
    "ON CONFLICT (name) DO UPDATE SET commits = writers.commits + excluded.commits, at = now()"
)
_INVALID = sa.text(
    "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid "
    "AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)"
)


class Postgres(Database):
    """A store in a database of its own, which several servers share.

    Parameters
    ----------
    url
        ``postgresql://user@host/database``, with libpq's options behind a ``?``.
    busy_timeout_s
        How long to wait for another server's lock.

    Raises
    ------
    NewerStoreError
        A newer release wrote it; nothing was changed.
    UnavailableError
        It cannot be opened; the sentence says why.
    """

    def __init__(self, url: str, *, busy_timeout_s: float) -> None:
        parsed = read_url(url)
        self._name = name_of(parsed)
        try:
            migrate(parsed, busy_timeout_s=busy_timeout_s)
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise self.explain(error) from error
        self._url = parsed
        self._busy_timeout_s = busy_timeout_s
        self.write_engine = self._engine_for_one()
        self.read_engine = make_engine(
            parsed,
            writes=False,
            n_connections=N_READERS,
            lock_timeout_s=busy_timeout_s,
            pool_timeout_s=busy_timeout_s + 5.0,
        )
        #: By which this writer finds its own mark again.
        self._writer = uuid.uuid4().hex
        self._is_closed = False

    def _engine_for_one(self) -> sa.Engine:
        return make_engine(
            self._url,
            writes=True,
            n_connections=1,
            # Not shorter: whoever asks again goes to the end of the queue, and of many servers
            # one would never have its turn.
            lock_timeout_s=self._busy_timeout_s,
            pool_timeout_s=self._busy_timeout_s,
        )

    @override
    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            # Left to whoever comes later, if that fails.
            with contextlib.suppress(exc.SQLAlchemyError), self.write_engine.begin() as connection:
                connection.execute(_FOLD, {"its_name": self._writer, "rest": REST, "stale": STALE})
        self.read_engine.dispose()
        self.write_engine.dispose()

    @override
    def explain(self, error: BaseException) -> AsyncExecError:
        return errors.explain(error, self._name)

    @override
    def is_busy(self, error: BaseException) -> bool:
        return errors.code_of(error) in errors.BUSY_CODES

    @override
    def is_full(self, error: BaseException) -> bool:
        return errors.code_of(error) == errors.DISK_FULL

    @override
    def is_lost(self, error: BaseException) -> bool:
        return errors.is_lost(error)

    @override
    def check(self) -> None:
        """Nothing can be put in the place of a database that is connected to."""

    @override
    def seal(self, connection: sa.Connection) -> int | None:
        found = connection.execute(_SEAL, {"its_name": self._writer}).scalar()
        return None if found is None else int(found)

    @override
    def was_kept(self, seal: int | None, error: exc.DBAPIError) -> bool:
        if not self.is_lost(error):
            return False
        if seal is None:
            return True
        # The writer's one connection is the one that broke.
        engine = self._engine_for_one()
        try:
            return self._find_fate(engine, seal)
        finally:
            engine.dispose()

    def _find_fate(self, engine: sa.Engine, seal: int) -> bool:
        deadline_s = time.monotonic() + FATE_LIMIT_S
        while True:
            try:
                # This begins with the lock of the store, so that what broke has ended.
                with engine.begin() as connection:
                    found = connection.execute(_SEALED, {"its_name": self._writer}).scalar()
                    return found is not None and int(found) >= seal
            except (exc.DBAPIError, exc.TimeoutError) as error:
                if time.monotonic() >= deadline_s:
                    raise OutcomeUnknownError(
                        f"{self._name} was lost while it recorded this, and whether it did is not "
                        "known. See whether it is there before you try again."
                    ) from error
            time.sleep(FATE_INTERVAL_S)

    @override
    def data_version(self) -> int:
        try:
            return self._read_version()
        except exc.DBAPIError as error:
            if not self.is_lost(error):
                raise self.explain(error) from error
        except exc.TimeoutError as error:
            raise self.explain(error) from error
        try:
            return self._read_version()
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise self.explain(error) from error

    def _read_version(self) -> int:
        with self.read_engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            return int(connection.execute(_VERSION).scalar_one())

    @override
    def complaints(self, connection: sa.Connection, *, at_most: int) -> list[str]:
        names = connection.execute(_INVALID).scalars().fetchmany(at_most)
        return [f"the index {name} is not valid" for name in names]

    @override
    def rebuild_indexes(self, connection: sa.Connection) -> None:
        for table in (*metadata.tables, FullText.TABLE):
            connection.exec_driver_sql(f"REINDEX TABLE {table}").close()
