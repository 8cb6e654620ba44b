"""Fill a data folder with a long history: ``python fill.py FOLDER [ROWS]``.

Rows look like those of people: changing titles, errors, remarks, metrics.
"""

from __future__ import annotations

import random
import sys
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from jupyter_async_exec.core.execution import CellError, Execution, Reason, Status
from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.store import ExecutionStore, codec, full_text, search
from jupyter_async_exec.store.tables import executions, revision
from jupyter_async_exec.testing.factories import SOME_MOMENT, make_execution

BATCH = 5_000
NOTEBOOKS = [f"projects/{name}/train_{i}.ipynb" for name in ("vision", "text") for i in range(10)]
STATUSES = [Status.SUCCEEDED] * 17 + [Status.FAILED] * 2 + [Status.CANCELLED]


def execution(number: int, chance: random.Random) -> Execution:
    """Return one that is over."""
    status = chance.choice(STATUSES)
    began = SOME_MOMENT - timedelta(days=300) + timedelta(seconds=180 * number)
    error = CellError(
        cell_index=7,
        ename="KeyError",
        evalue="'label'",
        traceback=tuple(f'  File "train.py", line {line}, in step' for line in range(12)),
    )
    failed = status is Status.FAILED
    return make_execution(
        number=number,
        rev=number,
        status=status,
        reason=Reason.CELL_ERROR if failed else None,
        error=error if failed else None,
        attempt=1,
        notebook_path=chance.choice(NOTEBOOKS),
        title=f"learning_rate 0.01 → {chance.random():.4f}, cell {number % 17} edited",
        parameters={"learning_rate": chance.random(), "epochs": chance.randint(1, 99)},
        starred=number % 500 == 0,
        created_at=began,
        started_at=began,
        finished_at=began + timedelta(seconds=chance.expovariate(1 / 90)),
        metrics={"val_acc": chance.random(), "val_loss": chance.random()},
        cells_done=12,
        cells_total=12,
    )


def main() -> None:
    """Fill what is not there yet."""
    folder = Path(sys.argv[1])
    n_rows = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    store = ExecutionStore(f"sqlite:///{folder / STORE_FILE}")
    for first in range(store.last_rev() + 1, n_rows + 1, BATCH):
        batch = [execution(n, chance) for n in range(first, min(first + BATCH, n_rows + 1))]

        def work(connection: sa.Connection, batch: list[Execution] = batch) -> None:
            connection.execute(sa.insert(executions), [codec.dump(each) for each in batch])
            words = [{"number": each.number, "words": search.words(each)} for each in batch]
            full_text.of(connection).add(connection, words)
            last = batch[-1].number
            connection.execute(sa.update(revision).values(rev=last, last_number=last))

        store._writer.run(work)  # noqa: SLF001  a bench may look inside
    store.close()


if __name__ == "__main__":
    main()
