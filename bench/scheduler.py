"""What one scheduler of Dask carries: ``python -m bench.scheduler [WORKERS,…]``.

So many workers with a slot each stand on this machine, in a few processes, and one server
looks after them. Printed is what that takes while nothing runs, and how long one question
to a worker takes, directly and through the scheduler.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.clusters import SETTINGS
from bench.machine import describe
from bench.servers import free_port
from jupyter_async_exec.backends.dask.backend import DaskBackend
from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.runner.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.process import BaseProcess

#: Processes in which all workers are.
N_PROCESSES = 4
#: All are known within this time, or something is wrong.
START_LIMIT_S = 300.0
REST_S = 20.0
N_ASKED = 200


def main() -> None:
    """Measure each number of workers, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workers", nargs="?", default="10,50,100", metavar="WORKERS,…")
    print(describe())
    for n_workers in map(int, parser.parse_args().workers.split(",")):
        with tempfile.TemporaryDirectory(prefix="scheduler-") as folder:
            for name, value in measure(Path(folder), n_workers).items():
                print(f"{n_workers} workers: {name}: {value:.2f}")


def measure(folder: Path, n_workers: int) -> dict[str, float]:
    """Return what one scheduler and one server do with so many workers."""
    with ExitStack() as stack:
        address, scheduler = stack.enter_context(_run_scheduler(folder))
        workers = stack.enter_context(_run_workers(folder, address, n_workers))
        return asyncio.run(_look_after(folder, address, n_workers, scheduler, workers))


async def _look_after(
    folder: Path,
    address: str,
    n_workers: int,
    scheduler: psutil.Process,
    workers: Sequence[psutil.Process],
) -> dict[str, float]:
    backend = DaskBackend(
        "lab",
        folder / "server",
        settings=DaskSettings(address=address, spares=0),
        objects=LocalObjectStore(folder / "objects"),
        vault=Vault(folder / "secrets"),
    )
    try:
        began_s = time.monotonic()
        while (health := await backend.health()).slots != n_workers:
            if time.monotonic() - began_s > START_LIMIT_S:
                raise RuntimeError(f"Not all workers came: {health}")
            await asyncio.sleep(0.05)
        known_s = time.monotonic() - began_s
        watched = {"the server": [psutil.Process()], "the scheduler": [scheduler]}
        watched["the workers together"] = list(workers)
        before = {name: _cpu_s(its) for name, its in watched.items()}
        await asyncio.sleep(REST_S)
        at_rest = {
            f"% of a core at rest, {name}": (_cpu_s(its) - before[name]) / REST_S * 100
            for name, its in watched.items()
        }
        direct_ms = await _ask(backend, is_direct=True)
        through_ms = await _ask(backend, is_direct=False)
    finally:
        await backend.close()
    return {
        "s until all are known": known_s,
        **at_rest,
        "ms a question, median": statistics.median(direct_ms),
        "ms a question, p95": statistics.quantiles(direct_ms, n=20)[-1],
        "ms a question through the scheduler, median": statistics.median(through_ms),
        "ms a question through the scheduler, p95": statistics.quantiles(through_ms, n=20)[-1],
        "MB of the scheduler": scheduler.memory_info().rss / 1e6,
    }


async def _ask(backend: DaskBackend, *, is_direct: bool) -> list[float]:
    """Ask one worker after the other whether it lacks nothing; return what that took (ms)."""
    connection = backend._connection  # noqa: SLF001  a bench may look inside
    workers = connection.roster.workers
    taken = []
    for place in range(N_ASKED):
        worker = replace(workers[place % len(workers)], is_direct=is_direct)
        began_s = time.perf_counter()
        await connection.run(lambda at=worker: connection.ask(at, "lacking", {"object_ids": []}))  # type: ignore[misc]
        taken.append((time.perf_counter() - began_s) * 1e3)
    return taken


@contextmanager
def _run_scheduler(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with (folder / "scheduler.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **SETTINGS},
        )
    try:
        yield f"tcp://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _run_workers(folder: Path, address: str, n_workers: int) -> Iterator[list[psutil.Process]]:
    os.environ.update(SETTINGS)
    names = [f"worker-{place}" for place in range(n_workers)]
    context = get_context("spawn")
    processes: list[BaseProcess] = [
        context.Process(target=work, args=(folder, address, names[first::N_PROCESSES]), daemon=True)
        for first in range(min(N_PROCESSES, n_workers))
    ]
    for process in processes:
        process.start()
    try:
        yield [psutil.Process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def work(folder: Path, address: str, names: Sequence[str]) -> None:
    """Be several workers, as if each had a machine."""
    logging.getLogger("distributed").setLevel(logging.ERROR)
    asyncio.run(_work(folder, address, names))


async def _work(folder: Path, address: str, names: Sequence[str]) -> None:
    from distributed import Worker

    async with AsyncExitStack() as stack:
        for name in names:
            place = folder / name
            place.mkdir()
            worker = Worker(
                address,
                nthreads=1,
                name=name,
                local_directory=str(place / "dask"),
                memory_limit=0,
                dashboard=False,
            )
            await stack.enter_async_context(worker)
        await asyncio.Event().wait()


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
