"""Pages of the store itself, a file's and PostgreSQL's: ``python -m bench.store_pages [ROWS]``.

Without a server of Jupyter's around it, so that what the two databases take can
be compared. PostgreSQL is started as `tests/postgres.py` does it, in a folder of
its own, with the settings its makers chose. With ``--at URL``, which may be given
several times, stores are asked that were filled before, by ``--fill URL``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench import history
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from tests.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

N_ASKED = 100
#: As Debian's package sets it, which is PostgreSQL's own choice.
SETTINGS = {"shared_buffers": "128MB"}


def main() -> None:
    """Fill both, ask both, print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("n_rows", type=int, nargs="?", default=1_000_000, metavar="ROWS")
    options.add_argument("--only", choices=("sqlite", "postgresql"))
    options.add_argument("--at", action="append", default=[], metavar="URL")
    options.add_argument("--fill", metavar="URL")
    options.add_argument("--asked", type=int, default=N_ASKED, metavar="TIMES")
    chosen = options.parse_args()
    if chosen.fill:
        _fill(chosen.fill, chosen.n_rows)
        return
    found = {}
    for url in chosen.at:
        name = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
        found[name] = _ask_all(url, chosen.n_rows, chosen.asked)
    if not found and chosen.only != "postgresql":
        with tempfile.TemporaryDirectory(prefix="pages-") as folder:
            url = f"sqlite:///{Path(folder) / 'store.sqlite'}"
            _fill(url, chosen.n_rows)
            found["SQLite"] = _ask_all(url, chosen.n_rows, chosen.asked)
    if not chosen.at and chosen.only != "sqlite":
        cluster = Cluster(**SETTINGS)
        try:
            found["PostgreSQL"] = _ask_server(cluster, chosen.n_rows, chosen.asked)
        finally:
            cluster.remove()
    names = list(found)
    print("| List | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for kind in history.queries(chosen.n_rows):
        print(f"| {kind} | " + " | ".join(found[name][kind] for name in names) + " |")


def _ask_server(cluster: Cluster, n_rows: int, n_asked: int) -> dict[str, str]:
    cluster.start()
    url = cluster.create("pages")
    ExecutionStore(url).close()
    # Filling is much quicker when words are indexed at the end.
    index = cluster.sql("SELECT pg_get_indexdef('ix_execution_search_words'::regclass)", "pages")
    cluster.sql("DROP INDEX ix_execution_search_words", "pages")
    _fill(url, n_rows)
    cluster.sql(f"SET maintenance_work_mem = '256MB'; {index}", "pages")
    # As autovacuum does it, some time after so many changes.
    cluster.sql("VACUUM ANALYZE", "pages")
    size_mb = int(cluster.sql("SELECT pg_database_size('pages')")) / 1e6
    print(f"{size_mb:,.0f} MB", file=sys.stderr)
    return _ask_all(url, n_rows, n_asked)


def _fill(url: str, n_rows: int) -> None:
    began = time.perf_counter()
    history.fill(url, n_rows)
    print(f"filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def _ask_all(url: str, n_rows: int, n_asked: int) -> dict[str, str]:
    with closing(ExecutionStore(url)) as store:
        return {
            name: _ask(store, _query(query), n_asked)
            for name, query in history.queries(n_rows).items()
        }


def _ask(store: ExecutionStore, query: ExecutionQuery, n_asked: int) -> str:
    """Return p95 and median in ms, and how many were found."""
    took_ms = []
    n_found = 0
    for _ in range(n_asked + 3):
        began = time.perf_counter()
        n_found = len(store.find(query).executions)
        took_ms.append((time.perf_counter() - began) * 1e3)
    # The first ones fill caches that stay filled.
    kept = took_ms[3:]
    p95 = statistics.quantiles(kept, n=20)[-1]
    return f"{p95:.2f} ({statistics.median(kept):.2f}), {n_found}"


def _query(query: Mapping[str, str]) -> ExecutionQuery:
    statuses = query.get("status", "")
    return ExecutionQuery(
        notebook=query.get("notebook"),
        statuses=frozenset(Status(each) for each in statuses.split(",") if each),
        sweep=query.get("sweep"),
        text=query.get("q"),
        tag=query.get("tag"),
        starred=True if "starred" in query else None,
        newest_first=query.get("sort") != "number",
        cursor=query.get("cursor"),
    )


if __name__ == "__main__":
    main()
