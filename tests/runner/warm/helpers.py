"""A fork server, and attempts and spares made with it."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from jupyter_async_exec.runner.launch import launch, launch_spare, safe_environment
from jupyter_async_exec.runner.warm.handle import ForkServer
from jupyter_async_exec.runner.warm.pool import SpareRunner
from tests.runner.helpers import Attempt, make_notebook

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Warm:
    """A fork server and the attempts made with it."""

    server: ForkServer
    folder: Path
    n_made: int = 0

    def attempt(self, *cells: str, **task: Any) -> Attempt:
        self.n_made += 1
        folder = self.folder / f"attempt-{self.n_made}"
        return Attempt(folder, make_notebook(*cells), **task)

    def cold(self, attempt: Attempt) -> Attempt:
        launch(attempt.directory).close()
        return attempt

    def fork(self, attempt: Attempt) -> Attempt:
        launch(attempt.directory, fork_server=self.server).close()
        return attempt

    def make_spare(self, kernel_name: str = "python3") -> SpareRunner:
        self.n_made += 1
        directory = self.folder / f"spare-{self.n_made}"
        directory.mkdir()
        bell = launch_spare(directory, fork_server=self.server, kernel_name=kernel_name, nice=5)
        assert select.select([bell], [], [], 60)[0]
        assert bell.recv(1) == b"r"
        return SpareRunner(directory, bell)

    def spare(self, attempt: Attempt) -> Attempt:
        """Run `attempt` the way the backend does with a spare."""
        spare = self.make_spare()
        aside = attempt.directory.with_name(f"{attempt.directory.name}-aside")
        attempt.directory.rename(aside)
        spare.move_to(attempt.directory)
        for path in aside.iterdir():
            path.rename(attempt.directory / path.name)
        spare.begin().close()
        return attempt


def serve(folder: Path) -> ForkServer:
    return ForkServer(
        options=(), environment=safe_environment(os.environ), log=folder / "server.log"
    )


Start: TypeAlias = Callable[[Warm, Attempt], Attempt]

forked_or_spare = pytest.mark.parametrize("start", [Warm.fork, Warm.spare], ids=["forked", "spare"])

each_way = pytest.mark.parametrize(
    "start", [Warm.cold, Warm.fork, Warm.spare], ids=["started", "forked", "spare"]
)
