"""Single statements on single executions, inside a transaction that somebody else opened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_async_exec.core.clock import format_at
from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Execution, Hold, Status, Submission
from jupyter_async_exec.core.fan_in import due_at
from jupyter_async_exec.core.transitions import apply, cancelled_early
from jupyter_async_exec.errors import NotFoundError
from jupyter_async_exec.store import codec, full_text, history, numbers, search, turns
from jupyter_async_exec.store.tables import (
    execution_tags,
    executions,
    handed,
    listed_columns,
    revision,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

ID_LENGTH = 32
#: SQLite's largest integer has 19 digits.
MAX_NUMBER_LENGTH = 18
LARGEST_NUMBER = 2**63 - 1
#: Old releases of SQLite take 999 values in a statement.
MOST_KEYS = 900
#: Rows per short read when all are walked through.
WALK_BATCH = 500
#: A change elsewhere leaves the full-text row as it is.
SEARCHED_COLUMNS = frozenset(
    {"status", "message", "error", "title", "note", "tags", "starred", "deleted_at"}
)
#: What changes when one ends that never started.
ENDING_COLUMNS = (
    *("rev", "status", "message", "finished_at", "cancel_requested"),
    *("hold", "waits_for"),
)

# Built once: building a statement costs more than running it.
_SELECT_BY_ID = sa.select(executions).where(executions.c.id == sa.bindparam("value"))
_SELECT_BY_NUMBER = sa.select(executions).where(executions.c.number == sa.bindparam("value"))
_SELECT_AFTER = (
    sa.select(executions)
    .where(executions.c.number > sa.bindparam("after"))
    .order_by(executions.c.number)
    .limit(WALK_BATCH)
)
_INSERT = sa.insert(executions)
_UPDATE = sa.update(executions).where(executions.c.number == sa.bindparam("its_number"))
_UPDATE_END = _UPDATE.values({name: sa.bindparam(name) for name in ENDING_COLUMNS})
_SELECT_REV = sa.select(revision.c.rev)
_SELECT_COUNTED = sa.select(revision.c.rev, revision.c.last_number)
_COUNT_UP = sa.update(revision).values(
    rev=revision.c.rev + sa.bindparam("n_changes"),
    last_number=revision.c.last_number + sa.bindparam("n_rows"),
)
_COUNT_UP_AND_TELL = _COUNT_UP.returning(revision.c.rev, revision.c.last_number)
_SELECT_SHARED = sa.select(sweeps.c.provenance).where(sweeps.c.id == sa.bindparam("sweep_id"))
_SELECT_HANDED = sa.select(handed.c.content).where(handed.c.number == sa.bindparam("its_number"))
_INSERT_TAGS = sa.insert(execution_tags)


def read(connection: sa.Connection, ref: str | int, *, include_deleted: bool = False) -> Execution:
    """Return the execution with that number or id.

    Raises
    ------
    NotFoundError
        There is none, or it is in the trash and `include_deleted` is false.
    """
    statement, value = _key(ref)
    row = connection.execute(statement, {"value": value}).mappings().first()
    if row is None or (row["deleted_at"] is not None and not include_deleted):
        raise _absent(ref)
    return whole(connection, codec.load(row))


def whole(connection: sa.Connection, execution: Execution) -> Execution:
    """Return `execution` with what is stored elsewhere: what it was handed, or shares."""
    if execution.collect is not None:
        return _with_handed(connection, execution, execution.collect.parameter)
    if execution.sweep_id is None:
        return execution
    shared = connection.execute(_SELECT_SHARED, {"sweep_id": execution.sweep_id}).scalar()
    if shared is None:
        return execution
    return replace(execution, provenance={**json.loads(shared), **execution.provenance})


def _with_handed(connection: sa.Connection, execution: Execution, parameter: str) -> Execution:
    """Return `execution` with the value that it collected, if it has begun."""
    text = connection.execute(_SELECT_HANDED, {"its_number": execution.number}).scalar()
    if text is None:
        return execution
    content = json.loads(text)
    return replace(
        execution,
        parameters={**execution.parameters, parameter: content["value"]},
        provenance={**execution.provenance, "handed": content},
    )


def read_all(
    connection: sa.Connection, refs: Sequence[str | int], *, skip_missing: bool
) -> list[Execution]:
    """Return executions outside the trash, in that order, without artifacts and provenance.

    Raises
    ------
    NotFoundError
        One of them is not there, unless `skip_missing`.
    """
    keys = [_key(ref)[1] for ref in refs]
    found: dict[str | int, Execution] = {}
    for column in (executions.c.number, executions.c.id):
        wanted = [key for key in keys if isinstance(key, int) == (column is executions.c.number)]
        for start in range(0, len(wanted), MOST_KEYS):
            statement = sa.select(*listed_columns).where(
                column.in_(wanted[start : start + MOST_KEYS]), executions.c.deleted_at.is_(None)
            )
            for row in connection.execute(statement).mappings():
                found[row[column]] = codec.load(row)
    for ref, key in zip(refs, keys, strict=True):
        if key not in found and not skip_missing:
            raise _absent(ref)
    return [found[key] for key in keys if key in found]


def rows_after(connection: sa.Connection, number: int) -> sa.CursorResult[Any]:
    """Return the next `WALK_BATCH` rows, the trash included, by number."""
    return connection.execute(_SELECT_AFTER, {"after": number})


def insert(connection: sa.Connection, submission: Submission) -> Execution:
    """Add a queued execution, which others may hold up, and return it with its number."""
    turn = turns.next_single(connection, submission.backend)
    waits = bool(submission.after) or (submission.collect and submission.handed is None)
    hold = Hold.OTHERS if waits else None
    (inserted,) = insert_all(connection, (submission,), (turn,), (hold,))
    return inserted


def insert_all(
    connection: sa.Connection,
    submissions: Sequence[Submission],
    its_turns: Sequence[int],
    holds: Sequence[Hold | None],
) -> list[Execution]:
    """Add queued executions with numbers in a row, each with its turn and what it waits for."""
    n = len(submissions)
    last = _count_up(connection, n_changes=n, n_rows=n)
    first_number, first_rev = last.last_number - n + 1, last.rev - n + 1
    rows: list[dict[str, object]] = []
    added: list[Execution] = []
    given = zip(submissions, its_turns, holds, strict=True)
    for place, (submission, turn, hold) in enumerate(given):
        execution = _queued(submission, hold, number=first_number + place, rev=first_rev + place)
        values = codec.dump(execution)
        request_id = submission.request_id and codec.clean(submission.request_id)
        rows.append(
            {
                **values,
                "request_id": request_id,
                "turn": turn,
                "reuse_key": submission.reuse_key,
                **_collecting(submission),
            }
        )
        # What a reader will see, strange characters made harmless.
        added.append(codec.load(values))
    connection.execute(_INSERT, rows)
    index(connection, *added)
    history.note_all(connection, [(each, "accepted", each.created_at) for each in added])
    return added


def _collecting(submission: Submission) -> dict[str, str | None]:
    """Return what finds those that wait for the end of a sweep, or for a moment."""
    collect = submission.collect
    until = None if collect is None else due_at(collect, submission.created_at)
    return {
        "collect_sweep_id": None if collect is None else collect.sweep_id,
        "due_at": None if until is None else format_at(until),
    }


def _queued(submission: Submission, hold: Hold | None, *, number: int, rev: int) -> Execution:
    return Execution(
        id=submission.id,
        number=number,
        status=Status.QUEUED,
        notebook_path=submission.notebook_path,
        title=submission.title,
        parameters=submission.parameters,
        kernel_name=submission.kernel_name,
        backend=submission.backend,
        resources=submission.resources,
        snapshot_id=submission.snapshot_id,
        sweep_id=submission.sweep_id,
        parent_id=submission.parent_id,
        tags=tuple(dict.fromkeys(submission.tags)),
        hold=hold,
        after=submission.after,
        collect=submission.collect,
        submitted_by=submission.submitted_by,
        limits=submission.limits,
        provenance=submission.provenance,
        created_at=submission.created_at,
        rev=rev,
    )


def save(connection: sa.Connection, old: Execution, new: Execution) -> Execution:
    """Write what differs between `old` and `new` under the next revision; return `new` with it."""
    new = replace(new, rev=next_rev(connection))
    before, after = codec.dump(_own(old)), codec.dump(_own(new))
    new = replace(codec.load(after), **_handed(new))
    changes = {name: value for name, value in after.items() if before[name] != value}
    connection.execute(_UPDATE, {**changes, "its_number": new.number})
    if changes.keys() & SEARCHED_COLUMNS:
        _reindex(connection, old, new)
    if "metrics" in changes and old.deleted_at is None:
        numbers.change(connection, old, new)
    return new


def trash(connection: sa.Connection, old: Execution, at: datetime) -> Execution:
    """Move an execution to the trash; return it as it is then."""
    new = save(connection, old, replace(old, deleted_at=at))
    history.note(connection, new, "trashed", at)
    return new


def untrash(connection: sa.Connection, old: Execution, at: datetime) -> Execution:
    """Take an execution out of the trash; return it as it is then."""
    new = save(connection, old, replace(old, deleted_at=None))
    history.note(connection, new, "untrashed", at)
    return new


def _handed(execution: Execution) -> dict[str, Any]:
    """Return the fields that hold what it was handed, which is large and never changes."""
    if "handed" not in execution.provenance:
        return {}
    return {"parameters": execution.parameters, "provenance": execution.provenance}


def _own(execution: Execution) -> Execution:
    """Return what is in its own row."""
    if execution.collect is None or not _handed(execution):
        return execution
    parameters, provenance = dict(execution.parameters), dict(execution.provenance)
    parameters.pop(execution.collect.parameter, None)
    del provenance["handed"]
    return replace(execution, parameters=parameters, provenance=provenance)


def end_unstarted(
    connection: sa.Connection,
    waiting: Sequence[Execution],
    at: datetime,
    why: str | None = None,
) -> None:
    """Make queued executions `cancelled`, many at once.

    Parameters
    ----------
    waiting
        As lists show them.
    at, why
        When, and why as one sentence; None: somebody asked for the end of each.
    """
    if not waiting:
        return
    was_asked = why is None
    first_rev = next_rev(connection, len(waiting)) - len(waiting) + 1
    rows, words, lines = [], [], []
    for place, old in enumerate(waiting):
        rev = first_rev + place
        asked = replace(old, rev=rev, hold=None, waits_for=None, cancel_requested=was_asked)
        message = cancelled_early(old) if why is None else why
        new = apply(asked, ExecutionFinished(at=at, status=Status.CANCELLED, message=message))
        row = codec.dump(new)
        rows.append({"its_number": new.number, **{name: row[name] for name in ENDING_COLUMNS}})
        words.append({"number": new.number, "words": search.words(new)})
        if was_asked:
            lines.append((asked, "cancel_requested", at))
        lines.append((new, "execution_finished", at))
    connection.execute(_UPDATE_END, rows)
    full_text.of(connection).change(connection, words)
    history.note_all(connection, lines)


def next_rev(connection: sa.Connection, n_changes: int = 1) -> int:
    """Count the store-wide revision up, once per change, and return it."""
    return int(_count_up(connection, n_changes=n_changes, n_rows=0).rev)


def _count_up(connection: sa.Connection, *, n_changes: int, n_rows: int) -> sa.Row[int, int]:
    """Count up what is counted store-wide, and return it."""
    more = {"n_changes": n_changes, "n_rows": n_rows}
    if connection.dialect.update_returning:
        return connection.execute(_COUNT_UP_AND_TELL, more).one()
    # SQLite before 3.35.
    connection.execute(_COUNT_UP, more)
    return connection.execute(_SELECT_COUNTED).one()


def read_rev(connection: sa.Connection) -> int:
    """Return the store-wide revision."""
    return int(connection.execute(_SELECT_REV).scalar_one())


def _key(ref: str | int) -> tuple[sa.Executable, str | int]:
    text = str(ref).removeprefix("#")
    if isinstance(ref, str) and len(text) == ID_LENGTH:
        return _SELECT_BY_ID, codec.clean(text)
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_LENGTH):
        raise _absent(ref)
    return _SELECT_BY_NUMBER, int(text)


def _absent(ref: str | int) -> NotFoundError:
    text = str(ref).removeprefix("#")
    name = f"#{text}" if text.isascii() and text.isdigit() else repr(text)
    if len(name) > ID_LENGTH + 2:
        name = f"{name[:ID_LENGTH]}…"
    return NotFoundError(f"There is no execution {name}.")


def index(connection: sa.Connection, *unknown: Execution) -> None:
    """Make search, tags and numbers know executions outside the trash that they do not know."""
    words = [{"number": each.number, "words": search.words(each)} for each in unknown]
    full_text.of(connection).add(connection, words)
    _tag(connection, *unknown)
    numbers.add(connection, *unknown)


def _tag(connection: sa.Connection, *tagged: Execution) -> None:
    rows = [
        {"tag": codec.clean(tag), "number": each.number} for each in tagged for tag in each.tags
    ]
    if rows:
        connection.execute(_INSERT_TAGS, rows)


def _untag(connection: sa.Connection, number: int) -> None:
    connection.execute(sa.delete(execution_tags).where(execution_tags.c.number == number))


def _reindex(connection: sa.Connection, old: Execution, new: Execution) -> None:
    if old.deleted_at is None and new.deleted_at is not None:
        full_text.of(connection).remove(connection, new.number)
        _untag(connection, new.number)
        numbers.remove(connection, new.number)
    elif old.deleted_at is not None and new.deleted_at is None:
        index(connection, new)
    elif new.deleted_at is None:
        words = search.words(new)
        if words != search.words(old):
            full_text.of(connection).change(connection, [{"number": new.number, "words": words}])
        if old.tags != new.tags:
            _untag(connection, new.number)
            _tag(connection, new)
