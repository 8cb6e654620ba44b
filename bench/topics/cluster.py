"""A cluster beside this machine: what an execution costs there, and how fast files come back."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench import notebooks
from bench.clusters import N_WORKERS, run_cluster
from bench.figures import Sample, duration, number, ratio, spread
from bench.peers.ours import Ours
from bench.processes import MemoryWatch
from bench.report import Goal, Section, Table, within
from bench.servers import OURS, SAME_NICENESS, Server, serve
from jupyter_async_exec.core.clock import parse_at

if TYPE_CHECKING:
    from pathlib import Path

    from bench.clusters import Cluster
    from bench.context import Context

LOCAL, DASK, PLAIN = "local, 2 slots", "Dask, 2 workers with a slot each", "Dask itself"
BACKEND_OF = {LOCAL: "local", DASK: "cluster"}
LIMIT_S = 600
#: Ours and Dask's alike.
PIECE_BYTES = 4 * 1024 * 1024
OVERHEAD_MS, THROUGHPUT, TRANSFER, EXTRA_MB = 150, 0.8, 0.6, 150
TEXT = """\
A scheduler and two workers with a thread each run on the same machine as the server, with the
settings of [how to run on a cluster](how-to/dask.md#2-start-scheduler-and-workers);
executions go to them and to the `local` backend in turn, when each worker has run some.
*One*: a notebook of three trivial cells, from its submission until its end is known.
*Sweep*: so many values of one parameter, from the request until the last end is known.
*Files*: a notebook writes files of 100 MB of random bytes;
measured is the time from the end of its last cell until all are kept here, checked and durable.
*Dask itself* is a client that gathers the same number of random bytes in pieces of 4 MiB,
directly from one worker, into memory, and keeps them nowhere.
Memory is the resident memory above what was there before."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One transfer."""

    n_bytes: int
    took_s: float
    server_bytes: int = 0
    worker_bytes: int = 0

    @property
    def mb_per_s(self) -> float:
        """Megabytes per second."""
        return self.n_bytes / self.took_s / 1e6


def measure(context: Context) -> Section:
    """Measure all three."""
    n_points, n_files = context.choose(200, 20), context.choose(5, 1)
    trivial = notebooks.write(context.folder, "trivial", notebooks.TRIVIAL)
    files = notebooks.write(context.folder, "files", [_write_files(n_files)])
    with ExitStack() as stack:
        cluster = stack.enter_context(run_cluster(context))
        described = {"cluster": {"class": "dask", "address": cluster.address, "nice": 0}}
        options = [f"--AsyncExecApp.slots={N_WORKERS}", f"--AsyncExecApp.backends={described}"]
        server = stack.enter_context(serve(context, OURS, options=[*SAME_NICENESS, *options]))
        peers = {
            name: stack.enter_context(Ours(server, name, options={"backend": backend}))
            for name, backend in BACKEND_OF.items()
        }
        for ours in peers.values():
            # Many, because one after the other would all go to the same worker.
            _sweep(ours, trivial, 6 * N_WORKERS)
        ones = context.alternate(
            {name: partial(_one, ours, trivial) for name, ours in peers.items()},
            rounds=context.rounds_of(20),
        )
        sweeps = context.alternate(
            {name: partial(_sweep, ours, trivial, n_points) for name, ours in peers.items()},
        )
        weighed = _carry(peers[DASK], files, server, cluster)
        carried = context.alternate(
            {
                LOCAL: partial(_carry, peers[LOCAL], files),
                DASK: partial(_carry, peers[DASK], files),
                PLAIN: partial(_gather, cluster, n_files * 100_000_000),
            },
        )
    return _section(ones, sweeps, carried, weighed, n_points)


def _write_files(n_files: int) -> str:
    return (
        f"import os\nfor i in range({n_files}):\n"
        "    open(f'{i}.bin', 'wb').write(os.urandom(100_000_000))"
    )


def _one(ours: Ours, notebook: Path) -> float:
    ours.family.wait_until_quiet()
    outcome = ours.run(notebook)
    return outcome.known_at - outcome.asked_at


def _sweep(ours: Ours, notebook: Path, n_points: int) -> float:
    """Return how many executions a second a sweep has."""
    path = ours.place(notebook)
    ours.family.wait_until_quiet()
    began_at = time.time()
    body = {
        "path": path,
        "values": {"point": list(range(n_points))},
        "canary": False,
        "options": ours.options,
    }
    answer = ours.server.http.post("async-exec/sweeps", json=body).raise_for_status()
    numbers = [each["number"] for each in answer.json()["executions"]]
    ours.events.wait_for_end(*numbers, limit_s=LIMIT_S)
    ends = [ours.events.ended[each] for each in numbers]
    if any(status != "succeeded" for status, _ in ends):
        raise RuntimeError("Not every execution of the sweep succeeded.")
    return n_points / (max(at for _, at in ends) - began_at)


def _carry(
    ours: Ours, notebook: Path, server: Server | None = None, cluster: Cluster | None = None
) -> Carried:
    """Run a notebook that writes files; weigh server and workers when they are given."""
    ours.family.wait_until_quiet()
    before, watch = {}, None
    with ExitStack() as stack:
        if server is not None and cluster is not None:
            pids = {server.pid, *cluster.worker_pids}
            before = _resident(pids)
            watch = stack.enter_context(MemoryWatch(partial(_resident, pids)))
        outcome = ours.run(notebook)
    path = f"async-exec/executions/{outcome.number}"
    ended = ours.server.http.get(path).raise_for_status().json()
    listed = ours.server.http.get(f"{path}/artifacts").raise_for_status().json()["artifacts"]
    n_bytes = sum(each["size_bytes"] for each in listed if each["name"].endswith(".bin"))
    took_s = outcome.known_at - parse_at(ended["finished_at"]).timestamp()
    # The next one finds none of them here already, being random, and needs the room.
    ours.server.http.delete(path).raise_for_status()
    if watch is None or server is None or cluster is None:
        return Carried(n_bytes, took_s)
    grown = [
        max(watch.peak_bytes({pid}) - before[pid] for pid in pids)
        for pids in ({server.pid}, cluster.worker_pids)
    ]
    return Carried(n_bytes, took_s, *grown)


def _resident(pids: set[int]) -> dict[int, int]:
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return {
        pid: int(open(f"/proc/{pid}/statm").read().split()[1]) * page_bytes  # noqa: PTH123
        for pid in pids
    }


def _gather(cluster: Cluster, n_bytes: int) -> Carried:
    from distributed import Client, wait

    n_pieces = n_bytes // PIECE_BYTES
    with Client(cluster.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        worker = next(iter(client.scheduler_info()["workers"]))
        pieces = [
            client.submit(os.urandom, PIECE_BYTES, pure=False, workers=[worker])
            for _ in range(n_pieces)
        ]
        with client.as_current():
            wait(pieces)  # type: ignore[no-untyped-call]
        began_s = time.perf_counter()
        gathered = client.gather(pieces, direct=True)
        took_s = time.perf_counter() - began_s
        return Carried(sum(map(len, gathered)), took_s)


def _section(
    ones: dict[str, list[float]],
    sweeps: dict[str, list[float]],
    carried: dict[str, list[Carried]],
    weighed: Carried,
    n_points: int,
) -> Section:
    latency = {name: Sample.of(times) for name, times in ones.items()}
    rates = {name: Sample.of(found) for name, found in sweeps.items()}
    speeds = {name: Sample.of(each.mb_per_s for each in found) for name, found in carried.items()}
    table = Table(["", "One", f"Sweep of {n_points}, per second", "Files, MB per second"])
    for name in (LOCAL, DASK, PLAIN):
        table.add(
            name,
            duration(latency[name]) if name in latency else "–",
            spread(rates[name], digits=3) if name in rates else "–",
            spread(speeds[name], digits=3),
        )
    memory = Table(["", "Peak of extra memory while files come back"])
    memory.add("server", f"{number(weighed.server_bytes / 1e6)} MB")
    memory.add("worker", f"{number(weighed.worker_bytes / 1e6)} MB")
    return Section(
        "cluster",
        "On a cluster",
        TEXT,
        [table, memory],
        _goals(latency, rates, speeds, weighed, n_points),
    )


def _goals(
    latency: dict[str, Sample],
    rates: dict[str, Sample],
    speeds: dict[str, Sample],
    weighed: Carried,
    n_points: int,
) -> list[Goal]:
    overheads = zip(latency[DASK].values, latency[LOCAL].values, strict=True)
    overhead = Sample.of((there - here) * 1e3 for there, here in overheads)
    throughput = ratio(rates[DASK], rates[LOCAL])
    transfer = ratio(speeds[DASK], speeds[PLAIN])
    extra = Sample.of([max(weighed.server_bytes, weighed.worker_bytes) / 1e6])
    return [
        within(OVERHEAD_MS, "ms", "one on a cluster, beyond local", overhead),
        Goal(
            f"sweep of {n_points} on a cluster",
            f"≥ {THROUGHPUT} × local",
            spread(throughput, digits=3),
            throughput.median >= THROUGHPUT,
        ),
        Goal(
            "files come back from a cluster",
            f"≥ {TRANSFER} × Dask itself",
            spread(transfer, digits=3),
            transfer.median >= TRANSFER,
        ),
        within(EXTRA_MB, "MB", "files come back, extra memory", extra),
    ]
