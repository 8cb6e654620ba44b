"""What is forked, what is started instead, and what ends with whom."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Status
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.bell import make_bell
from jupyter_async_exec.runner.launch import launch_spare
from jupyter_async_exec.runner.lock import is_held, take_lock
from jupyter_async_exec.runner.processes import identify
from jupyter_async_exec.runner.result import read_evidence, read_result
from tests.runner.helpers import wait_for
from tests.runner.warm.helpers import Start, Warm, forked_or_spare, serve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="runners are forked on Linux only"),
]


@forked_or_spare
def test_nothing_is_left_when_a_forked_runner_is_killed(warm: Warm, start: Start) -> None:
    attempt = start(
        warm,
        warm.attempt(
            "import os, subprocess\n"
            "p = subprocess.Popen(['setsid', 'sleep', '600'])\n"
            "open('pid', 'w').write(f'{p.pid}\\n')\n__import__('time').sleep(600)"
        ),
    )
    stray = identify(attempt.reached("pid"))
    assert stray is not None

    os.kill(attempt.supervisor(), 9)

    wait_for(lambda: not is_held(attempt.directory), timeout_s=5)
    wait_for(lambda: identify(stray.pid) != stray, timeout_s=5)


def test_another_kernel_is_started_not_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "jupyter" / "kernels" / "other"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-B", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Other", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    server = serve(tmp_path)
    try:
        warm = Warm(server, tmp_path)
        attempt = warm.fork(
            warm.attempt("import sys; print(sys.dont_write_bytecode)", kernel_name="other")
        )
        assert attempt.wait().status is Status.SUCCEEDED
        assert attempt.text(0) == "True\n"

        spare = warm.make_spare("other")
        spare.end()
    finally:
        server.close()


def test_a_forked_runner_begins_only_when_it_is_told_to(warm: Warm) -> None:
    """Who did not hear that it was forked starts another one in its place."""
    attempt = warm.attempt("open('ran', 'w').close()")
    lock = take_lock(attempt.directory)
    ours, theirs = make_bell()
    log = os.open(attempt.directory / files.RUNNER_LOG, os.O_WRONLY | os.O_CREAT)
    warm.server.fork(
        attempt.directory, cookie=attempt.task.cookie, descriptors=(lock, theirs.fileno(), log)
    )
    theirs.close()
    os.close(lock)
    os.close(log)
    assert is_held(attempt.directory)

    ours.close()

    wait_for(lambda: not is_held(attempt.directory))
    assert not (attempt.directory / files.SUPERVISOR).exists()
    assert not (attempt.work / "ran").exists()


def test_a_hangup_that_the_server_ignores_is_ignored_in_every_kernel(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        server = serve(tmp_path)
        warm = Warm(server, tmp_path)
        cell = "import signal; print(signal.getsignal(signal.SIGHUP).name)"
        attempts = [warm.cold(warm.attempt(cell)), warm.fork(warm.attempt(cell))]
    finally:
        signal.signal(signal.SIGHUP, before)

    assert [attempt.wait().status for attempt in attempts] == [Status.SUCCEEDED] * 2
    assert attempts[0].text(0) == attempts[1].text(0)
    assert attempts[0].text(0) == "SIG_IGN\n"
    server.close()


def test_a_dead_fork_server_costs_no_execution(tmp_path: Path) -> None:
    server = serve(tmp_path)
    os.kill(server.pid, 9)
    warm = Warm(server, tmp_path)

    attempt = warm.fork(warm.attempt("print('ran')"))

    assert attempt.wait().status is Status.SUCCEEDED
    server.close()


def test_a_spare_that_nobody_needs_ends_with_who_wanted_it(warm: Warm) -> None:
    spare = warm.make_spare()
    pid = read_evidence(spare.directory)["pid"]
    supervisor = identify(pid)

    spare.bell.close()

    wait_for(lambda: identify(pid) != supervisor, timeout_s=10)
    wait_for(lambda: not is_held(spare.directory))
    assert not (spare.directory / files.JOURNAL).exists()
    assert read_result(spare.directory) is None


def test_startup_files_forbid_a_spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("import os\nWHERE = os.getcwd()")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    server = serve(tmp_path)
    try:
        warm = Warm(server, tmp_path)
        directory = tmp_path / "spare"
        directory.mkdir()
        bell = launch_spare(directory, fork_server=server, kernel_name="python3", nice=0)
        bell.setblocking(True)
        assert bell.recv(1) == b""
        bell.close()

        attempt = warm.fork(warm.attempt("print(WHERE)"))

        assert attempt.wait().status is Status.SUCCEEDED
        assert attempt.text(0) == f"{attempt.work}\n"
    finally:
        server.close()


def test_where_a_kernel_starts_with_packages_of_its_own_it_is_not_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have seeded their random numbers, and every fork would draw the same."""
    (tmp_path / "usercustomize").mkdir()
    (tmp_path / "sitecustomize.py").write_text("import seeded")
    (tmp_path / "seeded.py").write_text("import os\nSEED = os.urandom(8).hex()")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH') or tmp_path}")
    server = serve(tmp_path)
    try:
        warm = Warm(server, tmp_path)
        drawn = []
        for _ in range(2):
            attempt = warm.fork(warm.attempt("import seeded; print(seeded.SEED)"))
            assert attempt.wait().status is Status.SUCCEEDED, attempt.log
            drawn.append(attempt.text(0))
        assert drawn[0] != drawn[1]
        assert "sitecustomize" in (tmp_path / "server.log").read_text()
    finally:
        server.close()


def test_where_no_kernel_could_be_asked_kernels_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "ipykernel"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('not today')")
    good = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{good}" if good else str(tmp_path))
    server = serve(tmp_path)
    try:
        (broken / "__init__.py").unlink()
        broken.rmdir()
        warm = Warm(server, tmp_path)
        attempt = warm.fork(warm.attempt("print('ran')"))
        assert attempt.wait().status is Status.SUCCEEDED, attempt.log
    finally:
        server.close()
