"""Whatever is killed, and whenever: nothing accepted is lost, run twice, or told wrongly.

The short form runs a few rounds; ``make faults`` as many as ROUNDS says, from the seed
SEED, and notes in the file FIGURES what was killed and what came of it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.chaos import Round
from tests.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    problem = "interrupted"
    try:
        round_.run(server)
        problem = ""
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise
    finally:
        note(round_, problem)


def note(round_: Round, problem: str) -> None:
    """Add a line to the file FIGURES, if there is to be one."""
    figures = os.environ.get("FIGURES")
    if figures:
        noted = {
            "seed": round_.seed,
            "killed": round_.killed,
            "ends": round_.ends,
            "final_after_s": round(round_.final_after_s, 2),
            "problem": problem,
        }
        with Path(figures).open("a") as lines:
            lines.write(f"{json.dumps(noted)}\n")
