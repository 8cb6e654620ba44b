"""A real server that is stopped or killed in the middle: nothing accepted is lost."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.steps import sealed_wait
from tests.server import Server, processes_in, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="spares are Linux's")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_spare_runners_end_with_their_server_and_the_next_has_its_own(
    server: Server, tmp_path: Path, how: int
) -> None:
    first = server.submit("print('one')")
    wait_for(lambda: server.status(first) == "succeeded")
    spares = server.data_dir / "spares"
    wait_for(lambda: any(spares.glob("*/supervisor.json")))
    waiting = processes_in(spares)
    assert waiting

    server.end(how)

    wait_for(lambda: not processes_in(spares))
    server.start()
    wait_for(lambda: not any(spares.glob("*/supervisor.json")))
    second = server.submit("print('two')")
    wait_for(lambda: server.status(second) == "succeeded")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_running_execution_survives_the_end_of_the_server(
    server: Server, tmp_path: Path, how: int
) -> None:
    number = server.submit(sealed_wait(tmp_path, "first"))
    waiting = server.submit("print('waited')")
    wait_for((tmp_path / "first.begun").exists)

    server.end(how)
    (tmp_path / "first.go").touch()
    server.start()

    wait_for(lambda: server.status(number) == "succeeded")
    wait_for(lambda: server.status(waiting) == "succeeded")
    assert "went on" in server.call("GET", f"executions/{number}/log")["text"]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_sigterm_ends_the_server_and_not_what_runs(server: Server, tmp_path: Path) -> None:
    server.submit(sealed_wait(tmp_path, "long"))
    wait_for((tmp_path / "long.begun").exists)

    server.end(signal.SIGTERM)

    assert processes_in(server.data_dir / "attempts")
    (tmp_path / "long.go").touch()
    wait_for(lambda: not processes_in(server.data_dir / "attempts"))


def test_an_execution_that_ended_while_no_server_ran_is_told_truthfully(
    server: Server, tmp_path: Path
) -> None:
    number = server.submit(sealed_wait(tmp_path, "failing"), "1 / 0")
    wait_for((tmp_path / "failing.begun").exists)
    server.end(signal.SIGKILL)
    (tmp_path / "failing.go").touch()
    attempt = next((server.data_dir / "attempts").iterdir())
    wait_for((attempt / "result.json").exists)

    server.start()
    wait_for(lambda: server.status(number) == "failed")

    execution = server.call("GET", f"executions/{number}")
    assert execution["reason"] == "cell_error"
    assert execution["error"]["ename"] == "ZeroDivisionError"


def test_a_runner_that_is_killed_leaves_no_ghost_and_keeps_its_output(
    server: Server, tmp_path: Path
) -> None:
    number = server.submit("print('kept', flush=True)", sealed_wait(tmp_path, "killed"))
    wait_for((tmp_path / "killed.begun").exists)
    attempt = next((server.data_dir / "attempts").iterdir())
    supervisor = json.loads((attempt / "supervisor.json").read_text())["pid"]

    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: server.status(number) == "failed")

    execution = server.call("GET", f"executions/{number}")
    assert execution["reason"] == "lost"
    notebook = server.call("GET", f"executions/{number}/notebook")
    assert notebook["cells"][0]["outputs"][0]["text"] == "kept\n"
    wait_for(lambda: not attempt.exists())
