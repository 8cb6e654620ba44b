"""A notebook that leaves every kind of process behind, ended in every way there is."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import Limits
from jupyter_async_exec.runner.launch import launch, launch_spare, safe_environment, terminate
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.processes import find_descendants, identify, is_alive
from jupyter_async_exec.runner.result import read_evidence
from jupyter_async_exec.runner.warm.handle import ForkServer
from jupyter_async_exec.runner.warm.pool import SpareRunner
from tests.runner.helpers import Attempt, make_notebook, wait_for
from tests.server import processes_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.runner.processes import Process

#: From the end of the runner's own work, or a kill, until nobody is left.
GONE_WITHIN_S = 5.0
WAYS = ("started", "forked", "spare")
_BOTH = ("asleep", "holding the GIL")
#: What ends a runner, and what the kernel may be doing meanwhile.
WORK_OF: Mapping[str, tuple[str, ...]] = {
    "normal end": ("asleep",),
    "cancel": _BOTH,
    "time limit": _BOTH,
    "memory limit": ("growing",),
    "kill -9 of the kernel": _BOTH,
    "kill -9 of the engine": _BOTH,
    "kill -9 of the supervisor": _BOTH,
    "kill -9 of the guard": ("asleep",),
    "kill -9 of the server": ("asleep",),
}
CAUSES = tuple(WORK_OF)
#: Each is started by the notebook; one that names itself writes its id into that file.
KINDS: Mapping[str, str] = {
    "child": "subprocess.Popen(['sleep', '600'])",
    "grandchild": "subprocess.Popen(['sh', '-c', 'sleep 600 & wait'])",
    "fork of the kernel": "if not os.fork(): time.sleep(600)",
    "nohup": "subprocess.Popen(['setsid', 'nohup', 'sleep', '600'], stdout=subprocess.DEVNULL)",
    "daemon without environment": "subprocess.run(['env', '-i', '/bin/sh', '-c', "
    "'cd / && setsid sleep 600 & echo $! > daemon'], check=True)",
    "deaf": "subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT HUP; while :; do sleep 600; done'])",
    "a hundred": "subprocess.Popen(['sh', '-c', 'for i in $(seq 100); do sleep 600 & done; wait'])",
    # Never the same process for longer than a fork takes.
    "relay": "subprocess.run([sys.executable, '-SEc', 'import os, time\\nos.setsid()\\n"
    "while True:\\n    if os.fork(): os._exit(0)\\n    time.sleep(0.005)'], env={})",
}
_SAY = "open('pid', 'w').write(f'{os.getpid()}\\n')\n"
WORK: Mapping[str, str] = {
    "asleep": _SAY + "while not os.path.exists('go'): time.sleep(0.01)",
    # No signal handler of Python's ever runs.
    "holding the GIL": _SAY + "import ctypes\nctypes.PyDLL(None).sleep(600)",
    "growing": _SAY + "grown = bytearray(b'x') * 500_000_000\ntime.sleep(600)",
}
_LIMITS: Mapping[str, Limits] = {
    "time limit": Limits(run_time_s=6.0),
    "memory limit": Limits(memory_bytes=400_000_000),
}


@dataclass(slots=True)
class Scene:
    """One attempt with all kinds of processes, to be ended by one cause.

    Parameters
    ----------
    folder
        Everything is below.
    way
        How the runner comes to be, of `WAYS`.
    cause
        How it ends, of `WORK_OF`.
    work
        What the kernel is doing meanwhile, of `WORK_OF[cause]`.
    """

    folder: Path
    way: str
    cause: str
    work: str

    def play(self, fork_server: ForkServer) -> float:
        """Start, end, and wait until nobody is left; return how long that took, in seconds."""
        cells = ["import os, subprocess, sys, time", *KINDS.values(), WORK[self.work]]
        limits = _LIMITS.get(self.cause, Limits())
        attempt = Attempt(self.folder / "attempt", make_notebook(*cells), limits=limits)
        try:
            if self.cause != "kill -9 of the server":
                start(self.way, attempt.directory, fork_server)
                return self._end(attempt)
            command = [sys.executable, "-m", "tests.faults.orphans"]
            with subprocess.Popen(
                [*command, self.way, str(attempt.directory)],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
            ) as server:
                try:
                    return self._end(attempt, server)
                finally:
                    server.kill()
        finally:
            terminate(attempt.directory)

    def _end(self, attempt: Attempt, server: subprocess.Popen[bytes] | None = None) -> float:
        kernel = identify(attempt.reached("pid"))
        daemon = identify(attempt.reached("daemon"))
        assert kernel is not None
        assert daemon is not None
        wait_for(lambda: len(processes_in(attempt.directory)) > 100)
        helpers = []
        if server is not None:
            wait_for((self.folder / "unused" / "ready").exists)
            own = identify(server.pid)
            assert own is not None
            helpers = find_descendants(own)
        began = time.monotonic()
        self._act(attempt, kernel, server)
        if not self.cause.startswith("kill"):
            # The end is known; what follows is tidying up.
            wait_for((attempt.directory / "result.json").exists, timeout_s=12)
            began = time.monotonic()
        elif self.cause in ("kill -9 of the server", "kill -9 of the guard"):
            # Neither ends the execution, which nobody may notice.
            assert is_held(attempt.directory)
            assert is_alive(kernel)
            (attempt.work / "go").touch()
            wait_for((attempt.directory / "result.json").exists, timeout_s=12)
            began = time.monotonic()
        wait_for(
            lambda: not processes_in(attempt.directory) and not is_alive(daemon),
            timeout_s=GONE_WITHIN_S,
        )
        took = time.monotonic() - began
        wait_for(lambda: not is_held(attempt.directory), timeout_s=GONE_WITHIN_S)
        wait_for(lambda: not any(map(is_alive, helpers)), timeout_s=GONE_WITHIN_S)
        return took

    def _act(
        self, attempt: Attempt, kernel: Process, server: subprocess.Popen[bytes] | None
    ) -> None:
        if self.cause == "normal end":
            (attempt.work / "go").touch()
        elif self.cause == "cancel":
            attempt.cancel()
        elif server is not None:
            server.kill()
            server.wait()
        elif self.cause.startswith("kill"):
            role = self.cause.rpartition(" ")[2]
            os.kill(_pids_of(attempt, kernel)[role], signal.SIGKILL)


def _pids_of(attempt: Attempt, kernel: Process) -> dict[str, int]:
    evidence = read_evidence(attempt.directory)
    supervisor = identify(evidence["pid"])
    assert supervisor is not None
    engine = next(
        process for process in find_descendants(supervisor) if kernel in find_descendants(process)
    )
    return {
        "guard": evidence["guard"]["pid"],
        "supervisor": supervisor.pid,
        "engine": engine.pid,
        "kernel": kernel.pid,
    }


def start(way: str, directory: Path, fork_server: ForkServer) -> None:
    """Start the attempt in `directory` that way."""
    if way == "started":
        launch(directory).close()
    elif way == "forked":
        launch(directory, fork_server=fork_server).close()
    else:
        aside = directory.with_name("aside")
        spare = _make_spare(fork_server, directory.with_name("spare"))
        directory.rename(aside)
        spare.move_to(directory)
        for path in aside.iterdir():
            path.rename(directory / path.name)
        spare.begin().close()


def serve(way: str, directory: Path) -> None:
    """Be a server: start the attempt that way, have a spare ready, and wait to be killed."""
    fork_server = make_fork_server(directory.parent)
    start(way, directory, fork_server)
    # Kept, because a spare whose bell is closed ends.
    spare = _make_spare(fork_server, directory.with_name("unused"))
    (spare.directory / "ready").touch()
    sys.stdin.read()


def make_fork_server(folder: Path) -> ForkServer:
    """Start one for kernels of this Python."""
    return ForkServer(
        options=(), environment=safe_environment(os.environ), log=folder / "fork-server.log"
    )


def _make_spare(server: ForkServer, directory: Path) -> SpareRunner:
    directory.mkdir()
    bell = launch_spare(directory, fork_server=server, kernel_name="python3", nice=5)
    assert select.select([bell], [], [], 60)[0]
    return SpareRunner(directory, bell)


def measure(n_times: int) -> None:
    """Play every scene so often; print the longest of each as a table."""
    say = sys.stdout.write
    say("| Cause | " + " | ".join(WAYS) + " |\n| --- | --- | --- | --- |\n")
    with tempfile.TemporaryDirectory() as home:
        fork_server = make_fork_server(Path(home))
        for cause in CAUSES:
            worst = dict.fromkeys(WAYS, 0.0)
            for way in WAYS:
                for work in (*WORK_OF[cause],) * n_times:
                    with tempfile.TemporaryDirectory() as folder:
                        took = Scene(Path(folder), way, cause, work).play(fork_server)
                    worst[way] = max(worst[way], took)
            say(f"| {cause} | " + " | ".join(f"{worst[way]:.2f} s" for way in WAYS) + " |\n")
            sys.stdout.flush()
        fork_server.close()


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        measure(int(sys.argv[2]))
    else:
        serve(sys.argv[1], Path(sys.argv[2]))
