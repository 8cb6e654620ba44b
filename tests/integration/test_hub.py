"""As JupyterHub runs a server: culled when idle, stopped at once, behind a proxy, in any home."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bench.event_stream import EventStream
from tests.conftest import make_notebook
from tests.integration.steps import sealed_wait
from tests.proxy import Proxy
from tests.server import Server, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

IDLE_LIMIT_S = 1
BASE_URL = "/user/jo%40example.org/"


@dataclass(frozen=True)
class Place:
    """Where a page reaches the server."""

    url: str
    token: str


def longest_survived_s(looks: Path) -> float:
    """Return the longest time nobody had asked for anything and the server stayed."""
    return max((float(line) for line in looks.read_text().splitlines()), default=0.0)


def test_a_server_with_work_is_not_idle_and_one_without_is(tmp_path: Path) -> None:
    server = Server(
        tmp_path,
        f"--ServerApp.shutdown_no_activity_timeout={IDLE_LIMIT_S}",
        "--AsyncExecApp.slots=1",
        extensions=("tests.integration.short_idle",),
    )
    looks = tmp_path / "looks"
    looks.touch()
    server.start(SURVIVED_LOOKS=str(looks))
    try:
        running = server.submit(sealed_wait(tmp_path, "long"))
        waiting = server.submit("print('waited')")
        wait_for((tmp_path / "long.begun").exists)

        wait_for(lambda: longest_survived_s(looks) > 3 * IDLE_LIMIT_S)
        (tmp_path / "long.go").touch()
        server.wait_gone()

    finally:
        server.close()

    after = Server(tmp_path)
    after.start()
    try:
        assert [after.status(number) for number in (running, waiting)] == ["succeeded"] * 2
    finally:
        after.close()


def test_everything_works_below_a_base_url_and_behind_a_proxy(tmp_path: Path) -> None:
    server = Server(
        tmp_path, "--ServerApp.trust_xheaders=True", "--AsyncExecApp.spares=0", base_url=BASE_URL
    )
    server.start()
    try:
        with Proxy(server.port) as proxy:
            place = Place(f"http://127.0.0.1:{proxy.port}{BASE_URL}", server.token)
            body = {"path": "a.ipynb", "notebook": make_notebook("print('hello')")}
            request = urllib.request.Request(
                f"{place.url}async-exec/executions",
                data=json.dumps(body).encode(),
                headers={
                    "Authorization": f"token {place.token}",
                    "Content-Type": "application/json",
                },
            )

            with EventStream(place) as events:
                with urllib.request.urlopen(request) as answer:
                    made = json.loads(answer.read())
                    location = answer.headers["Location"]
                events.wait_for_end(made["number"], limit_s=40)

            follow = urllib.request.Request(
                f"http://127.0.0.1:{proxy.port}{location}",
                headers={"Authorization": f"token {place.token}"},
            )
            with urllib.request.urlopen(follow) as answer:
                assert json.loads(answer.read())["status"] == "succeeded"
    finally:
        server.close()


def test_a_user_without_a_writable_home_is_told_so_in_one_sentence(tmp_path: Path) -> None:
    # What no right can change: a file in the place of the folder.
    obstacle = tmp_path / "home"
    obstacle.touch()
    server = Server(tmp_path, data_dir=obstacle / "async_exec")
    server.start()
    try:
        wait_for(lambda: "Executions are not available" in server.log)
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.submit("1")
        with caught.value as refusal:
            problem = json.loads(refusal.read())
        said = [line for line in server.log.splitlines() if "cannot be used" in line]

        obstacle.unlink()
        obstacle.mkdir()
        number = server.submit("1")

        assert caught.value.code == 503
        assert problem["reason"] == "unavailable"
        assert problem["message"].startswith(f"The data folder {obstacle / 'async_exec'} cannot be")
        assert len(said) == 1
        assert problem["message"] in said[0]
        wait_for(lambda: server.status(number) == "succeeded")
    finally:
        server.end(signal.SIGTERM)
