"""Whatever is killed, and whenever: nothing accepted is lost, run twice, or told wrongly.

The short form runs a few rounds; ``make faults`` as many as ROUNDS says, from the seed
SEED, and notes in the file FIGURES what was killed and what came of it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.chaos import Round, noted
from tests.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kills are looked after on Linux"),
]

N_ROUNDS = int(os.environ.get("ROUNDS", "2"))
FIRST_SEED = int(os.environ.get("SEED", "20261121"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("chaos"), "--AsyncExecApp.slots=3")
    server.start()
    yield server
    server.close()


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + N_ROUNDS))
def test_every_accepted_execution_ends_once_and_truthfully(
    server: Server, tmp_path: Path, seed: int
) -> None:
    round_ = Round(seed, tmp_path)
    with noted(round_):
        round_.run(server)
