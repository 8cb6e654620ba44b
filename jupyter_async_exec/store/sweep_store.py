"""The part of the store about sweeps: accept, find, add to, cancel."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import ConflictError
from jupyter_async_exec.store import codec, fan_in_rows, sweep_course, sweep_rows
from jupyter_async_exec.store.part import StorePart
from jupyter_async_exec.store.tables import CHOOSING, REUSABLE, executions, listed_columns, sweeps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from jupyter_async_exec.core.execution import Execution, Submission
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.core.sweeps import Best, Sweep

#: How many of the latest executions of a notebook say how long the next will take.
N_DURATIONS = 20
#: So many of its executions, of any status, are looked through for them.
N_LOOKED_AT = 200
#: Said of an adaptive sweep that ends before it has as many executions as were wanted.
NOTHING_LEFT = "Everything that could be searched was tried."

_BY_REQUEST = sa.select(sweeps.c.id).where(sweeps.c.request_id == sa.bindparam("request_id"))
# Not in an order: SQLite would walk through all sweeps for it.
_CHOOSING = sa.select(sweeps).where(CHOOSING)
_CHANGES = (
    sa.select(sweeps)
    .where(sweeps.c.rev > sa.bindparam("after"))
    .order_by(sweeps.c.rev)
    .limit(sa.bindparam("at_most"))
)
_LATEST = (
    sa.select(executions.c.status, executions.c.started_at, executions.c.finished_at)
    .where(
        executions.c.notebook_path == sa.bindparam("notebook_path"),
        executions.c.deleted_at.is_(None),
    )
    .order_by(executions.c.number.desc())
    .limit(N_LOOKED_AT)
)
_PROVENANCES = sa.select(executions.c.id, executions.c.provenance).where(
    executions.c.sweep_id == sa.bindparam("sweep_id"), executions.c.deleted_at.is_(None)
)
_SAME = (
    sa.select(*listed_columns)
    .where(executions.c.reuse_key == sa.bindparam("its_key"), REUSABLE)
    .where(executions.c.finished_at >= sa.bindparam("not_before"))
    .order_by(executions.c.number.desc())
    .limit(1)
)


class SweepStore(StorePart):
    """Sweeps in the same file as their executions; as safe for threads and processes."""

    def accept(
        self,
        sweep: Sweep,
        submissions: Sequence[Submission],
        *,
        reused: Sequence[int] = (),
        then: Submission | None = None,
    ) -> tuple[Sweep, list[Execution], bool]:
        """Record a sweep and all of its executions durably, all or nothing.

        Parameters
        ----------
        sweep
            With an id of its own. One whose `request_id` is known already is
            the earlier sweep again.
        submissions
            Each with the sweep's id; what they share is in the provenance of
            `sweep` and not repeated in theirs. None only if something is reused.
        reused
            Numbers of earlier executions whose results count as the sweep's.
        then
            What collects the sweep, if anything does.

        Returns
        -------
        tuple of Sweep, list of Execution and bool
            The sweep, its executions by number, and whether it is new.

        Raises
        ------
        DiskFullError
            There is no room; nothing was accepted.
        """

        def work(connection: sa.Connection) -> tuple[Sweep, list[Execution], bool]:
            earlier = _asked_before(connection, sweep.request_id)
            if earlier is not None:
                return *earlier, False
            finished_at = None if submissions else self._clock()
            sweep_rows.insert(connection, replace(sweep, finished_at=finished_at))
            sweep_rows.take_over(connection, sweep.id, reused)
            added = []
            if submissions:
                added = sweep_rows.add(connection, submissions, sweep=sweep, is_new=True)
            if then is not None:
                fan_in_rows.insert(connection, then, self._clock())
            return sweep_rows.read(connection, sweep.id), added, True

        return self._writer.run(work, is_essential=False)

    def add(
        self,
        ref: str | int,
        submissions: Sequence[Submission],
        *,
        replaced: Sequence[str] = (),
        only_new: bool = False,
    ) -> tuple[Sweep, list[Execution]]:
        """Add executions to a sweep, which is then not over any more.

        Parameters
        ----------
        ref
            The sweep.
        submissions
            At least one, as for `accept`.
        replaced
            Ids of earlier executions of the sweep that do not count any more.
        only_new
            Leave out those with parameters that the sweep, or a result that
            counts as its own, has already.

        Returns
        -------
        tuple of Sweep and list of Execution
            The sweep, and its new executions.

        Raises
        ------
        NotFoundError
            There is no such sweep.
        ConflictError
            Nothing is new, or something in `replaced` was replaced before.
        DiskFullError
            There is no room; nothing was accepted.
        """

        def work(connection: sa.Connection) -> tuple[Sweep, list[Execution]]:
            sweep = sweep_rows.read(connection, ref)
            # Here, where nobody else adds at the same time.
            new = (
                sweep_rows.new_ones(connection, sweep.id, submissions) if only_new else submissions
            )
            if not new:
                raise ConflictError("All of these are in the sweep already.")
            added = sweep_rows.add(connection, new, sweep=sweep, is_new=False)
            if replaced:
                sweep_rows.replace_all(connection, replaced)
            sweep_rows.change(connection, sweep.id, finished_at=None, message=None)
            return sweep_rows.read(connection, sweep.id), added

        return self._writer.run(work, is_essential=False)

    def choosing(self) -> list[tuple[Sweep, list[Execution]]]:
        """Return the adaptive sweeps with executions to come, each with those it has."""

        def work(connection: sa.Connection) -> list[tuple[Sweep, list[Execution]]]:
            found = connection.execute(_CHOOSING).mappings().all()
            return [
                (sweep_rows.load(connection, row), sweep_rows.members(connection, row["id"]))
                for row in sorted(found, key=lambda row: row["rev"])
            ]

        return self._read(work)

    def choose(
        self, sweep_id: str, submissions: Sequence[Submission], *, to_come: int
    ) -> list[Execution] | None:
        """Add the executions that an adaptive sweep chose next; without any it chose its last.

        Parameters
        ----------
        sweep_id
            The sweep.
        submissions
            As for `accept`.
        to_come
            How many were to come when these were chosen.

        Returns
        -------
        list of Execution or None
            The new executions; None if somebody else chose, or ended the search,
            meanwhile: nothing was changed.

        Raises
        ------
        DiskFullError
            There is no room; nothing was accepted.
        """

        def work(connection: sa.Connection) -> list[Execution] | None:
            if sweep_rows.to_come(connection, sweep_id) != to_come:
                return None
            if not submissions:
                sweep_rows.set_to_come(connection, sweep_id, 0)
                sweep_rows.change(connection, sweep_id, message=NOTHING_LEFT)
                sweep_course.close_if_over(connection, sweep_id, self._clock())
                return []
            sweep_rows.set_to_come(connection, sweep_id, to_come - len(submissions))
            sweep = sweep_rows.read(connection, sweep_id)
            if sweep.message is not None:
                # Why it waited is over.
                sweep_rows.change(connection, sweep_id, message=None)
            return sweep_rows.add(connection, submissions, sweep=sweep, is_new=False)

        return self._writer.run(work, is_essential=False)

    def say(self, sweep_id: str, message: str) -> None:
        """Note in one sentence how a sweep stands."""
        self._writer.run(lambda each: sweep_rows.change(each, sweep_id, message=message))

    def extend(self, sweep_id: str, n: int) -> Sweep:
        """Let an adaptive sweep choose `n` more executions; it is then not over any more."""

        def work(connection: sa.Connection) -> Sweep:
            before = sweep_rows.to_come(connection, sweep_id)
            sweep_rows.set_to_come(connection, sweep_id, before + n)
            sweep_rows.change(connection, sweep_id, finished_at=None, message=None)
            return sweep_rows.read(connection, sweep_id)

        return self._writer.run(work, is_essential=False)

    def get(self, ref: str | int) -> Sweep:
        """Return the sweep with that id, or the one the execution of that number belongs to.

        Raises
        ------
        NotFoundError
            There is none.
        """
        return self._read(lambda connection: sweep_rows.read(connection, ref))

    def read(self, ref: str | int) -> tuple[Sweep, list[Execution]]:
        """Return it and its executions outside the trash, oldest first, at one moment.

        Raises
        ------
        NotFoundError
            There is none.
        """

        def work(connection: sa.Connection) -> tuple[Sweep, list[Execution]]:
            sweep = sweep_rows.read(connection, ref)
            return sweep, sweep_rows.members(connection, sweep.id)

        return self._read(work)

    def find_request(self, request_id: str | None) -> tuple[Sweep, list[Execution]] | None:
        """Return the sweep that was accepted for that `request_id`, None if none was."""
        return self._read(lambda connection: _asked_before(connection, request_id))

    def provenances(self, sweep_id: str) -> dict[str, JSONObject]:
        """Return, by id, the provenance of its executions but for what all of them share."""
        found = self._read(lambda each: each.execute(_PROVENANCES, {"sweep_id": sweep_id}).all())
        return {row.id: json.loads(row.provenance) for row in found}

    def reused(self, sweep_id: str) -> list[Execution]:
        """Return the earlier results that count as those of a sweep, oldest first."""
        its = codec.clean(sweep_id)
        return self._read(lambda connection: sweep_rows.taken_over(connection, its))

    def counting(self, sweep_id: str) -> list[Execution]:
        """Return its executions outside the trash whose place no later one took, oldest first."""
        its = codec.clean(sweep_id)
        return self._read(lambda connection: sweep_rows.counting(connection, its))

    def find_reusable(
        self, keys: Iterable[str], *, not_before: datetime | None = None
    ) -> dict[str, Execution]:
        """Return, by key, the latest successful execution outside the trash that has it.

        Parameters
        ----------
        keys
            As `core.reuse.reuse_key` gives them.
        not_before
            What ended earlier will not do.
        """

        def work(connection: sa.Connection) -> dict[str, Execution]:
            earliest = "" if not_before is None else format_at(not_before)
            found: dict[str, Execution] = {}
            for key in keys:
                same = {"its_key": key, "not_before": earliest}
                row = connection.execute(_SAME, same).mappings().first()
                if row is not None:
                    found[key] = codec.load(row)
            return found

        return self._read(work)

    def read_all(self, ids: Sequence[str]) -> list[Sweep]:
        """Return the sweeps with those ids, in that order; those that are none are left out."""
        return self._read(lambda connection: sweep_rows.read_all(connection, ids))

    def best(self, sweep_id: str, metric: str, *, is_largest: bool) -> Best | None:
        """Return the execution with the best value of a metric; what failed does not count.

        Parameters
        ----------
        sweep_id
            The sweep; what it took over counts too.
        metric
            Name of the metric, whose last value counts.
        is_largest
            Whether the largest value is the best, or else the smallest.
        """

        def work(connection: sa.Connection) -> Best | None:
            return sweep_rows.best(connection, sweep_id, metric, is_largest=is_largest)

        return self._read(work)

    def cancel(self, ref: str | int, *, only_waiting: bool = False) -> Sweep:
        """Ask for the end of all its executions; those that wait are cancelled at once.

        Parameters
        ----------
        ref
            The sweep.
        only_waiting
            Leave what runs alone.

        Raises
        ------
        NotFoundError
            There is none.
        """

        def work(connection: sa.Connection) -> Sweep:
            sweep = sweep_rows.read(connection, ref)
            if not sweep.status.is_final:
                sweep_course.cancel(connection, sweep.id, self._clock(), only_waiting=only_waiting)
            return sweep_rows.read(connection, sweep.id)

        return self._writer.run(work)

    def trash(self, ref: str | int) -> Sweep:
        """Move all of its executions to the trash, all or nothing.

        Raises
        ------
        ConflictError
            It is not over yet.
        NotFoundError
            There is none.
        """

        def work(connection: sa.Connection) -> Sweep:
            sweep = sweep_rows.read(connection, ref)
            if not sweep.status.is_final:
                raise ConflictError("This sweep is not over yet. Cancel it first.")
            sweep_course.trash(connection, sweep.id, self._clock())
            return sweep_rows.read(connection, sweep.id)

        return self._writer.run(work)

    def untrash(self, ref: str | int) -> Sweep:
        """Take back out of the trash what was moved there together, and last.

        Raises
        ------
        NotFoundError
            There is none.
        """

        def work(connection: sa.Connection) -> Sweep:
            sweep = sweep_rows.read(connection, ref)
            sweep_course.untrash(connection, sweep.id, self._clock())
            return sweep_rows.read(connection, sweep.id)

        return self._writer.run(work)

    def changes_since(self, rev: int, *, limit: int = 500) -> list[Sweep]:
        """Return the sweeps that were accepted, reopened or ended after `rev`, oldest first."""

        def work(connection: sa.Connection) -> list[Sweep]:
            found = connection.execute(_CHANGES, {"after": rev, "at_most": limit})
            return [sweep_rows.load(connection, row) for row in found.mappings().all()]

        return self._read(work)

    def usual_duration_s(self, notebook_path: str) -> float | None:
        """Return how long its latest successful executions took (median), None if there is none."""
        latest = self._read(
            lambda each: each.execute(_LATEST, {"notebook_path": codec.clean(notebook_path)}).all()
        )
        durations_s = [
            (parse_at(row.finished_at) - parse_at(row.started_at)).total_seconds()
            for row in latest
            if row.status == Status.SUCCEEDED.value and row.started_at and row.finished_at
        ]
        return statistics.median(durations_s[:N_DURATIONS]) if durations_s else None


def _asked_before(
    connection: sa.Connection, request_id: str | None
) -> tuple[Sweep, list[Execution]] | None:
    if request_id is None:
        return None
    asked = {"request_id": codec.clean(request_id)}
    earlier = connection.execute(_BY_REQUEST, asked).scalar()
    if earlier is None:
        return None
    return sweep_rows.read(connection, earlier), sweep_rows.members(connection, earlier)
