"""How long a page of 25 takes with a long history: ``python bench/store_pages.py [ROWS]``.

Fills a store in a temporary folder (or in ``--folder``, kept for the next
time) with plausible executions and prints p50, p95 and the maximum per list.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from jupyter_async_exec.core.execution import CellError, Execution, Reason, Status
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore, codec, search
from jupyter_async_exec.store.tables import execution_tags, executions, revision
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_execution

BATCH = 5_000
ROUNDS = 100
NOTEBOOKS = [f"projects/{name}/train_{i}.ipynb" for name in ("vision", "text") for i in range(50)]
FINAL = [Status.SUCCEEDED] * 88 + [Status.FAILED] * 10 + [Status.CANCELLED] * 2
INSERT_WORDS = sa.text("INSERT INTO execution_search (rowid, words) VALUES (:number, :words)")


def execution(number: int, chance: random.Random, n_rows: int) -> Execution:
    status = chance.choice(FINAL) if number <= n_rows - 40 else Status.QUEUED
    failed = status is Status.FAILED
    rate = chance.choice((0.1, 0.03, 0.01, 0.003, 0.001))
    made = make_execution(
        number=number,
        rev=number,
        status=status,
        attempt=1,
        notebook_path=chance.choice(NOTEBOOKS),
        title=f"learning_rate {rate} → {chance.random():.4f}, cell {number % 17} edited",
        parameters={"learning_rate": rate, "epochs": chance.randint(1, 99), "run": f"r{number}"},
        sweep_id=f"sweep{number // 100}" if number % 3 == 0 else None,
        tags=("baseline",) if number % 7 == 0 else (),
        starred=number % 500 == 0,
        created_at=SOME_MOMENT + timedelta(seconds=number),
        metrics={"val_acc": chance.random()},
        note="zebrafish" if number % (n_rows // 10) == 7 else "",
        cells_done=12,
        cells_total=12,
    )
    if failed:
        error = CellError(cell_index=7, ename="KeyError", evalue="'label'", traceback=("x" * 500,))
        made = replace(made, reason=Reason.CELL_ERROR, error=error)
    return made


def fill(store: ExecutionStore, n_rows: int) -> None:
    chance = random.Random(1)
    for first in range(store.last_rev() + 1, n_rows + 1, BATCH):
        batch = [execution(n, chance, n_rows) for n in range(first, first + BATCH)]

        def work(connection: sa.Connection, batch: list[Execution] = batch) -> None:
            connection.execute(sa.insert(executions), [codec.dump(each) for each in batch])
            words = [{"number": each.number, "words": search.words(each)} for each in batch]
            connection.execute(INSERT_WORDS, words)
            tags = [{"tag": tag, "number": each.number} for each in batch for tag in each.tags]
            connection.execute(sa.insert(execution_tags), tags)
            connection.execute(sa.update(revision).values(rev=batch[-1].number))

        store._writer.run(work)  # noqa: SLF001  a bench may look inside


def queries(n_rows: int) -> dict[str, ExecutionQuery]:
    failed = frozenset({Status.FAILED})
    rare = frozenset({Status.CANCELLED})
    notebook = NOTEBOOKS[3]
    return {
        "first": ExecutionQuery(),
        "middle": ExecutionQuery(cursor=str(n_rows // 2)),
        "last": ExecutionQuery(cursor="26"),
        "oldest first": ExecutionQuery(newest_first=False),
        "notebook": ExecutionQuery(notebook=notebook),
        "notebook, last": ExecutionQuery(notebook=notebook, cursor="3000"),
        "failed": ExecutionQuery(statuses=failed),
        "failed, last": ExecutionQuery(statuses=failed, cursor="300"),
        "queued or running": ExecutionQuery(statuses=frozenset({Status.QUEUED, Status.RUNNING})),
        "every final": ExecutionQuery(statuses=frozenset(FINAL)),
        "tag": ExecutionQuery(tag="baseline"),
        "starred": ExecutionQuery(starred=True),
        "sweep": ExecutionQuery(sweep="sweep77"),
        "notebook + failed": ExecutionQuery(notebook=notebook, statuses=failed),
        "notebook + tag + cancelled": ExecutionQuery(
            notebook=notebook, tag="baseline", statuses=rare
        ),
        "q common word": ExecutionQuery(text="learning"),
        "q common word, last": ExecutionQuery(text="learning", cursor="26"),
        "q one letter": ExecutionQuery(text="l"),
        "q rare word": ExecutionQuery(text="zebrafish"),
        "q common + rare": ExecutionQuery(text="learning zebra"),
        "q many rare words (r12*)": ExecutionQuery(text="r12"),
        "q name=value": ExecutionQuery(text="learning_rate=0.003"),
        "q two common values": ExecutionQuery(text="epochs=42 learning_rate=0.1"),
        "q #number": ExecutionQuery(text=f"#{n_rows // 3}"),
        "q number": ExecutionQuery(text=str(n_rows // 3)),
        "q word + cancelled": ExecutionQuery(text="vision", statuses=rare),
        "q word + notebook": ExecutionQuery(text="edited", notebook=notebook),
        "q error": ExecutionQuery(text="keyerror label"),
        "q nothing": ExecutionQuery(text="xylophone"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.folder or Path(folder)) / f"pages-{options.rows}.sqlite"
        store = ExecutionStore(f"sqlite:///{path}")
        began = time.perf_counter()
        fill(store, options.rows)
        print(f"{options.rows:,} rows, filled in {time.perf_counter() - began:.0f} s, ", end="")
        print(f"{path.stat().st_size / 1e6:,.0f} MB")
        print(f"{'list':28} {'rows':>4} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
        for name, query in queries(options.rows).items():
            took = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                page = store.find(query)
                took.append((time.perf_counter() - start) * 1e3)
            p95 = statistics.quantiles(took, n=20)[-1]
            n_shown = len(page.executions)
            print(
                f"{name:28} {n_shown:4} {statistics.median(took):8.2f} {p95:8.2f} {max(took):8.2f}"
            )
        store.close()


if __name__ == "__main__":
    main()
