"""A notebook cannot tell a kernel that was ready from one that was started for it."""

from __future__ import annotations

import json
import os
import re
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from jupyter_async_exec.core.execution import Status, new_id
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.bell import make_bell
from jupyter_async_exec.runner.launch import launch, launch_spare, safe_environment
from jupyter_async_exec.runner.lock import is_held, take_lock
from jupyter_async_exec.runner.processes import identify
from jupyter_async_exec.runner.result import read_evidence, read_result
from jupyter_async_exec.runner.warm.handle import ForkServer, is_possible
from jupyter_async_exec.runner.warm.pool import SpareRunner, WarmPool
from tests.runner.helpers import Attempt, make_notebook, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="runners are forked on Linux only"),
]

#: Everything a notebook can see of its process that does not depend on chance.
OBSERVE = """
import asyncio, atexit, decimal, gc, json, locale, logging, os, random, resource, signal, sys
import tempfile, threading, time, warnings
shell = get_ipython()
def descriptors():
    found = []
    for n in os.listdir("/proc/self/fd"):
        try:
            found.append(os.path.basename(os.readlink(f"/proc/self/fd/{n}").split(":")[0]))
        except OSError:
            pass
    return sorted(set(found))
loaded = set(sys.modules)
observed = {
    "modules": sorted(loaded),
    "path": sys.path,
    "argv": [sys.argv[0], *sys.argv[3:]],
    "orig_argv": [*sys.orig_argv[:4], *sys.orig_argv[5:]],
    "cmdline": open("/proc/self/cmdline").read().rstrip(chr(0)).split(chr(0))[:4],
    "executable": [sys.executable, sys.prefix, sys.base_prefix, sys.version],
    "flags": str(sys.flags), "xoptions": str(sys._xoptions),
    "main": sorted(vars(sys.modules["__main__"])),
    "main_name": [__name__, "__file__" in globals(), str(globals().get("__spec__"))],
    "environment": {k: v for k, v in os.environ.items()},
    "cwd": [os.getcwd(), [str(d) for d in shell.user_ns["_dh"]], shell.starting_dir],
    "signals": {s.name: str(signal.getsignal(s)).split(" at ")[0] for s in signal.valid_signals()
                if isinstance(s, signal.Signals)},
    "mask": sorted(map(str, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
    "threads": sorted(t.name.split("-")[0] for t in threading.enumerate()),
    "umask": os.umask(0o022), "nice": os.nice(0),
    "limits": [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_STACK)],
    "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "oom": open("/proc/self/oom_score_adj").read(),
    "locale": [locale.getlocale(), locale.getpreferredencoding(), sys.getfilesystemencoding()],
    "recursion": [sys.getrecursionlimit(), sys.getswitchinterval()],
    "gc": [gc.get_threshold(), gc.isenabled()],
    "logging": [logging.root.level, [type(h).__name__ for h in logging.root.handlers],
                sorted(logging.root.manager.loggerDict)],
    "warnings": [str(f) for f in warnings.filters],
    "tempdir": [tempfile.tempdir, str(tempfile._name_sequence)],
    "decimal": str(decimal.getcontext()),
    "loop": [type(asyncio.get_event_loop_policy()).__name__],
    "history": [shell.execution_count, len(shell.history_manager.input_hist_raw)],
    "hooks": [str(sys.excepthook).split(" at ")[0], str(sys.displayhook).split(" at ")[0]],
    "stdio": [os.readlink("/proc/self/fd/0"), sys.stdin is not None, sys.stdout.encoding],
    "descriptors": descriptors(),
    "capabilities": [line for line in open("/proc/self/status").read().splitlines()
                     if line.startswith(("Cap", "NoNew", "SigB", "SigI", "SigC"))],
    "dir": sorted(os.listdir(".")),
    "user_names": sorted(n for n in shell.user_ns if not n.startswith("_")),
    "config": str(shell.config),
}
print(json.dumps(observed))
"""
#: Objects that tell when they are let go, and a thread that outlives the last cell.
ENDINGS = """
import helper, threading, time
write = open("ended", "a", buffering=1).write
class Ending:
    def __init__(self, name):
        self.name = name
    def __del__(self, write=write):
        write(self.name + " ")
name = Ending("name")
cycle = Ending("cycle")
cycle.itself = cycle
helper.kept.append(Ending("module"))
def wait():
    time.sleep(0.3)
    write("thread ")
threading.Thread(target=wait).start()
"""
CHANCE = (
    "import json, os, random, tempfile, uuid\n"
    "drawn = [random.random(), str(uuid.uuid4()), os.urandom(4).hex(), tempfile.mktemp()]\n"
    "print(json.dumps(drawn))"
)
#: What differs and may: see docs/explanation/warm-start.md.
MARKS = {
    "JUPYTER_ASYNC_EXEC_ID",
    "JUPYTER_ASYNC_EXEC_ATTEMPT",
    "JPY_PARENT_PID",
    "PYTEST_CURRENT_TEST",
}


@dataclass
class Warm:
    """A fork server and the attempts made with it."""

    server: ForkServer
    folder: Path
    n_made: int = 0

    def attempt(self, *cells: str, **task: Any) -> Attempt:
        self.n_made += 1
        folder = self.folder / f"attempt-{self.n_made}"
        return Attempt(folder, make_notebook(*cells), **task)

    def cold(self, attempt: Attempt) -> Attempt:
        launch(attempt.directory).close()
        return attempt

    def fork(self, attempt: Attempt) -> Attempt:
        launch(attempt.directory, fork_server=self.server).close()
        return attempt

    def make_spare(self, kernel_name: str = "python3") -> SpareRunner:
        self.n_made += 1
        directory = self.folder / f"spare-{self.n_made}"
        directory.mkdir()
        bell = launch_spare(directory, fork_server=self.server, kernel_name=kernel_name, nice=5)
        assert select.select([bell], [], [], 60)[0]
        assert bell.recv(1) == b"r"
        return SpareRunner(directory, bell)

    def spare(self, attempt: Attempt) -> Attempt:
        """Run `attempt` the way the backend does with a spare."""
        spare = self.make_spare()
        aside = attempt.directory.with_name(f"{attempt.directory.name}-aside")
        attempt.directory.rename(aside)
        spare.move_to(attempt.directory)
        for path in aside.iterdir():
            path.rename(attempt.directory / path.name)
        spare.begin().close()
        return attempt


def serve(folder: Path) -> ForkServer:
    return ForkServer(
        options=(), environment=safe_environment(os.environ), log=folder / "server.log"
    )


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    folder = tmp_path_factory.mktemp("warm")
    server = serve(folder)
    yield Warm(server, folder)
    server.close()


Start: TypeAlias = Callable[[Warm, Attempt], Attempt]
forked_or_spare = pytest.mark.parametrize("start", [Warm.fork, Warm.spare], ids=["forked", "spare"])
each_way = pytest.mark.parametrize(
    "start", [Warm.cold, Warm.fork, Warm.spare], ids=["started", "forked", "spare"]
)


def observe(start: Start, warm: Warm) -> dict[str, Any]:
    attempt = start(warm, warm.attempt(OBSERVE))
    assert attempt.wait().status is Status.SUCCEEDED, attempt.log
    observed: dict[str, Any] = json.loads(attempt.text(0))
    marks = {name: observed["environment"].pop(name) for name in MARKS}
    assert marks["JUPYTER_ASYNC_EXEC_ID"] == attempt.task.execution_id
    folder = str(attempt.work)
    text = re.sub(r"/[^ ']*/jae-[^/]*/[0-9a-f]*\.json", "CONNECTION", json.dumps(observed))
    parsed: dict[str, Any] = json.loads(text.replace(folder, "FOLDER"))
    return parsed


@forked_or_spare
def test_a_notebook_sees_the_same_as_in_a_kernel_started_for_it(warm: Warm, start: Start) -> None:
    expected = observe(Warm.cold, warm)

    observed = observe(start, warm)

    assert observed.keys() == expected.keys()
    for name, value in expected.items():
        assert observed[name] == value, name


@forked_or_spare
def test_two_kernels_never_draw_the_same_numbers(warm: Warm, start: Start) -> None:
    drawn = []
    for _ in range(2):
        attempt = start(warm, warm.attempt(CHANCE))
        assert attempt.wait().status is Status.SUCCEEDED
        drawn.append(json.loads(attempt.text(0)))

    assert all(one != other for one, other in zip(*drawn, strict=True))


@each_way
def test_parameters_files_and_imports_are_those_of_the_execution(warm: Warm, start: Start) -> None:
    attempt = warm.attempt(
        "import helper, os\nprint(helper.NAME, rate, open('data.txt').read(), os.getcwd())",
        parameters={"rate": 0.5},
    )
    (attempt.work / "helper.py").write_text("NAME = 'mine'")
    (attempt.work / "data.txt").write_text("here")

    result = start(warm, attempt).wait()

    assert result.status is Status.SUCCEEDED, attempt.log
    assert f"mine 0.5 here {attempt.work}" in attempt.log
    assert attempt.rebuilt == attempt.output


@pytest.mark.parametrize(
    ("start", "expected"),
    [(Warm.cold, False), (Warm.fork, True), (Warm.spare, True)],
    ids=["started", "forked", "spare"],
)
def test_a_plain_kernel_is_forked(warm: Warm, start: Start, expected: bool) -> None:
    attempt = start(warm, warm.attempt("import gc; print(gc.get_freeze_count() > 1000)"))

    assert attempt.wait().status is Status.SUCCEEDED
    assert attempt.text(0) == f"{expected}\n"


@each_way
def test_what_a_kernel_does_as_it_ends_is_done(warm: Warm, start: Start) -> None:
    attempt = warm.attempt(
        "import atexit\natexit.register(lambda: open('bye', 'w').write('said'))\n"
        "kept = open('unclosed', 'w')\nkept.write('flushed')",
        ENDINGS,
        "Ending('shown')",
    )
    (attempt.work / "helper.py").write_text("kept = []")

    assert start(warm, attempt).wait().status is Status.SUCCEEDED

    assert (attempt.work / "bye").read_text() == "said"
    assert (attempt.work / "unclosed").read_text() == "flushed"
    ended = (attempt.work / "ended").read_text().split()
    assert sorted(ended) == ["cycle", "module", "name", "shown", "thread"]


@forked_or_spare
def test_children_of_a_forked_kernel_carry_its_mark(warm: Warm, start: Start) -> None:
    attempt = start(
        warm,
        warm.attempt(
            "import os, multiprocessing, subprocess\n"
            "mark = os.environ['JUPYTER_ASYNC_EXEC_ATTEMPT']\n"
            "print(mark in subprocess.run(['env'], capture_output=True, text=True).stdout)\n"
            "print(mark in open('/proc/self/environ').read())\n"
        ),
    )

    assert attempt.wait().status is Status.SUCCEEDED
    assert attempt.text(0) == "True\nTrue\n"


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


@pytest.mark.parametrize(
    ("variables", "possible"),
    [
        ({}, True),
        ({"PYTHONPATH": "/a:/b"}, True),
        ({"PYTHONPATH": "lib"}, False),
        ({"PYTHONPATH": ":/a"}, False),
        ({"PYTHONUSERBASE": "base"}, False),
    ],
)
def test_nothing_is_prepared_where_imports_depend_on_the_folder(
    variables: dict[str, str], possible: bool
) -> None:
    assert is_possible(variables) is possible


def test_a_fork_server_that_does_not_answer_is_replaced(
    make_pool: Callable[..., WarmPool],
) -> None:
    pool = make_pool(spares=0)
    pool.note_use("python3")
    pool.note_use("python3")
    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)
    first = pool.fork_server("python3")
    assert first is not None
    os.kill(first.pid, 9)
    with pytest.raises(UnavailableError):
        first.fork(Path("/"), cookie="", descriptors=(0, 1, 2))

    assert pool.fork_server("python3") is None
    pool.note_use("python3")

    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)
    assert pool.fork_server("python3") is not first


def test_a_spare_that_cannot_be_moved_is_given_up(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()
    pool.note_use("python3")
    take(pool).end()
    pool.note_use("python3")
    wait_for(lambda: pool._kept["python3"].spare is not None, timeout_s=60)

    assert pool.take("python3", Path("/proc/nowhere")) is None


# ---------------------------------------------------------------- the pool


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[Callable[..., WarmPool]]:
    made: list[WarmPool] = []

    def make(**options: Any) -> WarmPool:
        pool = WarmPool(tmp_path, **{"nice": 0} | options)
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()


def folders_in(path: Path) -> list[Path]:
    return [each for each in path.iterdir() if each.is_dir()]


def take(pool: WarmPool) -> SpareRunner:
    found: list[SpareRunner] = []

    def look() -> bool:
        spare = pool.take("python3", pool._directory / f"taken-{new_id()}")
        if spare is not None:
            found.append(spare)
        return bool(found)

    wait_for(look, timeout_s=60)
    return found[0]


def test_nothing_is_kept_before_the_first_use(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()

    assert pool.take("python3", Path("/none")) is None
    assert pool.fork_server("python3") is None


def test_after_a_use_a_spare_waits_and_after_another_the_next(
    make_pool: Callable[..., WarmPool],
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    first = take(pool)
    pool.note_use("python3")

    second = take(pool)

    assert first.directory != second.directory
    assert first.is_alive
    first.end()
    second.end()


def test_without_spares_runners_are_forked_from_the_second_use_on(
    make_pool: Callable[..., WarmPool], tmp_path: Path
) -> None:
    pool = make_pool(spares=0)
    pool.note_use("python3")
    pool.note_use("python3")

    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)

    assert pool.take("python3", Path("/none")) is None
    assert not folders_in(tmp_path)


def test_what_nobody_uses_goes(make_pool: Callable[..., WarmPool], tmp_path: Path) -> None:
    pool = make_pool(idle_s=1.0)

    def is_used_and_kept() -> bool:
        pool.note_use("python3")
        return pool.fork_server("python3") is not None

    wait_for(is_used_and_kept, timeout_s=60)

    wait_for(lambda: pool.fork_server("python3") is None)
    wait_for(lambda: not folders_in(tmp_path))


def test_nothing_is_kept_while_memory_is_short(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_async_exec.runner.warm.pool.MEMORY_RESERVE_BYTES", 10**18)
    pool = make_pool(idle_s=0.5)

    pool.note_use("python3")

    wait_for(lambda: pool._thread is None)
    assert pool.fork_server("python3") is None


def test_a_new_package_or_variable_makes_the_spare_useless(
    make_pool: Callable[..., WarmPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    pool.note_use("python3")
    take(pool).end()

    monkeypatch.setenv("SOMETHING_NEW", "1")

    wait_for(lambda: pool.fork_server("python3") is None)
    pool.note_use("python3")
    take(pool).end()


def test_a_spare_that_died_is_not_used(make_pool: Callable[..., WarmPool]) -> None:
    pool = make_pool()
    pool.note_use("python3")
    spare = take(pool)

    os.kill(read_evidence(spare.directory)["pid"], 9)

    wait_for(lambda: not spare.is_alive)
    spare.end()
    assert not spare.directory.exists()


def test_closing_leaves_nothing(make_pool: Callable[..., WarmPool], tmp_path: Path) -> None:
    pool = make_pool()
    pool.note_use("python3")
    wait_for(lambda: pool.fork_server("python3") is not None, timeout_s=60)

    pool.close()

    wait_for(lambda: not folders_in(tmp_path))
    assert pool.take("python3", Path("/none")) is None
