"""``python -m bench.faults``: the same kills and stops for us and for jupyter-scheduler.

Each scenario goes through the REST interface of a real server, several times. What a
record says is compared with what the notebook did: its first and last cell leave files.
A process counts as left behind when the kernel, or a child the notebook started, lives
on 5 s after the end. The table is Markdown, on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import httpx
import psutil

from bench import notebooks
from bench.context import COOKIE, Context
from bench.processes import Family
from bench.servers import OURS, SCHEDULER, cookie, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a notebook does between its first cell and its last, in seconds.
RUN_S = 6
#: A record has to be final so long after the last act; what has not begun by then is taken
#: never to begin.
RECORD_S = 30
#: Processes are left behind when they live so long after the end.
LEFT_S = 5
#: A server that has not gone so long after SIGTERM is killed.
GONE_S = 60
#: On a busy machine a first cell takes its time.
BEGIN_S = 180
POLL_S = 0.1

FIRST = """\
import json, os, subprocess
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
with open({begun!r} + ".part", "w") as file:
    json.dump([os.getpid(), child.pid], file)
os.replace({begun!r} + ".part", {begun!r})"""
LAST = "open({finished!r}, 'w').close()"
SLEEPS = f"import time; time.sleep({RUN_S})"
#: Neither Python code nor a signal gets a turn before it is done.
IN_C = "sum(range(10 ** 11))"


class Peer:
    """A server with one of the extensions, which can be stopped, killed and started again.

    Parameters
    ----------
    context
        Where it may write.
    """

    name: ClassVar[str]
    extension: ClassVar[str]
    succeeded: ClassVar[str]
    #: Words of a record that nothing follows.
    final: ClassVar[frozenset[str]]

    def __init__(self, context: Context) -> None:
        self._home = context.new_folder(self.extension)
        self.root = context.new_folder("root")
        self._token = secrets.token_hex(16)
        self._port = free_port()
        self._environment = context.environment(self._home) | {COOKIE: cookie(self._home)}
        self._family = Family(cookie(self._home))
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}/",
            headers={"Authorization": f"token {self._token}"},
            timeout=300,
            trust_env=False,
        )
        self.start()

    def start(self) -> None:
        """Start the server and wait for its first answer."""
        enabled = {OURS: self.extension == OURS, SCHEDULER: self.extension == SCHEDULER}
        command = [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self._port}"),
            *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}"),
            f"--IdentityProvider.token={self._token}",
            f"--ServerApp.jpserver_extensions={enabled}",
            "--AsyncExecApp.slots=4",
        ]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait(self._answers, limit_s=60)

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return self.http.get("api/status").status_code == httpx.codes.OK
        return False

    def end(self, how: signal.Signals) -> float:
        """Send the signal; return after how many seconds the server was gone."""
        began = time.monotonic()
        self._process.send_signal(how)
        try:
            self._process.wait(GONE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return time.monotonic() - began

    def close(self) -> None:
        """End the server and everything it started."""
        self.http.close()
        self._process.kill()
        self._process.wait()
        self._family.end()

    def submit(self, path: str) -> str:
        """Ask for one run of the notebook at this Jupyter path; return its id."""
        raise NotImplementedError

    def stop(self, job: str) -> None:
        """Ask for its end."""
        raise NotImplementedError

    def status(self, job: str) -> str:
        """Return its status in the peer's own word."""
        raise NotImplementedError


class Ours(Peer):
    """`jupyter_async_exec`."""

    name = "jupyter_async_exec"
    extension = OURS
    succeeded = "succeeded"
    final = frozenset({"succeeded", "failed", "cancelled"})

    def submit(self, path: str) -> str:
        """Submit an execution."""
        answer = self.http.post("async-exec/executions", json={"path": path})
        return str(answer.raise_for_status().json()["id"])

    def stop(self, job: str) -> None:
        """Cancel it."""
        self.http.post(f"async-exec/executions/{job}/cancel").raise_for_status()

    def status(self, job: str) -> str:
        """Return the status, and the reason of a failure."""
        found = self.http.get(f"async-exec/executions/{job}").raise_for_status().json()
        return str(found["status"])


class Scheduler(Peer):
    """jupyter-scheduler."""

    name = "jupyter-scheduler"
    extension = SCHEDULER
    succeeded = "COMPLETED"
    final = frozenset({"COMPLETED", "FAILED", "STOPPED"})

    def submit(self, path: str) -> str:
        """Create a job."""
        body = {
            "name": path,
            "input_uri": path,
            "runtime_environment_name": Path(sys.prefix).name,
        }
        answer = self.http.post("scheduler/jobs", json=body)
        return str(answer.raise_for_status().json()["job_id"])

    def stop(self, job: str) -> None:
        """Stop it, as its page does."""
        self.http.patch(f"scheduler/jobs/{job}", json={"status": "STOPPED"}).raise_for_status()

    def status(self, job: str) -> str:
        """Return the status; new jobs read STOPPED until their process is up."""
        found = self.http.get(f"scheduler/jobs/{job}").raise_for_status().json()
        return str(found["status"])


class Run:
    """One run of a notebook, and what is known of it.

    Parameters
    ----------
    peer
        Who runs it.
    name
        Unique.
    middle
        The cell between the first and the last.
    """

    def __init__(self, peer: Peer, name: str, middle: str = SLEEPS) -> None:
        self.peer = peer
        self._begun = peer.root / f"{name}.begun"
        self._finished = peer.root / f"{name}.finished"
        cells = [
            FIRST.format(begun=str(self._begun)),
            middle,
            LAST.format(finished=str(self._finished)),
        ]
        folder = peer.root / name
        folder.mkdir()
        notebooks.write(folder, name, cells)
        self.job = peer.submit(f"{name}/{name}.ipynb")
        #: Kernel and child, as soon as they are known.
        self.processes: list[psutil.Process] = []

    def wait_until_begun(self) -> None:
        """Wait for the first cell, and learn who runs it."""
        wait(self._begun.exists, limit_s=BEGIN_S)
        self.learn()

    def learn(self) -> None:
        """Note kernel and child, if the first cell has run."""
        if self._begun.exists() and not self.processes:
            with suppress(psutil.NoSuchProcess):
                for pid in json.loads(self._begun.read_text()):
                    self.processes.append(psutil.Process(pid))

    @property
    def has_finished(self) -> bool:
        """Whether its last cell ran."""
        return self._finished.exists()

    def judge(self, *, is_stopped: bool = False, is_early: bool = False) -> str:
        """Wait for the record and for the processes; return what is wrong, or ''.

        Parameters
        ----------
        is_stopped
            Whether the last cell must not run.
        is_early
            Whether it may not have begun when somebody acted: what it does nevertheless
            shows later, whatever the record says meanwhile.
        """
        peer = self.peer
        until = time.monotonic() + RECORD_S
        word = peer.status(self.job)
        while time.monotonic() < until and (is_early or word not in peer.final):
            time.sleep(POLL_S)
            self.learn()
            word = peer.status(self.job)
        wait(lambda: not self._left(), limit_s=LEFT_S, may_pass=True)
        wrong = []
        if word not in peer.final:
            wrong.append(f"{word} still after {RECORD_S} s")
        elif (word == peer.succeeded) != self.has_finished:
            ran = "ran to its end" if self.has_finished else "did not end"
            wrong.append(f"{word}, but it {ran}")
        if is_stopped and self.has_finished:
            wrong.append("ran to its end all the same")
        left = self._left()
        if left:
            wrong.append(f"left behind: {' and '.join(left)}")
        self.learn()
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return "; ".join(dict.fromkeys(wrong))

    def _left(self) -> list[str]:
        alive = []
        for name, process in zip(("kernel", "child"), self.processes, strict=False):
            with suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(name)
        return alive


def server_dies(peer: Peer, name: str, how: signal.Signals) -> str:
    """Kill or stop the server while a notebook runs, and start it again."""
    run = Run(peer, name)
    run.wait_until_begun()
    gone_s = peer.end(how)
    peer.start()
    wrong = run.judge()
    late = f"the server took {gone_s:.0f} s to end" if gone_s > LEFT_S else ""
    return "; ".join(each for each in (wrong, late) if each)


def server_dies_early(peer: Peer, name: str) -> str:
    """Kill the server right after it accepted three notebooks, and start it again."""
    runs = [Run(peer, f"{name}-{index}") for index in range(3)]
    peer.end(signal.SIGKILL)
    peer.start()
    return "; ".join(dict.fromkeys(wrong for run in runs if (wrong := run.judge(is_early=True))))


def runner_dies(peer: Peer, name: str) -> str:
    """Kill the process above the kernel."""
    run = Run(peer, name)
    run.wait_until_begun()
    os.kill(run.processes[0].ppid(), signal.SIGKILL)
    return run.judge()


def kernel_dies(peer: Peer, name: str) -> str:
    """Kill the kernel."""
    run = Run(peer, name)
    run.wait_until_begun()
    run.processes[0].kill()
    return run.judge()


def stopped_early(peer: Peer, name: str) -> str:
    """Stop it right after it was accepted."""
    run = Run(peer, name)
    peer.stop(run.job)
    return run.judge(is_stopped=True, is_early=True)


def stopped(peer: Peer, name: str, middle: str) -> str:
    """Stop it while it runs."""
    run = Run(peer, name, middle)
    run.wait_until_begun()
    peer.stop(run.job)
    return run.judge(is_stopped=True)


SCENARIOS: dict[str, Callable[[Peer, str], str]] = {
    "server killed while it runs": lambda peer, name: server_dies(peer, name, signal.SIGKILL),
    "server stopped (SIGTERM) while it runs": lambda peer, name: server_dies(
        peer, name, signal.SIGTERM
    ),
    "server killed right after three were accepted": server_dies_early,
    "runner killed": runner_dies,
    "kernel killed": kernel_dies,
    "stopped while it starts": stopped_early,
    "stopped while it runs": lambda peer, name: stopped(peer, name, SLEEPS),
    "stopped inside a C function": lambda peer, name: stopped(peer, name, IN_C),
}


def wait(check: Callable[[], bool], *, limit_s: float, may_pass: bool = False) -> None:
    """Wait until it is so.

    Raises
    ------
    TimeoutError
        It was not in time, and that may not be.
    """
    deadline = time.monotonic() + limit_s
    while not check():
        if time.monotonic() > deadline:
            if may_pass:
                return
            raise TimeoutError(f"It did not happen within {limit_s:.0f} s.")
        time.sleep(POLL_S)


def measure(context: Context, rounds: int, words: str) -> dict[str, dict[str, list[str]]]:
    """Return what was wrong, '' for nothing, by scenario and peer."""
    found: dict[str, dict[str, list[str]]] = {name: {} for name in SCENARIOS if words in name}
    for kind in (Ours, Scheduler):
        peer = kind(context)
        try:
            for number, scenario in enumerate(found):
                for round_ in range(rounds):
                    wrong = SCENARIOS[scenario](peer, f"n{number}-{round_}")
                    found[scenario].setdefault(peer.name, []).append(wrong)
                    context.say(f"{peer.name}: {scenario}: {wrong or 'right'}")
        finally:
            peer.close()
    return found


def table(found: dict[str, dict[str, list[str]]]) -> str:
    """Return the outcome as Markdown."""
    names = [Ours.name, Scheduler.name]
    lines = [f"| | {' | '.join(names)} |", "| --- | --- | --- |"]
    for scenario, by_peer in found.items():
        cells = [_cell(by_peer[name]) for name in names]
        lines.append(f"| {scenario} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(outcomes: list[str]) -> str:
    n_right = outcomes.count("")
    wrong = Counter(outcome for outcome in outcomes if outcome)
    told = [f"{text} ({n})" for text, n in wrong.most_common()]
    return "; ".join([f"right in {n_right} of {len(outcomes)}", *told])


def main(arguments: list[str]) -> int:
    """Run every scenario; return 1 when we were wrong once."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="scenarios with these words in their name")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-faults-", ignore_cleanup_errors=True) as folder:
        found = measure(Context(Path(folder)), options.rounds, options.only)
    sys.stdout.write(f"{table(found)}\n")
    return int(any(any(by_peer[Ours.name]) for by_peer in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
