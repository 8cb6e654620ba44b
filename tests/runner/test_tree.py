"""Whatever dies, and however: nothing of the attempt is left, and nobody else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Reason, Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.launch import terminate
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.processes import (
    COOKIE,
    Process,
    find_descendants,
    find_marked,
    identify,
    is_alive,
    send,
)
from jupyter_async_exec.runner.result import conclude_lost, read_evidence, read_result
from tests.runner.helpers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.runner.helpers import Attempt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's"),
]

SAY_PID = "import os\nopen('pid', 'w').write(f'{os.getpid()}\\n')\n"
SLEEP = SAY_PID + "import time\ntime.sleep(600)"
#: A C function that holds the GIL: no signal handler of Python's ever runs.
HOLD_GIL = SAY_PID + "import ctypes\nctypes.PyDLL(None).sleep(600)"
#: A daemon the notebook leaves behind, in a session of its own.
DAEMON = (
    "import subprocess\n"
    "p = subprocess.Popen(['setsid', 'nohup', 'sleep', '600'], stdout=subprocess.DEVNULL)\n"
    "open('daemon', 'w').write(f'{p.pid}\\n')\n"
)
#: The same with an empty environment, so that only adoption can find it.
NAMELESS = (
    "import subprocess\n"
    "subprocess.run(['env', '-i', '/bin/sh', '-c', "
    "'setsid sleep 601 & echo $! > daemon'], check=True)\n"
)


def pid_of_engine(attempt: Attempt) -> int:
    supervisor = identify(attempt.supervisor())
    assert supervisor is not None
    kernel = attempt.reached("pid")
    family = find_descendants(supervisor)
    return next(p.pid for p in family if kernel in {c.pid for c in find_descendants(p)})


@pytest.mark.parametrize("victim", ["supervisor", "engine", "kernel"])
def test_everything_is_gone_soon_after_a_kill(
    make_attempt: Callable[..., Attempt], victim: str
) -> None:
    attempt = make_attempt("print('kept')", DAEMON, HOLD_GIL).start()
    kernel = attempt.reached("pid")
    daemon = identify(attempt.reached("daemon"))
    assert daemon is not None
    family = attempt.processes()
    assert len(family) >= 5

    pids = {
        "supervisor": attempt.supervisor(),
        "engine": pid_of_engine(attempt),
        "kernel": kernel,
    }
    os.kill(pids[victim], signal.SIGKILL)

    wait_for(lambda: not is_held(attempt.directory), timeout_s=5)
    wait_for(lambda: not attempt.processes(), timeout_s=5)
    assert not is_alive(daemon)
    result = read_result(attempt.directory)
    if victim == "supervisor":
        assert result is None
        result = conclude_lost(attempt.directory)
    assert result is not None
    assert result.status is Status.FAILED
    assert result.reason is (Reason.KERNEL_DIED if victim == "kernel" else Reason.LOST)
    assert "while cell 3 was running" in (result.message or "")
    if victim != "supervisor":
        assert attempt.text(0) == "kept\n"
        assert attempt.states() == ["completed", "completed", "failed"]
        assert attempt.rebuilt == attempt.output


def test_a_daemon_without_environment_is_ended_with_its_execution(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(NAMELESS)

    assert attempt.run().status is Status.SUCCEEDED
    assert identify(attempt.reached("daemon")) is None


def test_terminate_leaves_nothing_and_writes_nothing(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(NAMELESS, DAEMON, HOLD_GIL).start()
    attempt.reached("pid")
    daemon = identify(attempt.reached("daemon"))
    assert daemon is not None
    sockets = Path(read_evidence(attempt.directory)["sockets"])
    assert sockets.is_dir()

    terminate(attempt.directory)

    assert not is_alive(daemon)
    assert attempt.processes() == []
    assert not is_held(attempt.directory)
    assert read_result(attempt.directory) is None
    assert not sockets.exists()


def test_a_stranger_with_another_cookie_is_not_touched(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt(SLEEP).start()
    attempt.reached("pid")
    with subprocess.Popen(["sleep", "60"], env={COOKIE: attempt.task.cookie + "0"}) as stranger:
        terminate(attempt.directory)

        assert stranger.poll() is None
        stranger.kill()


def test_an_id_used_again_is_somebody_else() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        own = identify(process.pid)
        assert own is not None

        assert not send(Process(own.pid, own.started - 1), signal.SIGKILL)
        assert is_alive(own)
        process.kill()


def test_who_is_older_than_the_attempt_is_not_its_own() -> None:
    with subprocess.Popen(["sleep", "60"], env={COOKIE: "someone-1"}) as process:
        own = identify(process.pid)
        assert own is not None

        wait_for(lambda: find_marked("someone-1") == [own])
        assert find_marked("someone-1", not_before=own.started + 1) == []
        process.kill()


def test_the_end_of_the_launching_process_disturbs_nothing(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("import time\ntime.sleep(1)\nprint('done')")
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from jupyter_async_exec.runner.launch import launch\n"
        "launch(Path(sys.argv[1]))\nimport os\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(attempt.directory)], check=False)

    assert is_held(attempt.directory)
    assert attempt.wait().status is Status.SUCCEEDED
    assert attempt.text(0) == "done\n"


def test_a_finished_runner_is_no_zombie(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt("1").start()
    wait_for((attempt.directory / files.SUPERVISOR).exists)
    pid = attempt.supervisor()
    attempt.wait()

    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_a_long_path_for_temporary_files_keeps_no_kernel_from_starting(
    make_attempt: Callable[..., Attempt], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

    assert make_attempt("1").run().status is Status.SUCCEEDED

    assert list(long.iterdir()) == []


def test_private_sockets_are_removed(
    make_attempt: Callable[..., Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path(tempfile.mkdtemp(prefix="xdg-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    make_attempt("1").run()

    assert list(runtime.iterdir()) == []
    runtime.rmdir()
