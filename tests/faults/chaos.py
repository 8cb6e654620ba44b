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
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_async_exec.defaults import STORE_FILE
from jupyter_async_exec.runner.processes import find_descendants, identify
from jupyter_async_exec.store import ExecutionStore
from tests.conftest import make_notebook
from tests.faults.ends import check_one_end
from tests.server import Server, printed, processes_in, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_async_exec.runner.processes import Process

#: How long to wait for all ends before something hangs; how long it took is noted.
PATIENCE_S = 180.0
N_LINES = 20
LINES = [f"line {index}" for index in range(N_LINES)]
#: The file that each makes.
MADE = "made.json"
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

    victims: ClassVar[tuple[str, ...]] = VICTIMS
    #: What the submissions say besides.
    options: ClassVar[dict[str, Any]] = {}
    seed: int
    folder: Path
    n_executions: int = 20
    n_kills: int = 3
    #: Kills come within so many seconds.
    span_s: float = 4.0
    #: An execution waits at most so long (s) between two of its lines.
    longest_pause_s: float = 0.05
    killed: list[str] = field(default_factory=list)
    #: Seconds from the last kill, or the server's return from it, until everything was final.
    final_after_s: float = 0.0
    #: How often each status and reason came of it.
    ends: Counter[str] = field(default_factory=Counter)
    #: Executions whose notebook was begun more than once.
    n_begun_twice: int = 0

    def run(self, server: Server) -> None:
        """Submit, kill, wait, check; the server runs before and after."""
        dice = random.Random(self.seed)
        starts = self.folder / f"starts-{self.seed}"
        starts.mkdir()
        requests = [uuid.uuid4().hex for _ in range(self.n_executions)]
        todo = list(requests)
        moments = sorted(dice.uniform(0.0, self.span_s) for _ in range(self.n_kills))
        victims = [dice.choice(self.victims) for _ in moments]
        began_s = time.monotonic()
        for moment_s, victim in zip(moments, victims, strict=True):
            while todo and time.monotonic() - began_s < moment_s:
                self._submit(
                    server, todo.pop(), starts, pause_s=dice.uniform(0.0, self.longest_pause_s)
                )
            wait_for(lambda moment_s=moment_s: time.monotonic() - began_s >= moment_s)  # type: ignore[misc]
            self._kill(server, victim, dice)
        self._mend(server)
        back_s = time.monotonic()
        # Whoever got no answer asks again; asked twice is asked once.
        for request_id in requests:
            self._submit(server, request_id, starts, pause_s=0.01)
        executions = self._await_ends(server)
        self.final_after_s = time.monotonic() - back_s
        assert len(executions) == self.n_executions, self.killed
        for execution in executions:
            self._check(server, execution, starts)
            self.ends[execution["reason"] or execution["status"]] += 1
        with closing(ExecutionStore(f"sqlite:///{server.data_dir / STORE_FILE}")) as store:
            for execution in executions:
                check_one_end(store, execution["number"])
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

    def _submit(self, server: Server, request_id: str, starts: Path, *, pause_s: float) -> None:
        submit(server, request_id, starts, pause_s=pause_s, options=self.options)

    def _mend(self, server: Server) -> None:
        """Bring back what has to come back before everything can end."""

    def _most_starts(self, execution: Mapping[str, Any]) -> int:
        """How often the notebook may have been begun, as its record says."""
        return 1

    def _may_have_cost(self) -> bool:
        """Whether somebody was killed whose death costs executions."""
        return bool({*ROLES, EVERYTHING} & {*self.killed})

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
        assert n_starts <= self._most_starts(execution), f"{told}: ran {n_starts} times"
        self.n_begun_twice += n_starts > 1
        notebook = server.call("GET", f"executions/{number}/notebook")
        lines = printed(notebook).splitlines()
        assert lines == LINES[: len(lines)], f"{told}: {lines}"
        if execution["status"] == "succeeded":
            assert n_starts >= 1, told
            assert lines == LINES, told
            assert (execution["cells_done"], execution["cells_total"]) == (2, 2), told
            self._check_file(server, execution, told)
        else:
            assert execution["status"] == "failed", told
            assert execution["reason"] in EXCUSES, told
            assert self._may_have_cost(), f"{told}: nobody killed it"
            assert lines != LINES or "line 19" not in lines[:-1], told

    def _check_file(self, server: Server, execution: dict[str, Any], told: str) -> None:
        """The file it made is its own, or a remark says that it is not kept."""
        number = execution["number"]
        page = server.call("GET", f"executions/{number}/artifacts")
        if MADE not in [each["name"] for each in page["artifacts"]]:
            remarks = [remark["kind"] for remark in execution["remarks"]]
            assert "files_lost" in remarks, f"{told}: {page}"
            assert self._may_have_cost(), told
            return
        content = server.call("GET", f"executions/{number}/artifacts/{MADE}")
        assert content == execution["title"], f"{told}: {content}"

    def _check_processes(self, server: Server) -> None:
        """Nobody stands in an attempt's folder any more."""
        wait_for(lambda: not processes_in(server.data_dir / "attempts"), limit_s=10)


@contextmanager
def noted(round_: Round) -> Iterator[None]:
    """Add a line about the round in this block to the file FIGURES, if there is to be one."""
    problem = "interrupted"
    try:
        yield
        problem = ""
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise
    finally:
        figures = os.environ.get("FIGURES")
        if figures:
            line = {
                "seed": round_.seed,
                "killed": round_.killed,
                "ends": round_.ends,
                "begun_twice": round_.n_begun_twice,
                "final_after_s": round(round_.final_after_s, 2),
                "problem": problem,
            }
            with Path(figures).open("a") as lines:
                lines.write(f"{json.dumps(line)}\n")


def submit(
    server: Server,
    request_id: str,
    starts: Path,
    *,
    pause_s: float,
    options: Mapping[str, Any],
) -> None:
    """Ask for one execution; that nobody answers is no error here."""
    title = f"{starts.name.removeprefix('starts-')}-{request_id}"
    first = (
        f"with open({str(starts / title)!r}, 'a') as starts: starts.write('started\\n')\n"
        f"with open({MADE!r}, 'w') as made: made.write({json.dumps(title)!r})\n"
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
        "options": options,
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
