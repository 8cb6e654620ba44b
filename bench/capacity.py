"""What one store carries: whole lives of executions per second, and the room they take.

``python -m bench.capacity [N] [STORE]`` prints the figures of docs/explanation/capacity.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.machine import describe
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import CellFinished, ExecutionFinished, ExecutionStarted
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import make_submission

#: Reports of progress between the first cell and the end; more would be less than a second apart.
N_REPORTS = 3
N_PAGES = 50


def measure(store: ExecutionStore, n: int) -> dict[str, float]:
    """Return lives and submissions per second, and milliseconds of a page (median)."""
    people = [f"user-{index}" for index in range(20)]
    began_s = time.perf_counter()
    for index in range(n):
        store.accept(make_submission(submitted_by=people[index % 20], parameters={"n": index}))
    accepted_s = time.perf_counter()
    for _ in range(n):
        _live(store)
    lived_s = time.perf_counter()
    pages_ms = {
        "page of everybody": _page_ms(store, ExecutionQuery()),
        "page of one person": _page_ms(store, ExecutionQuery(owners=frozenset({"", people[0]}))),
    }
    return {
        "submissions per second": n / (accepted_s - began_s),
        "lives after that per second": n / (lived_s - accepted_s),
        **pages_ms,
    }


def _live(store: ExecutionStore) -> None:
    claimed = store.claim(backend="local")
    assert claimed is not None
    key = claimed.id, claimed.attempt
    store.record(*key, [ExecutionStarted(at=utc_now(), cells_total=N_REPORTS)])
    for index in range(N_REPORTS):
        store.record(*key, [CellFinished(at=utc_now(), cell_index=index)])
    end = ExecutionFinished(at=utc_now(), status=Status.SUCCEEDED, output_object="0" * 64)
    store.record(*key, [end])


def _page_ms(store: ExecutionStore, query: ExecutionQuery) -> float:
    taken = []
    for _ in range(N_PAGES):
        began_s = time.perf_counter()
        store.find(query)
        taken.append(time.perf_counter() - began_s)
    return sorted(taken)[N_PAGES // 2] * 1_000


def main(n: int = 2_000, url: str = "") -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        with closing(ExecutionStore(url or f"sqlite:///{path}")) as store:
            found = measure(store, n)
        print(describe())
        for name, value in found.items():
            print(f"{name}: {value:.1f}")
        if not url:
            print(f"bytes per execution: {path.stat().st_size / n:.0f}")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, str), sys.argv[1:], strict=False)))
