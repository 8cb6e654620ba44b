"""One page of 25 out of a long history, and out of a longer one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import history
from bench.figures import Sample, number
from bench.report import Goal, Section, Table
from bench.servers import OURS, SCHEDULER, serve
from jupyter_async_exec.defaults import STORE_FILE

if TYPE_CHECKING:
    from bench.context import Context
    from bench.servers import Server

#: Lists, by the kinds that the goal names.
KINDS = {
    "first": ("first",),
    "last": ("last",),
    "filtered": ("one notebook", "failed", "one tag", "starred", "one notebook, last"),
    "searched": ("search: common word", "search: rare word", "search: name=value"),
}
LIMIT_MS = 10
TEXT = """\
`GET executions?limit=25` of a real server over a filled store, one connection,
from the request to the last byte of the answer; p95 in ms, in brackets the median.
jupyter-scheduler: the same over its own database, `GET jobs?max_items=25`."""


def measure(context: Context) -> Section:
    """Measure every length of history."""
    sizes = context.choose((100, 10_000, 100_000, 1_000_000), (10_000,))
    n_asked = context.choose(100, 30)
    ours = {n_rows: _ours(context, n_rows, n_asked) for n_rows in sizes}
    theirs = {}
    if context.has_scheduler and not context.quick:
        for n_rows in sizes:
            if n_rows <= 100_000:
                theirs[n_rows] = _scheduler(context, n_rows, n_asked)
    return _section(ours, theirs)


def _ours(context: Context, n_rows: int, n_asked: int) -> dict[str, Sample]:
    data_dir = context.new_folder(f"history-{n_rows}")
    began = time.perf_counter()
    history.fill(f"sqlite:///{data_dir / STORE_FILE}", n_rows)
    size_mb = (data_dir / STORE_FILE).stat().st_size / 1e6
    context.say(f"{n_rows:,} rows, {size_mb:,.0f} MB, in {time.perf_counter() - began:.0f} s")
    with serve(context, OURS, data_dir=data_dir) as server:
        found = {
            name: _ask(server, "async-exec/executions", {"limit": "25", **query}, n_asked)
            for name, query in history.queries(n_rows).items()
        }
    (data_dir / STORE_FILE).unlink()
    return found


def _scheduler(context: Context, n_rows: int, n_asked: int) -> dict[str, Sample]:
    folder = context.new_folder(f"scheduler-history-{n_rows}")
    url = f"sqlite:///{folder / 'jobs.sqlite'}"
    history.fill_scheduler(url, n_rows)
    context.say(f"{n_rows:,} jobs")
    with serve(context, SCHEDULER, options=[f"--SchedulerApp.db_url={url}"]) as server:
        lists = {
            "first": {},
            "last": {"next_token": str(n_rows - 25)},
            "filtered": {"status": "FAILED"},
            "searched": {"name": "train_33"},
        }
        return {
            name: _ask(server, "scheduler/jobs", {"max_items": "25", **query}, n_asked)
            for name, query in lists.items()
        }


def _ask(server: Server, path: str, query: dict[str, str], n_asked: int) -> Sample:
    took = []
    for _ in range(n_asked + 3):
        began = time.perf_counter()
        server.http.get(path, params=query).raise_for_status()
        took.append(time.perf_counter() - began)
    # The first ones fill caches that stay filled.
    return Sample.of(took[3:]).times(1e3)


def _section(ours: dict[int, dict[str, Sample]], theirs: dict[int, dict[str, Sample]]) -> Section:
    names = next(iter(ours.values())).keys()
    sizes = [f"{n_rows:,}" for n_rows in ours]
    table = Table(["Executions", *sizes])
    for name in names:
        table.add(name, *(_show(found[name]) for found in ours.values()))
    tables = [table]
    if theirs:
        peer = Table(["jupyter-scheduler's jobs", *(f"{n_rows:,}" for n_rows in theirs)])
        for name in KINDS:
            peer.add(name, *(_show(found[name]) for found in theirs.values()))
        tables.append(peer)
    return Section("lists", "Lists", TEXT, tables, _goals(ours))


def _show(sample: Sample) -> str:
    return f"{number(sample.quantile(0.95))} ({number(sample.median)})"


def _goals(ours: dict[int, dict[str, Sample]]) -> list[Goal]:
    n_rows, found = max(ours.items())
    goals = []
    for kind, names in KINDS.items():
        p95 = max(found[name].quantile(0.95) for name in names)
        goals.append(
            Goal(
                f"a page of 25 at {n_rows:,}, {kind}",
                f"≤ {LIMIT_MS} ms p95",
                f"{number(p95)} ms",
                p95 <= LIMIT_MS,
            )
        )
    slower = found["last"].median / found["first"].median
    goals.append(
        Goal(f"last page at {n_rows:,}", "≈ the first", f"{number(slower)} ×", slower <= 1.25)
    )
    return goals
