"""A Dask scheduler and two workers with one slot each, on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.context import COOKIE
from bench.processes import Family
from bench.servers import cookie, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.context import Context

N_WORKERS = 2
_START_S = 120
#: As docs/how-to/dask.md recommends: what watches over Dask's own tasks, of which there are none.
SETTINGS = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}
#: What a worker says once its scheduler knows it.
_REGISTERED = "Registered to:"


@dataclass(slots=True)
class Cluster:
    """A running cluster."""

    address: str
    #: The processes of the workers.
    worker_pids: set[int] = field(default_factory=set)


@contextmanager
def run_cluster(context: Context) -> Iterator[Cluster]:
    """Run one for the length of a block."""
    home = context.new_folder("cluster")
    cluster = Cluster(f"tcp://127.0.0.1:{free_port()}")
    family = Family(cookie(home))
    try:
        with ExitStack() as stack:
            _, port = cluster.address.rsplit(":", 1)
            arguments = ["--host", "127.0.0.1", "--port", port, "--no-dashboard"]
            _start(context, stack, home, "scheduler", arguments)
            for index in range(N_WORKERS):
                name = f"worker-{index}"
                options = ["--no-nanny", "--no-dashboard", "--memory-limit", "0"]
                options += ["--nthreads", "1", "--name", name]
                options += ["--local-directory", str(home / name)]
                started = _start(context, stack, home, name, [cluster.address, *options])
                cluster.worker_pids.add(started.pid)
                _await_worker(home / f"{name}.log", started)
            yield cluster
    finally:
        family.end()


def _start(
    context: Context, stack: ExitStack, home: Path, name: str, arguments: list[str]
) -> subprocess.Popen[bytes]:
    log = stack.enter_context((home / f"{name}.log").open("wb"))
    variables = {COOKIE: cookie(home), **SETTINGS}
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{name.partition('-')[0]}", *arguments],
        cwd=home,
        env={**os.environ, **context.environment(home), **variables},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _await_worker(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while _REGISTERED not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The worker did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)
