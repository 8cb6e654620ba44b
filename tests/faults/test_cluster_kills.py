"""Whatever dies around a cluster, and whenever: nothing is lost, run twice, or told wrongly.

Networks are cut too where they can be made (root on Linux). The short form runs one
round; ``make faults`` as many as CLUSTER_ROUNDS says, from the seed SEED on, and notes in
the file FIGURES what was killed and what came of it.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.cli.command import run
from tests.faults.chaos import noted
from tests.faults.cluster_chaos import ClusterRound, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kills are looked after on Linux"),
]

N_ROUNDS = int(os.environ.get("CLUSTER_ROUNDS", "1"))
FIRST_SEED = int(os.environ.get("SEED", "20261121"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path_factory.mktemp("cluster-chaos"), stack)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + N_ROUNDS))
def test_every_execution_on_a_cluster_ends_once_and_truthfully(
    scene: Scene, tmp_path: Path, seed: int
) -> None:
    round_ = ClusterRound(seed, tmp_path, scene=scene)
    with noted(round_):
        round_.run(scene.server)


def test_nothing_is_wrong_with_what_they_left(scene: Scene) -> None:
    assert run(["verify", "--data-dir", str(scene.server.data_dir)]) == 0
