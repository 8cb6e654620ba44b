"""Real Dask schedulers and workers in processes of their own, for tests."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jupyter_async_exec.backends.base import Backend

#: A process of Dask is up within this time, on a slow machine too.
START_LIMIT_S = 120.0
#: What a worker says once its scheduler knows it.
_REGISTERED = "Registered to:"
_QUIET = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__SCHEDULER__DASHBOARD__STATUS__TASK_STREAM_LENGTH": "1",
}


async def become_ready(backend: Backend, *, slots: int) -> None:
    """Wait until all slots are there; workers import our part first."""
    deadline_s = time.monotonic() + START_LIMIT_S
    while (health := await backend.health()).slots != slots or (slots and health.problem):
        assert time.monotonic() < deadline_s, health
        await asyncio.sleep(0.05)


class Cluster:
    """A scheduler and workers; `directory` holds what each of them needs."""

    def __init__(
        self, directory: Path, *, options: Sequence[str] = (), host: str = "127.0.0.1"
    ) -> None:
        self.directory = directory
        self.scheduler_file = directory / "scheduler.json"
        self._options = tuple(options)
        self._host = host
        self._stack = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.start_scheduler()
        return self

    def __exit__(self, *_: object) -> None:
        for name in tuple(self._processes):
            self.kill(name)
        self._stack.close()

    @property
    def address(self) -> str:
        return str(json.loads(self.scheduler_file.read_text())["address"])

    def start_scheduler(self) -> None:
        self.scheduler_file.unlink(missing_ok=True)
        command = f"scheduler --host {self._host} --port 0 --no-dashboard --scheduler-file"
        self._run("scheduler", [*command.split(), str(self.scheduler_file), *self._options])
        # The file is there before its text is.
        self._await(lambda: _has_text(self.scheduler_file))

    def start_worker(
        self,
        name: str,
        *,
        slots: int = 4,
        machine: str | None = None,
        below: Sequence[str] = (),
    ) -> None:
        """Start a worker; those with the same `machine` share its folder.

        `below` is a command that runs another.
        """
        folder = self.directory / (machine or name)
        folder.mkdir(exist_ok=True)
        command = "worker --no-nanny --no-dashboard --memory-limit 0"
        named = {
            "--name": name,
            "--nthreads": str(slots),
            "--local-directory": str(folder),
        }
        options = [self.address, *(word for pair in named.items() for word in pair)]
        n_before = self.log(name).count(_REGISTERED)
        self._run(name, [*command.split(), *options, *self._options], below=below)
        self._await(lambda: self.log(name).count(_REGISTERED) > n_before)

    def runs(self, name: str) -> bool:
        """Whether a process lives."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def kill(self, name: str) -> None:
        """End a process at once, as a machine that loses its power; also one that is gone."""
        process = self._processes.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _run(self, name: str, arguments: Sequence[str], *, below: Sequence[str] = ()) -> None:
        log = self._stack.enter_context((self.directory / f"{name}.log").open("ab"))
        # None of them outlives a test run that is killed.
        module = f"distributed.cli.dask_{arguments[0]}"
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self._processes[name] = subprocess.Popen(
            [
                *tied,
                *below,
                sys.executable,
                "-m",
                module,
                *arguments[1:],
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.directory,
            env={**os.environ, **_QUIET},
            start_new_session=True,
        )

    def _await(self, is_there: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + START_LIMIT_S
        while not is_there():
            assert time.monotonic() < deadline_s, self.log("scheduler")
            time.sleep(0.02)


def _has_text(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
