"""Each operation with each of its writes failing, in a process of its own.

``python -m tests.faults.injected OPERATION FOLDER POINTS SEED`` with `failing_io.c` preloaded
does the operation again and again, another of its calls failing each time, always on fresh
files, and prints what did not hold.
"""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import random
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import exc

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.local import LocalBackend
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import ExecutionFinished
from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.errors import DiskFullError, UnavailableError
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.journal import JournalWriter
from jupyter_async_exec.service.verification import verify
from jupyter_async_exec.snapshots.capture import capture
from jupyter_async_exec.snapshots.notebook import normalise
from jupyter_async_exec.store import ExecutionStore
from jupyter_async_exec.store.sqlite.upgrade import migrate
from jupyter_async_exec.testing.factories import make_submission
from tests.conftest import make_notebook
from tests.faults.damage import flip

if TYPE_CHECKING:
    from collections.abc import Callable

#: Does the operation; returns what to check of its outcome once nothing fails any more.
Operation: TypeAlias = "Callable[[Place], Callable[[bool], str | None]]"

ONCE, FROM_THEN_ON, KILL, TORN = range(4)
#: How a call fails: which errno, and for how long.
WAYS = {
    "full": (errno.ENOSPC, FROM_THEN_ON),
    "full-once": (errno.ENOSPC, ONCE),
    "broken": (errno.EIO, FROM_THEN_ON),
    "broken-once": (errno.EIO, ONCE),
    "killed": (0, KILL),
    "torn": (0, TORN),
}
#: What an operation may say when the disk does not do its part.
TRUTHFUL = (DiskFullError, UnavailableError)
#: What else those may raise whose callers know what to do.
EXPECTED = {"finish": (OSError,), "upgrade": (OSError, sqlite3.Error, exc.DBAPIError)}


class Place:
    """The files of one try: a store with one final execution, its objects, an attempts folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store_file = folder / "store.sqlite"
        self.work = folder.with_name("work")

    def open_store(self) -> ExecutionStore:
        return ExecutionStore(f"sqlite:///{self.store_file}")

    def open_objects(self) -> LocalObjectStore:
        return LocalObjectStore(self.folder / "objects")

    def snapshot(self, text: str) -> str:
        """Capture a notebook with a file beside it, both of this text."""
        (self.work / "helper.py").write_text(f"# {text}\n" + "x = 1\n" * 200_000)
        captured = capture(
            normalise(make_notebook(f"print({text!r})")),
            notebook_path="a.ipynb",
            folder=self.work,
            server_root=self.work,
            kernel_name="python3",
            language="python",
            objects=self.open_objects(),
        )
        return captured.snapshot_id

    def claimed(self) -> tuple[Execution, LocalBackend]:
        """Return a running execution whose runner died after some output."""
        with closing(self.open_store()) as store:
            store.accept(make_submission(snapshot_id=self.snapshot("first"), parameters={}))
            execution = store.claim(backend="local")
        assert execution is not None
        backend = LocalBackend(
            self.folder / "attempts", objects=self.open_objects(), nice=0, patience_s=0.0
        )
        directory = self.folder / "attempts" / f"{execution.id}-1"
        directory.mkdir(parents=True, mode=0o700)
        backend._prepare(execution, directory, {})
        (directory / files.LOCK).touch()
        writer = JournalWriter(directory / files.JOURNAL)
        for kind, fields in (
            ("execution_started", {"cells_total": 1}),
            ("cell_started", {"cell_index": 0}),
            ("output", {"cell_index": 0, "output": _stream("so far\n")}),
        ):
            writer.append(writer.stamp(kind, fields))
        writer.close()
        (directory / files.LOG).write_text("so far\n")
        (directory / "work" / "a.txt").write_text("made")
        return execution, backend


def _stream(text: str) -> dict[str, str]:
    return {"output_type": "stream", "name": "stdout", "text": text}


# ---------------------------------------------------------------- operations


def submit(place: Place) -> Callable[[bool], str | None]:
    """Capture and accept."""
    store = place.open_store()
    submission = make_submission(parameters={}, request_id="once")

    def check(is_done: bool) -> str | None:
        with closing(place.open_store()) as again:
            n_before = len(list(again.iterate()))
            if is_done and n_before != 2:
                return "what was accepted is not there"
            # Whoever got no answer, or an error, asks again.
            sealed = replace(submission, snapshot_id=place.snapshot("second"))
            accepted, _ = again.accept(sealed)
            if accepted.number != 2 or len(list(again.iterate())) != 2:
                return "asking again did not make it one execution"
        return None

    def act() -> None:
        try:
            store.accept(replace(submission, snapshot_id=place.snapshot("second")))
        finally:
            store.close()

    _run(act)
    return check


def finish(place: Place) -> Callable[[bool], str | None]:
    """Conclude a dead attempt, keep what it left, record its end, remove its folder."""
    with closing(place.open_store()) as store:
        execution = store.get(1)
    backend = LocalBackend(
        place.folder / "attempts", objects=place.open_objects(), nice=0, patience_s=60.0
    )
    key = AttemptKey(execution.id, execution.attempt)

    def act() -> None:
        observation = backend._observe(key, 0)
        assert observation.result is not None
        harvest = backend._harvest(key)
        end = ExecutionFinished(
            at=utc_now(),
            status=observation.result.status,
            reason=observation.result.reason,
            message=observation.result.message,
            output_object=harvest.output_object,
            journal_object=harvest.journal_object,
            log_object=harvest.log_object,
            artifacts=harvest.artifacts,
        )
        with closing(place.open_store()) as store:
            store.record(execution.id, execution.attempt, (end,))
        backend._discard(key)

    def check(is_done: bool) -> str | None:
        with closing(place.open_store()) as store:
            is_final = store.get(execution.id).is_final
        if is_done and not is_final:
            return "its end is not recorded"
        if not is_final:
            act()
        with closing(place.open_store()) as store:
            ended = store.get(execution.id)
        if ended.message != "The runner disappeared while cell 1 was running.":
            return f"it is told wrongly: {ended.message}"
        if ended.output_object is None or [a.name for a in ended.artifacts] != ["a.txt"]:
            return "what it left is not kept"
        notebook = json.loads(place.open_objects().get(ended.output_object))
        if notebook["cells"][0]["outputs"][0]["text"] != "so far\n":
            return "its output is not in the notebook"
        return None

    _run(act)
    return check


def trash(place: Place) -> Callable[[bool], str | None]:
    """Change a record, its tags and its words, and move it to the trash."""

    def act() -> None:
        with closing(place.open_store()) as store:
            store.edit(1, tags=["one", "two"], note="words " * 2_000)
            store.trash(1)

    def check(is_done: bool) -> str | None:
        with closing(place.open_store()) as store:
            is_gone = store.get(1, include_deleted=True).deleted_at is not None
            store.untrash(1)
        return "it is not in the trash" if is_done and not is_gone else None

    _run(act)
    return check


def upgrade(place: Place) -> Callable[[bool], str | None]:
    """Upgrade the store to a format of a later release."""
    later = place.folder.with_name("later")

    def act() -> None:
        migrate(place.store_file, mode="WAL", busy_timeout_s=5.0, migrations=later)

    def check(is_done: bool) -> str | None:
        with closing(sqlite3.connect(place.store_file)) as connection:
            (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            columns = [row[1] for row in connection.execute("PRAGMA table_info(executions)")]
        if is_done and found != "9000":
            return f"it is said to be upgraded and has format {found}"
        if ("priority" in columns) != (found == "9000"):
            return "it is upgraded by half"
        if found != "9000":
            with closing(place.open_store()) as store:
                if store.get(1).title != "train":
                    return "the old store is not usable"
        act()
        shutil.move(place.store_file.with_name("store.sqlite.before-9000"), place.store_file)
        for name in ("store.sqlite-wal", "store.sqlite-shm"):
            place.store_file.with_name(name).unlink(missing_ok=True)
        return None

    _run(act)
    return check


def repair(place: Place) -> Callable[[bool], str | None]:
    """Repair a damaged store."""

    def act() -> None:
        with closing(place.open_store()) as store:
            found = verify(store, place.open_objects(), repair=True)
        if found.n_left:
            raise UnavailableError("; ".join(damage.message for damage in found.damages))

    def check(_is_done: bool) -> str | None:
        act()
        return None

    _run(act)
    return check


OPERATIONS: dict[str, Operation] = {
    "submit": submit,
    "finish": finish,
    "trash": trash,
    "upgrade": upgrade,
    "repair": repair,
}

NEXT_FORMAT = """
import sqlalchemy as sa
from alembic import op
revision = "9000"
down_revision = "{last}"

def upgrade():
    op.create_table("later", sa.Column("x", sa.Integer))
    with op.batch_alter_table("executions") as batch:
        batch.add_column(sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
"""


def prepare(operation: str, folder: Path) -> None:
    """Make what each try starts from, in `folder`/template."""
    place = Place(folder / "template")
    place.folder.mkdir()
    place.work.mkdir()
    if operation == "finish":
        place.claimed()
        return
    objects = place.open_objects()
    with closing(place.open_store()) as store:
        store.accept(make_submission(snapshot_id=place.snapshot("first"), parameters={}))
        execution = store.claim(backend="local")
        assert execution is not None
        end = ExecutionFinished(
            at=utc_now(), status=Status.SUCCEEDED, log_object=objects.put(b"a log " * 1_000)
        )
        store.record(execution.id, 1, (end,))
    if operation == "upgrade":
        from jupyter_async_exec.store.migrate import MIGRATIONS, known_formats

        later = folder / "later"
        shutil.copytree(MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
        text = NEXT_FORMAT.format(last=known_formats()[-1])
        (later / "versions" / "f9000_later.py").write_text(text)
    if operation == "repair":
        object_id = objects.put(b"nobody needs this")
        flip(place.folder / "objects" / object_id[:2] / object_id[2:], 5)
        with closing(sqlite3.connect(place.store_file)) as connection:
            connection.execute("DELETE FROM execution_search")
            connection.commit()


# ---------------------------------------------------------------- the loop

_library = ctypes.CDLL(os.environ["LD_PRELOAD"]) if os.environ.get("LD_PRELOAD") else None
_armed: dict[str, Any] = {}
_outcome: dict[str, Any] = {}


def _run(act: Callable[[], None]) -> None:
    """Do it while a call fails; note how it went."""
    assert _library is not None
    _library.faults_arm(
        str(_armed["folder"]).encode(), _armed["n"], _armed["errno"], _armed["mode"]
    )
    problem = None
    try:
        act()
    except TRUTHFUL as error:
        _outcome["said"] = str(error)
    except _armed["expected"] as error:
        # Whoever calls it translates these, or tries again.
        _outcome["said"] = str(error)
    except Exception as error:  # noqa: BLE001  whatever it is, it is no sentence
        problem = f"{type(error).__name__}: {error}"
    else:
        _outcome["done"] = True
    finally:
        _outcome["calls"] = _library.faults_disarm()
    if problem is not None:
        _outcome["problem"] = problem


def try_once(operation: str, way: str, folder: Path, n: int) -> tuple[int, str | None]:
    """Do the operation with its `n`-th call failing; return its calls and what did not hold."""
    target = folder / "try"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "template", target, symlinks=True)
    place = Place(target)
    number, mode = WAYS[way]
    _armed.update(folder=str(target), n=n, errno=number, mode=mode)
    _armed["expected"] = EXPECTED.get(operation, ())
    _outcome.clear()
    if mode in (KILL, TORN):
        return _try_killed(operation, place)
    check = OPERATIONS[operation](place)
    problem = _outcome.get("problem") or check(bool(_outcome.get("done")))
    return int(_outcome["calls"]), str(problem) if problem else _judge(place)


def _try_killed(operation: str, place: Place) -> tuple[int, str | None]:
    child = os.fork()
    if child == 0:
        try:
            OPERATIONS[operation](place)
        finally:
            # Beyond its last call nothing is killed.
            os._exit(0 if _outcome.get("done") else 1)
    _, status = os.waitpid(child, 0)
    is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    fresh = Place(place.folder)
    check = _check_of(operation, fresh)
    problem = check(not is_killed)
    return 0, problem or _judge(fresh)


def _check_of(operation: str, place: Place) -> Callable[[bool], str | None]:
    """Return the check of an operation whose process is gone."""
    global _run  # noqa: PLW0603  the operation itself is not done again
    real, _run = _run, lambda act: None
    try:
        return OPERATIONS[operation](place)
    finally:
        _run = real


def _judge(place: Place) -> str | None:
    """Return what `verify` finds afterwards, None if nothing."""
    with closing(place.open_store()) as store:
        found = verify(store, place.open_objects())
    return "; ".join(damage.message for damage in found.damages) or None


def choose(n_calls: int, n_points: int, dice: random.Random) -> list[int]:
    """Return which calls are to fail: all, or some from everywhere."""
    if n_points >= n_calls:
        return list(range(1, n_calls + 1))
    step = n_calls / n_points
    return [int(index * step + dice.random() * step) + 1 for index in range(n_points)]


def main(operation: str, folder: Path, n_points: int, seed: int) -> None:
    """Go through the calls in every way; print how many there are, and what did not hold."""
    logging.disable(logging.CRITICAL)
    prepare(operation, folder)
    n_calls, problem = try_once(operation, "full-once", folder, 0)
    problems = [f"undisturbed: {problem}"] if problem else []
    said: set[str] = set()
    n_tries = 0
    dice = random.Random(seed)
    for way in WAYS:
        for n in choose(n_calls, n_points, dice):
            n_tries += 1
            _, problem = try_once(operation, way, folder, n)
            if problem is not None:
                problems.append(f"{way}, call {n}: {problem}")
            if "said" in _outcome:
                said.add(str(_outcome["said"]).replace(str(folder), ""))
    report = {"n_calls": n_calls, "n_tries": n_tries, "problems": problems, "said": sorted(said)}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
