"""Long histories: a store filled with plausible executions, and what is asked of it."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import repeat
from multiprocessing import get_context
from typing import TYPE_CHECKING

import sqlalchemy as sa

from jupyter_async_exec.core.execution import CellError, Execution, Reason, Status
from jupyter_async_exec.store import ExecutionStore, codec, full_text, numbers, search
from jupyter_async_exec.store.postgres.full_text import BLOCK_BITS
from jupyter_async_exec.store.tables import execution_numbers, execution_tags, executions, revision
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_execution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor

BATCH = 5_000
NOTEBOOKS = [f"projects/{name}/train_{i}.ipynb" for name in ("vision", "text") for i in range(50)]
#: Besides Ada, who submits a tenth of all.
N_PEOPLE = 1_000
FINAL = [Status.SUCCEEDED] * 88 + [Status.FAILED] * 10 + [Status.CANCELLED] * 2


def execution(number: int, chance: random.Random, n_rows: int) -> Execution:
    """Return one that is over."""
    status = chance.choice(FINAL)
    failed = status is Status.FAILED
    rate = chance.choice((0.1, 0.03, 0.01, 0.003, 0.001))
    made = make_execution(
        number=number,
        rev=number,
        status=status,
        attempt=1,
        notebook_path=chance.choice(NOTEBOOKS),
        title=f"learning_rate {rate} → {chance.random():.4f}, cell {number % 17} edited",
        parameters={
            "learning_rate": rate,
            "epochs": chance.randint(1, 99),
            "run": f"r{number}",
            # A value that nobody tries any more.
            "dropout": 0.5 if number % 5 == 0 and number <= n_rows // 10 else 0.1,
        },
        sweep_id=f"sweep{number // 100}" if number % 3 == 0 else None,
        tags=("baseline",) if number % 7 == 0 else (),
        starred=number % 500 == 0,
        submitted_by="ada" if number % 10 == 3 else f"user-{number * 7919 % N_PEOPLE}",
        created_at=SOME_MOMENT + timedelta(seconds=number),
        metrics={"val_acc": chance.random()},
        note="zebrafish" if number % max(10, n_rows // 10) == 7 else "",
        cells_done=12,
        cells_total=12,
    )
    if failed:
        error = CellError(cell_index=7, ename="KeyError", evalue="'label'", traceback=("x" * 500,))
        made = replace(made, reason=Reason.CELL_ERROR, error=error)
    return made


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of several tables, ready to be inserted."""

    executions: list[Mapping[str, object]]
    words: list[dict[str, object]]
    numbers: list[dict[str, object]]
    tags: list[dict[str, object]]


def make_batch(first: int, n_rows: int) -> Batch:
    """Return the rows of one batch, beginning with execution `first`."""
    chance = random.Random(first)
    made = [execution(n, chance, n_rows) for n in range(first, min(first + BATCH, n_rows + 1))]
    return Batch(
        [codec.dump(each) for each in made],
        [{"number": each.number, "words": search.words(each)} for each in made],
        [row for each in made for row in numbers.rows_of(each)],
        [{"tag": tag, "number": each.number} for each in made for tag in each.tags],
    )


def _some_ahead(makers: Executor, firsts: range, n_rows: int) -> Iterator[Batch]:
    """Yield every batch; only a few wait in memory."""
    for start in range(0, len(firsts), 8):
        yield from makers.map(make_batch, firsts[start : start + 8], repeat(n_rows))


def fill(url: str, n_rows: int) -> None:
    """Fill a new store with so many executions."""
    store = ExecutionStore(url)
    firsts = range(1, n_rows + 1, BATCH)
    # Making rows takes longer than inserting them.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as makers:
        for batch in _some_ahead(makers, firsts, n_rows):

            def work(connection: sa.Connection, batch: Batch = batch) -> None:
                insert = _insert if connection.dialect.name == "sqlite" else _copy
                insert(connection, batch)
                last = batch.words[-1]["number"]
                connection.execute(sa.update(revision).values(rev=last, last_number=last))

            store._writer.run(work)  # noqa: SLF001  a bench may look inside
    store.close()


def _insert(connection: sa.Connection, batch: Batch) -> None:
    connection.execute(sa.insert(executions), batch.executions)
    full_text.of(connection).add(connection, batch.words)
    connection.execute(sa.insert(execution_numbers), batch.numbers)
    if batch.tags:
        connection.execute(sa.insert(execution_tags), batch.tags)


def _copy(connection: sa.Connection, batch: Batch) -> None:
    """Do the same as PostgreSQL does it quickest."""
    words = [
        {
            "number": row["number"],
            "words": " ".join(
                f"'{int(str(row['number'])) >> BLOCK_BITS}|{word}'"
                for word in str(row["words"]).split(" ")
            ),
        }
        for row in batch.words
    ]
    cursor = connection.connection.cursor()
    for table, rows in (
        (executions.name, batch.executions),
        (full_text.FullText.TABLE, words),
        (execution_numbers.name, batch.numbers),
        (execution_tags.name, batch.tags),
    ):
        if rows:
            names = list(rows[0])
            with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([row[name] for name in names])


def queries(n_rows: int) -> dict[str, dict[str, str]]:
    """Return lists by name, as query strings of ``GET executions``."""
    notebook = NOTEBOOKS[3]
    every = len(NOTEBOOKS)
    return {
        "first": {},
        "middle": {"cursor": str(n_rows // 2)},
        "last": {"cursor": "26"},
        "oldest first": {"sort": "number"},
        "one notebook": {"notebook": notebook},
        "one notebook, last": {"notebook": notebook, "cursor": str(30 * every)},
        "failed": {"status": "failed"},
        "failed, last": {"status": "failed", "cursor": "300"},
        "queued or running": {"status": "queued,running"},
        "every final": {"status": "succeeded,failed,cancelled"},
        "one tag": {"tag": "baseline"},
        "starred": {"starred": "true"},
        "one sweep": {"sweep": f"sweep{n_rows // 200}"},
        "notebook, failed": {"notebook": notebook, "status": "failed"},
        "notebook, tag, cancelled": {
            "notebook": notebook,
            "tag": "baseline",
            "status": "cancelled",
        },
        "search: common word": {"q": "learning"},
        "search: common word, last": {"q": "learning", "cursor": "26"},
        "search: one letter": {"q": "l"},
        "search: rare word": {"q": "zebrafish"},
        "search: common and rare": {"q": "learning zebra"},
        "search: many rare words": {"q": "r12"},
        "search: name=value": {"q": "learning_rate=0.003"},
        "search: two common values": {"q": "epochs=42 learning_rate=0.1"},
        "search: #number": {"q": f"#{n_rows // 3}"},
        "search: word, cancelled": {"q": "vision", "status": "cancelled"},
        "search: word, notebook": {"q": "edited", "notebook": notebook},
        "search: error": {"q": "keyerror label"},
        "search: nothing": {"q": "xylophone"},
        "search: old words, last found": {"q": f"r{n_rows // 50}"},
        "comparison: common": {"q": "val_acc > 0.5"},
        "comparison: rare": {"q": "val_acc > 0.9999"},
        "comparison: nothing": {"q": "val_acc > 2"},
        "comparison: old ones": {"q": "dropout > 0.4"},
        "two comparisons": {"q": "val_acc > 0.9 epochs = 42"},
        "comparison and word": {"q": "val_acc > 0.9 vision"},
        "comparison and notebook": {"q": "val_acc > 0.9", "notebook": notebook},
        "rare comparison and common word": {"q": "val_acc > 0.9999 vision"},
        "common comparison and rare word": {"q": "val_acc > 0.1 zebrafish"},
        "one person": {"q": "owner:user-8"},
        "one person, failed": {"q": "owner:user-8", "status": "failed"},
        "one person, common word": {"q": "owner:user-8 learning"},
        "one person, rare word": {"q": "owner:user-8 zebrafish"},
        "one person, comparison": {"q": "owner:user-8 val_acc > 0.9"},
        "busy person, rare word": {"q": "owner:ada zebrafish"},
        "busy person, cancelled": {"q": "owner:ada", "status": "cancelled"},
    }


def fill_scheduler(url: str, n_rows: int) -> None:
    """Fill a new database of jupyter-scheduler with so many jobs that are over."""
    from jupyter_scheduler.orm import Job, create_tables

    create_tables(url)
    chance = random.Random(1)
    engine = sa.create_engine(url)
    began_ms = int(SOME_MOMENT.timestamp() * 1e3)
    with engine.begin() as connection:
        for first in range(0, n_rows, BATCH):
            jobs = [
                {
                    "job_id": f"{number:032x}",
                    "name": f"train_{number % 100}",
                    "status": chance.choice(("COMPLETED", "COMPLETED", "COMPLETED", "FAILED")),
                    "runtime_environment_name": "python3",
                    "input_filename": f"train_{number % 100}.ipynb",
                    "output_formats": ["ipynb"],
                    "parameters": {"learning_rate": "0.1", "run": f"r{number}"},
                    "create_time": began_ms + number * 1_000,
                    "start_time": began_ms + number * 1_000,
                    "end_time": began_ms + number * 1_000 + 900,
                }
                for number in range(first, min(first + BATCH, n_rows))
            ]
            connection.execute(sa.insert(Job.__table__), jobs)
    engine.dispose()
