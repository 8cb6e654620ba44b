"""What counts as an execution's memory, and how it is known that the system killed for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.execution import Limits, Reason, Status
from jupyter_async_exec.runner import cgroup, limits, system
from jupyter_async_exec.runner.cgroup import MemoryGroup, make_group, remove_group
from jupyter_async_exec.runner.limits import Watch
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.memory import Family
from jupyter_async_exec.runner.result import read_result
from tests.runner.helpers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.runner.helpers import Attempt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc"),
]

GROW = "import time\ngrown = bytearray(b'x') * {size}\ntime.sleep(60)"
#: Grown by somebody who is nobody's child and carries no mark.
GROWN_BY_A_DAEMON = (
    "import subprocess, sys, time\n"
    "subprocess.run(['env', '-i', '/bin/sh', '-c', 'setsid ' + sys.executable + "
    "' -Sc \"import time; x = bytearray(b\\'x\\') * 400_000_000; time.sleep(60)\" &'])\n"
    "time.sleep(60)"
)
SHARED_BY_FOUR = (
    "import os, time\nshared = bytearray(b'x') * 200_000_000\n"
    "children = []\n"
    "for _ in range(4):\n"
    "    pid = os.fork()\n"
    "    if not pid:\n"
    "        time.sleep(1.5)\n        os._exit(sum(shared[::4096]) == 0)\n"
    "    children.append(pid)\n"
    "print([os.waitpid(pid, 0)[1] for pid in children])"
)


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    name = f"test-{os.getpid()}"
    group = make_group(name, 200_000_000)
    if group is None:
        pytest.skip("no memory group can be made here")
    yield group
    remove_group(name)


def test_what_a_daemon_uses_counts(make_attempt: Callable[..., Attempt]) -> None:
    result = make_attempt(GROWN_BY_A_DAEMON, limits=Limits(memory_bytes=300_000_000)).run()

    assert result.reason is Reason.OUT_OF_MEMORY
    assert "of 0.30 GB" in (result.message or "")


def test_what_processes_share_counts_once(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(SHARED_BY_FOUR, limits=Limits(memory_bytes=600_000_000))

    assert attempt.run().status is Status.SUCCEEDED
    assert attempt.text(0) == "[0, 0, 0, 0]\n"


def test_a_group_ends_who_exceeds_its_limit_and_says_so(group: MemoryGroup) -> None:
    code = "input(); x = bytearray(b'x') * 600_000_000"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert group.add(process.pid)
        process.communicate(b"\n")

    assert process.returncode == -signal.SIGKILL
    assert group.count_kills() == 1
    assert 100_000_000 < group.read_peak() <= 200_000_000


def test_an_attempt_leaves_no_group_behind(make_attempt: Callable[..., Attempt]) -> None:
    attempt = make_attempt(
        "print([line for line in open('/proc/self/cgroup') if 'async-exec-' in line] != [])",
        limits=Limits(memory_bytes=10**9),
    )

    assert attempt.run().status is Status.SUCCEEDED
    place = cgroup._find_place()
    left = [] if place is None else list(place.folder.rglob(f"*{attempt.task.cookie}"))
    assert left == []


def test_a_kill_by_the_system_for_memory_is_recognised(
    make_attempt: Callable[..., Attempt], group: MemoryGroup
) -> None:
    """As in a container with a limit of which we know nothing but what it tells."""
    attempt = make_attempt("print('kept')", GROW.format(size=900_000_000))
    code = (
        "import sys; from pathlib import Path; sys.stdin.read()\n"
        "from jupyter_async_exec.runner.launch import launch; launch(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(attempt.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as launcher:
        assert group.add(launcher.pid)
        launcher.communicate()

    wait_for(lambda: not is_held(attempt.directory))
    result = read_result(attempt.directory)
    assert result is not None
    assert result.reason is Reason.OUT_OF_MEMORY, result.message
    assert "while cell 2 was running because memory ran out" in (result.message or "")
    assert "of 0.20 GB when last measured" in (result.message or "")
    assert attempt.text(0) == "kept\n"


def test_a_kill_that_has_nothing_to_do_with_memory_is_none_for_memory(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("import os\nos.kill(os.getpid(), 9)", limits=Limits(memory_bytes=10**9))

    assert attempt.run().reason is Reason.KERNEL_DIED


def test_who_used_nearly_all_memory_was_killed_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(tmp_path, Limits(), cell_time_s=None, first_measure_s=0)
    watch.take_kernel(os.getpid())
    watch.check_memory()
    used = watch.memory
    assert used > 0

    monkeypatch.setattr(system, "total_memory", lambda: used * 2)
    assert watch.explain_kill("while cell 1 was running") is None
    monkeypatch.setattr(system, "total_memory", lambda: int(used * 1.1))
    ending = watch.explain_kill("while cell 1 was running")

    assert ending is not None
    assert ending.reason is Reason.OUT_OF_MEMORY
    assert "most likely because of its memory" in (ending.message or "")


def test_what_processes_share_is_not_nearly_all_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sharing(Family):
        def resident_bytes(self) -> int:
            return 900

        def proportional_bytes(self) -> int:
            return 300

    monkeypatch.setattr(limits, "Family", Sharing)
    monkeypatch.setattr(system, "total_memory", lambda: 1_000)
    watch = Watch(tmp_path, Limits(), cell_time_s=None, first_measure_s=0)
    watch.take_kernel(os.getpid())

    watch.check_memory()

    assert watch.memory == 300
    assert watch.explain_kill("while cell 1 was running") is None


def test_the_memory_there_is_is_that_of_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "outer" / "memory.max").write_text("16000000000\n")
    (tmp_path / "outer" / "memory.current").write_text("15000000000\n")
    (tmp_path / "outer" / "memory.stat").write_text("anon 1\ninactive_file 4000000000\n")
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    place = cgroup._Place(cgroup._V2, inner, tmp_path)
    monkeypatch.setattr(cgroup, "_find_place", lambda: place)

    assert cgroup.read_limit() == 16_000_000_000
    assert cgroup.read_left() == 5_000_000_000
    assert system.available_memory() <= 5_000_000_000
    assert cgroup.count_kills() == 2
