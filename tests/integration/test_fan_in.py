"""A real server that is killed while executions wait for others: they go on waiting, and start."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import make_notebook
from tests.integration.steps import sealed_wait
from tests.server import Server, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

COLLECT = make_notebook(
    "print([each['number'] for each in executions])", parameters="executions = []"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.close()


def collect(server: Server, **wanted: Any) -> int:
    answer = server.call(
        "POST", "executions", {"path": "c.ipynb", "notebook": COLLECT, "collect": wanted}
    )
    number: int = answer["number"]
    return number


def log(server: Server, number: int) -> str:
    return str(server.call("GET", f"executions/{number}/log")["text"]).splitlines()[-1]


def test_what_waits_for_others_survives_a_server_that_is_killed(
    server: Server, tmp_path: Path
) -> None:
    first = server.submit(sealed_wait(tmp_path, "first"))
    wait_for((tmp_path / "first.begun").exists)
    all_of_it = collect(server, executions=[first])
    in_time = collect(server, executions=[first], when={"within_s": 1.0})

    server.end(signal.SIGKILL)
    server.start()

    wait_for(lambda: server.status(in_time) == "cancelled")
    message = server.call("GET", f"executions/{in_time}")["message"]
    assert message.endswith("succeeded in time.")
    assert server.status(all_of_it) == "queued"
    (tmp_path / "first.go").touch()
    wait_for(lambda: server.status(all_of_it) == "succeeded")
    assert log(server, all_of_it) == f"[{first}]"
