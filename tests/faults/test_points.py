"""A server killed between any two steps of an execution's life leaves nothing that is not mended.

One chain: each server is killed at its own point, and the next meets what is left
before it is killed at another. The short form walks through half of the points, in the
order of an execution's life; ``make faults`` through all, then in random orders, from
the seed SEED.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import urllib.error
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.store.migrate import known_formats
from tests.conftest import make_notebook
from tests.faults.fault_point import POINTS
from tests.integration.steps import sealed_wait
from tests.server import NO_ANSWER, ROOT, Server, processes_in, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD_STORE = ROOT / "tests" / "compat" / "stores" / "format-0001.sqlite"
FINAL = {"succeeded", "failed", "cancelled"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kills are looked after on Linux"),
]

#: The long form walks so many chains in random orders.
N_ORDERS = int(os.environ.get("ROUNDS", "0")) // 30
FIRST_SEED = int(os.environ.get("SEED", "20261121"))
SHORT = [
    "after an upgrade",
    "after the acceptance",
    "after the claim",
    "with a folder and no runner",
    "before the return to the queue",
    "with a runner nobody knows",
    "with some results kept",
    "after the end is noted",
    "with half a folder",
    "after the cancel is sent",
    "after the deletion",
]
#: A store is made once; it takes a folder without a runner to have something to return.
ALWAYS_FIRST = ["before an upgrade", "after an upgrade"]
TOGETHER = ["with a folder and no runner", "before the return to the queue"]


@dataclass(slots=True)
class Chain:
    """What was asked of servers that die."""

    server: Server
    folder: Path
    #: Request id → body of the request.
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Request ids of those whose end was asked for, and of those that were deleted.
    cancelled: set[str] = field(default_factory=set)
    trashed: set[str] = field(default_factory=set)

    def die_at(self, point: str) -> None:
        """Start a server that dies at that point, and lead it there."""
        self.server.start(waits=False, FAULT_POINT=point)
        with suppress(*NO_ANSWER):
            wait_for(lambda: self.server.has_ended or self.server.answers(), limit_s=300)
            if "spare" in point:
                # After the first a spare is prepared, which takes its time.
                while True:
                    self._finish_one()
            elif "cancel" in point:
                self._cancel_one()
            elif "deletion" in point:
                done = self._finish_one()
                self.trashed.add(done)
                self.server.call("DELETE", f"executions/{self._find(done)['id']}")
            elif point != "before the return to the queue":
                self.submit("print('hello')")
        wait_for(lambda: self.server.has_ended, limit_s=300, what=f"died {point}")

    def submit(self, source: str) -> str:
        """Submit a notebook that notes its start and makes a file; return its request id."""
        request_id = uuid.uuid4().hex
        mark = f"with open({str(self.folder / request_id)!r}, 'a') as f: f.write('started\\n')"
        self.bodies[request_id] = {
            "path": "chain.ipynb",
            "notebook": make_notebook(mark, "open('made.txt', 'w').write('kept')", source),
            "request_id": request_id,
            "title": request_id,
        }
        self.server.call("POST", "executions", self.bodies[request_id])
        return request_id

    def _finish_one(self) -> str:
        request_id = self.submit("print('hello')")
        wait_for(lambda: self._find(request_id)["status"] == "succeeded")
        return request_id

    def _cancel_one(self) -> None:
        request_id = self.submit(sealed_wait(self.folder, "slow") + "\nprint('hello')")
        wait_for(lambda: self._find(request_id)["current_cell"] == 2)
        self.cancelled.add(request_id)
        self.server.call("POST", f"executions/{self._find(request_id)['id']}/cancel")

    def _find(self, request_id: str) -> dict[str, Any]:
        """Return the execution that came of this request; asking again makes no other."""
        found: dict[str, Any] = self.server.call("POST", "executions", self.bodies[request_id])
        return found

    def check(self) -> None:
        """See that every execution asked for has happened, once, whole, and left nothing."""
        (self.folder / "slow.go").touch()
        self.server.start()
        # Whoever got no answer asks again.
        numbers = {each: self._find(each)["number"] for each in self.bodies}
        kept = self.bodies.keys() - self.trashed
        wait_for(lambda: all(self._find(each)["status"] in FINAL for each in kept))
        for request_id in kept:
            self._check_one(request_id, numbers[request_id])
        for request_id in self.trashed:
            with pytest.raises(urllib.error.HTTPError) as caught:
                self.server.status(numbers[request_id])
            caught.value.close()
        attempts = self.server.data_dir / "attempts"
        wait_for(lambda: not any(attempts.iterdir()) and not processes_in(attempts))
        self.server.end(signal.SIGTERM)
        verified = self.server.run_command("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def _check_one(self, request_id: str, number: int) -> None:
        execution = self.server.call("GET", f"executions/{number}")
        status = "cancelled" if request_id in self.cancelled else "succeeded"
        assert execution["status"] == status, execution
        marks = self.folder / request_id
        assert marks.read_text() == "started\n", execution
        artifacts = self.server.call("GET", f"executions/{number}/artifacts")["artifacts"]
        assert "made.txt" in {each["name"] for each in artifacts}, execution
        log = self.server.call("GET", f"executions/{number}/log")["text"]
        assert log.splitlines().count("hello") == (status == "succeeded"), execution


def orders() -> Iterator[Any]:
    """Give the points in the order of an execution's life, then in random ones."""
    yield pytest.param(list(POINTS) if N_ORDERS else SHORT, id="in order")
    for seed in range(FIRST_SEED, FIRST_SEED + N_ORDERS):
        loose = [[each] for each in POINTS if each not in (*ALWAYS_FIRST, *TOGETHER)]
        links = [*loose, TOGETHER]
        random.Random(seed).shuffle(links)
        yield pytest.param([*ALWAYS_FIRST, *(e for link in links for e in link)], id=str(seed))


def test_a_server_killed_around_an_upgrade_leaves_the_old_store_or_the_new(tmp_path: Path) -> None:
    server = Server(tmp_path, extensions=("tests.faults.fault_point",))
    server.data_dir.mkdir(parents=True)
    store_file = server.data_dir / STORE_FILE
    shutil.copy(OLD_STORE, store_file)
    try:
        for point in ALWAYS_FIRST:
            server.start(waits=False, FAULT_POINT=point)
            wait_for(lambda: server.has_ended, limit_s=300)
        server.start()
        wait_for(lambda: all(each["status"] in FINAL for each in listed(server)))
        queued, running, failed = listed(server)
    finally:
        server.close()

    # What ran and what waited is gone, and so it is told.
    assert (running["reason"], queued["reason"]) == ("lost", "internal")
    assert (failed["reason"], failed["message"]) == ("cell_error", "Cell 2 failed.")
    assert store_file.with_name(f"{STORE_FILE}.before-{known_formats()[-1]}").exists()


def listed(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", "executions")["executions"]
    return found


@pytest.mark.parametrize("points", list(orders()))
def test_a_server_killed_at_any_point_leaves_nothing_that_the_next_does_not_mend(
    tmp_path: Path, points: list[str]
) -> None:
    server = Server(tmp_path, "--AsyncExecApp.slots=2", extensions=("tests.faults.fault_point",))
    starts = tmp_path / "starts"
    starts.mkdir()
    chain = Chain(server, starts)
    try:
        for point in points:
            chain.die_at(point)
        chain.check()
    finally:
        (starts / "slow.go").touch()
        server.close()
