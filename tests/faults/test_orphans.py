"""Whatever ends a runner, and whatever its notebook has started: nobody is left soon after.

The short form plays each cause once; ``make faults`` in each way a runner comes to be, with the
kernel asleep and in a C function that holds the GIL.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.orphans import CAUSES, WAYS, WORK_OF, Scene, make_fork_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_async_exec.runner.warm.handle import ForkServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux"),
]

EVERYTHING = [(way, cause, work) for way in WAYS for cause in CAUSES for work in WORK_OF[cause]]
#: Every cause once, every way several times; a cell that holds the GIL keeps a cancel waiting.
SHORT = [
    (WAYS[index % len(WAYS)], cause, WORK_OF[cause][-1 if cause.startswith("kill") else 0])
    for index, cause in enumerate(CAUSES)
]


@pytest.fixture(scope="module")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    server = make_fork_server(tmp_path_factory.mktemp("fork-server"))
    yield server
    server.close()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(("way", "cause", "work"), EVERYTHING if "ROUNDS" in os.environ else SHORT)
def test_nobody_is_left(  # noqa: PLR0917
    tmp_path: Path,
    fork_server: ForkServer,
    bystander: subprocess.Popen[bytes],
    way: str,
    cause: str,
    work: str,
) -> None:
    Scene(tmp_path, way, cause, work).play(fork_server)

    assert bystander.poll() is None
