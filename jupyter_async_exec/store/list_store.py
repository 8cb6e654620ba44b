"""Lists of executions: pages of them, those that changed, how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.environment import Environment
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.store import codec, metric_points, queries, records
from jupyter_async_exec.store.pages import Counts, ExecutionPage, ExecutionQuery
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.tables import environments, executions, listed_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.metric_series import MetricSeries

_COUNTS = sa.select(
    *(
        sa.select(sa.func.count())
        .select_from(executions)
        .where(executions.c.status == status.value, executions.c.deleted_at.is_(None))
        .scalar_subquery()
        .label(status.value)
        for status in (Status.QUEUED, Status.RUNNING)
    )
)
_QUEUED = (
    sa.select(sa.func.count())
    .select_from(executions)
    .where(executions.c.status == Status.QUEUED.value, executions.c.deleted_at.is_(None))
)
_NEWEST = (
    sa.select(*listed_columns)
    .where(
        executions.c.notebook_path == sa.bindparam("notebook"), executions.c.deleted_at.is_(None)
    )
    .order_by(executions.c.number.desc())
    .limit(1)
)
_NEWEST_OF_OWNER = _NEWEST.where(executions.c.submitted_by == sa.bindparam("owner"))
_CHANGES = (
    sa.select(*listed_columns)
    .where(executions.c.rev > sa.bindparam("after"))
    .order_by(executions.c.rev)
    .limit(sa.bindparam("at_most"))
)


class ListStore(StorePart):
    """The part of the store about many executions at once."""

    def find(self, query: ExecutionQuery) -> ExecutionPage:
        """Return one page; as quick at a million executions as at a hundred.

        Raises
        ------
        InvalidRequestError
            The cursor or the limit is none.
        """
        return self._read(lambda connection: queries.find(connection, query))

    def find_newest(self, notebook_path: str, *, owner: str | None = None) -> Execution | None:
        """Return the newest execution of a notebook, of `owner` alone unless that is `None`.

        The same as a page of one, at a third of its cost: every submission asks.
        """
        values = {"notebook": codec.clean(notebook_path)}
        if owner is not None:
            values["owner"] = codec.clean(owner)
        statement = _NEWEST if owner is None else _NEWEST_OF_OWNER

        def work(connection: sa.Connection) -> Execution | None:
            found = codec.load_all(connection.execute(statement, values))
            return found[0] if found else None

        return self._read(work)

    def get_all(self, refs: Sequence[str | int], *, skip_missing: bool = False) -> list[Execution]:
        """Return executions by number or id, in that order, without artifacts and provenance.

        Raises
        ------
        NotFoundError
            One of them is not there, unless `skip_missing`.
        """
        return self._read(lambda each: records.read_all(each, refs, skip_missing=skip_missing))

    def metrics(
        self,
        ref: str | int,
        *,
        names: Sequence[str] | None = None,
        after: Mapping[str, int] | None = None,
    ) -> tuple[Execution, list[MetricSeries], dict[str, int]]:
        """Return an execution, points of its metrics, and how many points each metric has.

        Parameters
        ----------
        ref
            Number or id.
        names
            Which metrics; `None` for all.
        after
            By name how many points, the oldest, are known already.

        Raises
        ------
        NotFoundError
            There is no such execution.
        """

        def work(connection: sa.Connection) -> tuple[Execution, list[MetricSeries], dict[str, int]]:
            execution = records.read(connection, ref)
            series, counts = metric_points.read(
                connection, execution.number, names=names, after=after or {}
            )
            return execution, series, counts

        return self._read(work)

    def environments(self, ids: Iterable[str]) -> dict[str, Environment]:
        """Return what executions ran in, by id; unknown ids are left out."""
        wanted = sorted(set(ids))
        statement = sa.select(environments).where(environments.c.id.in_(wanted))

        def work(connection: sa.Connection) -> dict[str, Environment]:
            return {row.id: Environment(row.content) for row in connection.execute(statement)}

        return self._read(work) if wanted else {}

    def counts(self) -> Counts:
        """Return how many executions wait and run; counts the rows that do."""

        def work(connection: sa.Connection) -> Counts:
            row = connection.execute(_COUNTS).one()
            return Counts(queued=row.queued, running=row.running)

        return self._read(work)

    def queued_count(self) -> int:
        """Return how many executions wait for a slot."""
        return self._read(lambda connection: connection.execute(_QUEUED).scalar_one())

    def changes_since(self, rev: int, *, limit: int = 500) -> list[Execution]:
        """Return what changed after revision `rev`, oldest change first, the trash included.

        Without artifacts and provenance, as lists have them.

        Parameters
        ----------
        rev
            Revision up to which everything is known.
        limit
            At most so many; the last one's `rev` is where to go on.
        """

        def work(connection: sa.Connection) -> list[Execution]:
            found = connection.execute(_CHANGES, {"after": rev, "at_most": limit})
            return codec.load_all(found)

        return self._read(work)

    def last_rev(self) -> int:
        """Return the revision of the latest change, 0 in an empty store."""
        return self._read(records.read_rev)

    def iterate(self) -> Iterator[Execution]:
        """Yield every execution, the trash included, by number; holds no lock meanwhile."""
        last = 0
        while batch := self._after(last):
            yield from batch
            last = batch[-1].number

    def _after(self, number: int) -> list[Execution]:
        return self._read(lambda each: codec.load_all(records.rows_after(each, number)))
