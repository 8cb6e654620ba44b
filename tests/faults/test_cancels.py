"""A cancel at any moment, before, during or after anything, is one end and leaves nobody.

The short form cancels CANCELS=40 times; ``make faults`` 1,000 times, from the seed SEED on.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.cli.command import run
from tests.faults.cancels import FINAL_WITHIN_S, WORK, Cancels, await_final, check_outputs
from tests.server import Server, processes_in, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc"),
]

N_CANCELS = int(os.environ.get("CANCELS", "40"))
SEED = int(os.environ.get("SEED", "20261121"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("cancels"), "--AsyncExecApp.slots=3")
    server.start()
    yield server
    server.close()


def test_each_is_cancelled_or_has_succeeded(server: Server) -> None:
    Cancels(server, SEED).run(N_CANCELS)


def test_a_cancel_survives_the_server_and_needs_none(server: Server) -> None:
    numbers = [server.submit(WORK["sleeps"][0]) for _ in range(5)]
    wait_for(lambda: all(server.call("GET", f"executions/{n}")["cells_total"] for n in numbers[:3]))
    server.call("POST", f"executions/{numbers[0]}/cancel")
    server.end(signal.SIGKILL)
    for number in (numbers[1], numbers[3]):
        assert run(["cancel", str(number), "--data-dir", str(server.data_dir)]) == 0
    # Two of the three that run have heard of it.
    wait_for(lambda: len(list(server.data_dir.glob("attempts/*/result.json"))) == 2)
    server.start()
    for number in (numbers[2], numbers[4]):
        server.call("POST", f"executions/{number}/cancel")

    finals = [await_final(server, number) for number in numbers]

    assert [each["status"] for each in finals] == ["cancelled"] * 5
    for final in finals[:3]:
        check_outputs(server, final)
    wait_for(lambda: not processes_in(server.data_dir / "attempts"), limit_s=FINAL_WITHIN_S)
