"""Rounds of random kills, and what has to be true after each; seeded."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import urllib.error
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.runner.processes import find_descendants, identify
from tests.conftest import make_notebook
from tests.server import Server, printed, processes_in, wait_for

if TYPE_CHECKING:
    from jupyter_async_exec.runner.processes import Process

#: How long to wait for all ends before something hangs; how long it took is noted.
PATIENCE_S = 180.0
N_LINES = 20
LINES = [f"line {index}" for index in range(N_LINES)]
#: A kernel that died in a C function it was in is `kernel_died`; who was killed with it is `lost`.
EXCUSES = {"lost", "kernel_died"}
#: Who belongs to one execution; the others' death costs none, except together with these.
ROLES = ("supervisor", "engine", "kernel")
SERVER, POLITELY, FORK_SERVER, EVERYTHING = (
    "server",
    "server, politely",
    "fork server",
    "everything",
)
VICTIMS = (SERVER, POLITELY, *ROLES, FORK_SERVER, EVERYTHING)


@dataclass(slots=True)
class Round:
    """One round: what was asked for, what was killed."""

    seed: int
    folder: Path
    n_executions: int = 20
    n_kills: int = 3
    killed: list[str] = field(default_factory=list)
    #: Seconds from the last kill, or the server's return from it, until everything was final.
    final_after_s: float = 0.0
    #: How often each status and reason came of it.
    ends: Counter[str] = field(default_factory=Counter)

    def run(self, server: Server) -> None:
        """Submit, kill, wait, check; the server runs before and after."""
        dice = random.Random(self.seed)
        starts = self.folder / f"starts-{self.seed}"
        starts.mkdir()
        requests = [uuid.uuid4().hex for _ in range(self.n_executions)]
        todo = list(requests)
        moments = sorted(dice.uniform(0.0, 4.0) for _ in range(self.n_kills))
        victims = [dice.choice(VICTIMS) for _ in moments]
        began_s = time.monotonic()
        for moment_s, victim in zip(moments, victims, strict=True):
            while todo and time.monotonic() - began_s < moment_s:
                submit(server, todo.pop(), starts, pause_s=dice.uniform(0.0, 0.05))
            wait_for(lambda moment_s=moment_s: time.monotonic() - began_s >= moment_s)  # type: ignore[misc]
            self._kill(server, victim, dice)
        back_s = time.monotonic()
        # Whoever got no answer asks again; asked twice is asked once.
        for request_id in requests:
            submit(server, request_id, starts, pause_s=0.01)
        executions = self._await_ends(server)
        self.final_after_s = time.monotonic() - back_s
        assert len(executions) == self.n_executions, self.killed
        for execution in executions:
            self._check(server, execution, starts)
            self.ends[execution["reason"] or execution["status"]] += 1
        self._check_processes(server)

    # ------------------------------------------------------------ killing

    def _kill(self, server: Server, victim: str, dice: random.Random) -> None:
        if victim in ROLES:
            choice = self._members(server, victim)
            self.killed.append(victim if choice else f"no {victim}")
            if choice:
                _kill(dice.choice(choice))
            return
        self.killed.append(victim)
        if victim == EVERYTHING:
            for process in [*self._runners(server), *fork_servers(server)]:
                _kill(process)
        elif victim == FORK_SERVER:
            for process in fork_servers(server):
                _kill(process)
        if victim != FORK_SERVER:
            server.end(signal.SIGTERM if victim == POLITELY else signal.SIGKILL)
            server.start()

    def _supervisors(self, server: Server) -> list[Process]:
        found = []
        for path in server.data_dir.glob("attempts/*/supervisor.json"):
            try:
                process = identify(json.loads(path.read_bytes())["pid"])
            except (OSError, ValueError, KeyError):
                continue
            if process is not None:
                found.append(process)
        return found

    def _runners(self, server: Server) -> list[Process]:
        return [
            process
            for supervisor in self._supervisors(server)
            for process in (supervisor, *find_descendants(supervisor))
        ]

    def _members(self, server: Server, role: str) -> list[Process]:
        supervisors = self._supervisors(server)
        if role == "supervisor":
            return supervisors
        families = [find_descendants(supervisor) for supervisor in supervisors]
        if role == "kernel":
            return [p for family in families for p in family if is_kernel(p)]
        # The engine is the supervisor's eldest child.
        return [family[0] for family in families if family]

    # ------------------------------------------------------------ checking

    def _await_ends(self, server: Server) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            page = server.call("GET", "executions?limit=100")
            items: list[dict[str, Any]] = [
                each for each in page["executions"] if each["title"].startswith(f"{self.seed}-")
            ]
            if all(each["status"] not in ("queued", "running") for each in items):
                return items
            assert time.monotonic() < deadline, [(each["number"], each["status"]) for each in items]
            time.sleep(0.1)

    def _check(self, server: Server, execution: dict[str, Any], starts: Path) -> None:
        number = execution["number"]
        told = f"#{number} {execution['status']} {execution['reason']} after {self.killed}"
        marks = starts / execution["title"]
        n_starts = len(marks.read_text().splitlines()) if marks.exists() else 0
        assert n_starts <= 1, f"{told}: ran {n_starts} times"
        notebook = server.call("GET", f"executions/{number}/notebook")
        lines = printed(notebook).splitlines()
        assert lines == LINES[: len(lines)], f"{told}: {lines}"
        if execution["status"] == "succeeded":
            assert n_starts == 1, told
            assert lines == LINES, told
            assert (execution["cells_done"], execution["cells_total"]) == (2, 2), told
        else:
            assert execution["status"] == "failed", told
            assert execution["reason"] in EXCUSES, told
            assert {*ROLES, EVERYTHING} & {*self.killed}, f"{told}: nobody killed it"
            assert lines != LINES or "line 19" not in lines[:-1], told

    def _check_processes(self, server: Server) -> None:
        """Nobody stands in an attempt's folder any more."""
        wait_for(lambda: not processes_in(server.data_dir / "attempts"), limit_s=10)


def submit(server: Server, request_id: str, starts: Path, *, pause_s: float) -> None:
    """Ask for one execution; that nobody answers is no error here."""
    title = f"{starts.name.removeprefix('starts-')}-{request_id}"
    first = (
        f"with open({str(starts / title)!r}, 'a') as starts: starts.write('started\\n')\n"
        "import time"
    )
    second = (
        f"for index in range({N_LINES}):\n"
        f"    print(f'line {{index}}', flush=True)\n    time.sleep({pause_s})"
    )
    body = {
        "path": "chaos.ipynb",
        "notebook": make_notebook(first, second),
        "request_id": request_id,
        "title": title,
    }
    try:
        server.call("POST", "executions", body)
    except urllib.error.HTTPError:
        raise
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return


def fork_servers(server: Server) -> list[Process]:
    """Return the fork servers, and with them everyone else who is a child of the server."""
    own = identify(server.pid)
    if own is None:
        return []
    return [process for process in find_descendants(own) if "forkserver" in command_of(process)]


def is_kernel(process: Process) -> bool:
    """Whether it is a kernel itself and no child of one."""
    return "ipykernel_launcher" in command_of(process)


def command_of(process: Process) -> str:
    """Return its command line."""
    try:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _kill(process: Process) -> None:
    try:
        if identify(process.pid) == process:
            os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
