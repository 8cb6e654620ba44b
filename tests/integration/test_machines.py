"""Two servers with data folders of their own, as on two machines, on one store of PostgreSQL's."""

from __future__ import annotations

import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.integration import host_name
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


@pytest.fixture
def servers(tmp_path: Path, cluster: Cluster) -> Iterator[tuple[Server, Server]]:
    """Return two servers; neither sees the other's processes or working directories."""
    url = cluster.create("machines")
    objects = (tmp_path / "objects").as_uri()
    first, second = (
        Server(
            tmp_path / name,
            f"--AsyncExecApp.store_url={url}",
            f"--AsyncExecApp.machine={name}",
            f"--AsyncExecApp.objects_url={objects}",
        )
        for name in ("alpha", "beta")
    )
    for server in (first, second):
        server.start()
        wait_for(partial(leads, server))
    yield first, second
    first.close()
    second.close()
    cluster.drop("machines")


def test_what_runs_on_a_machine_that_is_away_is_never_taken_for_dead(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    first, second = servers
    running = first.submit("print('begun')", sealed_wait(tmp_path, "long"))
    wait_for((tmp_path / "long.begun").exists)

    first.end(signal.SIGKILL)
    on_second = second.submit("print('second')")
    wait_for(lambda: status(second, on_second) == "succeeded")
    meanwhile = second.call("GET", f"executions/{running}")
    (tmp_path / "long.go").touch()
    first.start()
    wait_for(lambda: status(second, running) == "succeeded")

    listed = [server.call("GET", "executions?limit=9")["executions"] for server in servers]
    assert (meanwhile["status"], meanwhile["backend"]) == ("running", "local@alpha")
    assert [each["number"] for each in listed[0]] == [on_second, running]
    assert [each["backend"] for each in listed[0]] == ["local@beta", "local"]
    assert [each["backend"] for each in listed[1]] == ["local", "local@alpha"]
    assert "begun" in str(second.call("GET", f"executions/{running}/notebook"))


def test_what_runs_and_waits_goes_on_when_the_host_gets_another_name(
    cluster: Cluster, tmp_path: Path
) -> None:
    server = Server(
        tmp_path / "host",
        f"--AsyncExecApp.store_url={cluster.create('renamed')}",
        f"--AsyncExecApp.objects_url={(tmp_path / 'objects').as_uri()}",
        "--AsyncExecApp.slots=1",
        extensions=(host_name.__name__,),
    )
    try:
        server.start(TEST_HOST_NAME="old")
        wait_for(partial(leads, server))
        running = server.submit("print('begun')", sealed_wait(tmp_path, "long"))
        waiting = server.submit("print('waited')")
        wait_for((tmp_path / "long.begun").exists)

        server.end(signal.SIGKILL)
        server.start(TEST_HOST_NAME="new")
        wait_for(partial(leads, server))
        (tmp_path / "long.go").touch()

        wait_for(lambda: status(server, waiting) == "succeeded")
        assert status(server, running) == "succeeded"
        assert "begun" in str(server.call("GET", f"executions/{running}/notebook"))
    finally:
        server.close()
        cluster.drop("renamed")


def leads(server: Server) -> bool:
    return bool(server.call("GET", "status")["dispatcher"])


def status(server: Server, number: int) -> str:
    return str(server.call("GET", f"executions/{number}")["status"])
