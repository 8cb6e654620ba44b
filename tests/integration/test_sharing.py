"""Two servers and a command on one store: one dispatcher, nothing runs twice, all see all."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from bench.event_stream import EventStream
from jupyter_async_exec.defaults import STORE_VARIABLE
from tests.conftest import make_notebook
from tests.integration.steps import sealed_wait
from tests.server import Server, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="orphans are looked after on Linux"),
]

N_EACH = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def _recorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let servers and commands record in a file of the data folder, or in a database."""
    if request.param == "sqlite":
        yield
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    monkeypatch.setenv(STORE_VARIABLE, cluster.create("sharing"))
    yield
    cluster.drop("sharing")


@pytest.fixture
def servers(tmp_path: Path, _recorded: None) -> Iterator[tuple[Server, Server]]:
    """Return two servers on one store; the first is its dispatcher."""
    data_dir = tmp_path / "store"
    first, second = (
        Server(tmp_path / name, "--AsyncExecApp.slots=2", data_dir=data_dir)
        for name in ("first", "second")
    )
    first.start()
    wait_for(lambda: leads(first))
    second.start()
    yield first, second
    first.close()
    second.close()


def leads(server: Server) -> bool:
    return bool(server.call("GET", "status")["dispatcher"])


def test_one_moves_the_queue_and_another_takes_over_when_it_dies(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    first, second = servers
    marks = tmp_path / "marks"
    marks.mkdir()

    def marked(name: str) -> str:
        return f"with open({str(marks / name)!r}, 'a') as f: f.write('started')"

    with ExitStack() as stack:
        heard = [stack.enter_context(EventStream(server)) for server in servers]
        running = first.submit(marked("long"), sealed_wait(tmp_path, "long"))
        wait_for((tmp_path / "long.begun").exists)
        assert [leads(first), leads(second)] == [True, False]
        numbers = [
            server.submit(marked(f"{index}-{server.port}"))
            for index in range(N_EACH)
            for server in servers
        ]

        first.end(signal.SIGKILL)
        wait_for(lambda: leads(second))
        (tmp_path / "long.go").touch()
        notebook = tmp_path / "second" / "root" / "by-hand.ipynb"
        notebook.write_text(json.dumps(make_notebook("print('by hand')")))
        ran = second.run_command("run", "by-hand.ipynb", "--wait", "--json")
        by_hand = json.loads(ran.stdout)
        heard[1].wait_for_end(running, *numbers, by_hand["number"], limit_s=60)

    first.start()
    listed = [server.call("GET", "executions?limit=100")["executions"] for server in servers]
    assert not leads(first)
    assert (ran.returncode, by_hand["status"]) == (0, "succeeded")
    assert listed[0] == listed[1]
    assert [each["status"] for each in listed[0]] == ["succeeded"] * (2 * N_EACH + 2)
    assert {path.read_text() for path in marks.iterdir()} == {"started"}
    assert len(list(marks.iterdir())) == 2 * N_EACH + 1
