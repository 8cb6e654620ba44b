"""What one store carries: executions accepted, lived through and listed, by several servers.

``python -m bench.capacity [EXECUTIONS] [--store sqlite|postgresql|URL] [--servers 1,2,8]
[--at-once N]`` prints the figures of docs/explanation/capacity.md. Each server is a process
with the store opened as a Jupyter server opens it, which does so many things at once; on
PostgreSQL each is a machine of its own, whose executions it alone claims. PostgreSQL is
started in a folder of its own with the settings its makers chose, thus durably.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil

from bench.machine import describe
from jupyter_async_exec.core.clock import utc_now
from jupyter_async_exec.core.events import CellFinished, ExecutionFinished, ExecutionStarted
from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.store import ExecutionQuery, ExecutionStore
from jupyter_async_exec.testing.factories import make_submission
from tests.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier

    from jupyter_async_exec.core.events import Event

ResultT = TypeVar("ResultT")

#: Reports of progress between the first cell and the end; more would be less than a second apart.
N_REPORTS = 3
#: Claim, start, reports and end.
N_CHANGES = N_REPORTS + 3
N_PEOPLE = 20
#: Pages asked for where nothing else happens.
N_PAGES = 100
#: Between two pages asked for while executions live.
PAGE_PAUSE_S = 0.05
#: As Debian's package sets it, which is PostgreSQL's own choice.
SETTINGS = {"shared_buffers": "128MB"}


@dataclass(frozen=True, slots=True)
class Place:
    """A store to be measured, and what is known of its database."""

    url: str
    size_bytes: Callable[[], int]
    #: Of the database's own processes; 0 where it has none.
    cpu_s: Callable[[], float]


def main() -> None:
    """Measure and print a table, a row for each number of servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=2_000, metavar="EXECUTIONS")
    parser.add_argument("--store", default="sqlite", metavar="sqlite|postgresql|URL")
    parser.add_argument("--servers", default="1", metavar="1,2,8")
    parser.add_argument("--at-once", type=int, default=1, metavar="N")
    chosen = parser.parse_args()
    print(describe())
    print(f"{chosen.store}, {chosen.n} executions, {chosen.at_once} at once in each server")
    with _open_place(chosen.store) as place:
        for n_servers in map(int, chosen.servers.split(",")):
            found = measure(place, chosen.n, n_servers=n_servers, n_at_once=chosen.at_once)
            for name, value in found.items():
                print(f"{n_servers} servers: {name}: {value:.2f}")


@contextmanager
def _open_place(store: str) -> Iterator[Place]:
    """Make a store of that kind, or use the one at that address."""
    if store == "sqlite":
        with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
            path = Path(folder) / "store.sqlite"
            yield Place(f"sqlite:///{path}", lambda: path.stat().st_size, lambda: 0.0)
    elif store == "postgresql":
        cluster = Cluster(**SETTINGS)
        try:
            cluster.start()
            size = "SELECT pg_database_size('capacity')"
            yield Place(
                cluster.create("capacity"),
                lambda: int(cluster.sql(size)),
                lambda: _cpu_s(cluster.pid),
            )
        finally:
            cluster.remove()
    else:
        yield Place(store, lambda: 0, lambda: 0.0)


def measure(place: Place, n: int, *, n_servers: int, n_at_once: int) -> dict[str, float]:
    """Return rates per second, milliseconds of processor and of pages, and bytes."""
    context = get_context("spawn")
    gate = context.Barrier(n_servers + 1)
    with closing(ExecutionStore(place.url)) as store:
        before_bytes = place.size_bytes()
        each = n // n_servers
        servers = [
            context.Process(target=serve, args=(place.url, index, each, n_at_once, gate))
            for index in range(n_servers)
        ]
        for server in servers:
            server.start()
        gate.wait()
        accepted = _Stretch(place, each * n_servers)
        gate.wait()
        accepted.end()
        alone = _pages_ms(store, lambda n_asked: n_asked < N_PAGES, pause_s=0.0)
        gate.wait()
        lived = _Stretch(place, each * n_servers * N_CHANGES)
        beside = _pages_ms(
            store, lambda _: any(server.is_alive() for server in servers), pause_s=PAGE_PAUSE_S
        )
        for server in servers:
            server.join()
        lived.end()
        size_bytes = place.size_bytes() - before_bytes
    return {
        "accepted per second": accepted.rate,
        "changes per second": lived.rate,
        "lives per second": lived.rate / N_CHANGES,
        "ms of the processors per submission, the database's own": accepted.cpu_ms,
        "ms of the processors per change, the database's own": lived.cpu_ms,
        "kB per execution": size_bytes / (each * n_servers) / 1e3,
        "page, median ms": statistics.median(alone),
        "page, p95 ms": _p95(alone),
        "page while all this is written, median ms": statistics.median(beside),
        "page while all this is written, p95 ms": _p95(beside),
    }


class _Stretch:
    """How many things were done in the time between its making and its end."""

    def __init__(self, place: Place, n: int) -> None:
        self._place, self._n = place, n
        self._began_s, self._cpu_s = time.perf_counter(), place.cpu_s()

    def end(self) -> None:
        self.rate = self._n / (time.perf_counter() - self._began_s)
        self.cpu_ms = (self._place.cpu_s() - self._cpu_s) * 1e3 / self._n


def serve(url: str, index: int, n: int, n_at_once: int, gate: Barrier) -> None:
    """Be one server: accept so many, then let them live, each time when all are ready."""
    is_machine = not url.startswith("sqlite")
    store = ExecutionStore(url, machine=f"machine-{index}" if is_machine else None)
    people = [f"user-{person}" for person in range(N_PEOPLE)]
    # Its connections are open when it begins.
    store.settings.get("slots")

    def accept(place: int) -> None:
        person = people[place % N_PEOPLE]
        made = make_submission(submitted_by=person, parameters={"n": place, "lr": 0.01})
        _insist(lambda: store.accept(made))

    with ThreadPoolExecutor(n_at_once) as threads:
        gate.wait()
        list(threads.map(accept, range(n)))
        gate.wait()
        gate.wait()
        list(threads.map(lambda _: _live(store), range(n)))
    store.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"server {index}: {(used.ru_utime + used.ru_stime) * 1e3 / n:.2f} ms of its own each")


def _live(store: ExecutionStore) -> None:
    claimed = _insist(lambda: store.claim(backend="local"))
    assert claimed is not None
    now = utc_now()
    events: list[Event] = [
        ExecutionStarted(at=now, cells_total=N_REPORTS),
        *(CellFinished(at=now, cell_index=index) for index in range(N_REPORTS)),
        ExecutionFinished(at=now, status=Status.SUCCEEDED, output_object="0" * 64),
    ]
    for event in events:
        _insist(partial(store.record, claimed.id, claimed.attempt, [event]))


def _insist(work: Callable[[], ResultT]) -> ResultT:
    """Return what `work` returns, tried again when others held the lock for too long."""
    while True:
        try:
            return work()
        except UnavailableError as error:
            print(f"refused once: {error}")


def _pages_ms(
    store: ExecutionStore, goes_on: Callable[[int], bool], *, pause_s: float
) -> list[float]:
    """Return what first pages take, those of everybody and of one person in turns."""
    queries = (ExecutionQuery(), ExecutionQuery(owners=frozenset({"", "user-0"})))
    taken: list[float] = []
    while goes_on(len(taken)) or not taken:
        began_s = time.perf_counter()
        store.find(queries[len(taken) % 2])
        taken.append((time.perf_counter() - began_s) * 1e3)
        time.sleep(pause_s)
    return taken


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _cpu_s(pid: int) -> float:
    """Return what a process and all it has started have used of the processors."""
    found = 0.0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # Its parent counts it by now.
        found += times.user + times.system + times.children_user + times.children_system
    return found


if __name__ == "__main__":
    main()
