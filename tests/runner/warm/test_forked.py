"""A notebook cannot tell a kernel that was ready from one that was started for it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_async_exec.core.execution import Status
from tests.runner.warm.helpers import Start, Warm, each_way, forked_or_spare

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
    "JUPYTER_ASYNC_EXEC_METRICS",
    "JPY_PARENT_PID",
}


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


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="processors are not shared by session here"
)
@each_way
def test_an_execution_yields_to_other_sessions_as_much_as_to_other_processes(
    warm: Warm, start: Start
) -> None:
    attempt = warm.attempt(
        "import os, time\n"
        "def niceness():\n"
        "    return int(open('/proc/self/autogroup').read().split()[-1])\n"
        # An ordinary user may have to ask again.
        "until = time.monotonic() + 20\n"
        "while niceness() != 5 and time.monotonic() < until: time.sleep(0.01)\n"
        "print(niceness(), os.nice(0), os.sched_getscheduler(0) == os.SCHED_BATCH)"
    )

    assert start(warm, attempt).wait().status is Status.SUCCEEDED, attempt.log

    assert attempt.text(0) == "5 5 True\n"


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
def test_nothing_that_programs_and_c_code_print_is_lost(warm: Warm, start: Start) -> None:
    attempt = warm.attempt(
        "import ctypes, os\nos.system('seq 20000')",
        "c = ctypes.CDLL(None)\nfor n in range(3000):\n    c.printf(b'%d of C code\\n', n)\n"
        "c.fflush(None)\nos.system('seq 20000 30000 >&2')\n"
        # As much as a pipe holds, and nothing that would give its reader time.
        "os.write(1, b''.join(b'%d\\n' % n for n in range(30_000, 40_001)))",
    )

    assert start(warm, attempt).wait().status is Status.SUCCEEDED, attempt.log

    outputs = [output for cell in attempt.output["cells"] for output in cell["outputs"]]
    # Each stream by itself: what one reads may come in the middle of a line of the other.
    printed = {
        line
        for stream in ("stdout", "stderr")
        for line in "".join(o["text"] for o in outputs if o.get("name") == stream).split("\n")
    }
    assert {str(n) for n in range(1, 40_001)} <= printed
    assert {f"{n} of C code" for n in range(3000)} <= printed
    assert attempt.rebuilt == attempt.output


@each_way
def test_what_a_program_prints_before_an_error_is_kept(warm: Warm, start: Start) -> None:
    attempt = warm.attempt("import os\nos.system('seq 20000')\n1 / 0")

    assert start(warm, attempt).wait().status is Status.FAILED, attempt.log

    assert {str(n) for n in range(1, 20_001)} <= {*attempt.text(0).split("\n")}


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


#: Written only at the very end: a file that an error holds, one in a circle, some that are held
#: by what outlives the notebook's names, text in C's hands.
UNWRITTEN = """
import atexit, ctypes, signal, sys
def file(name):
    opened = open(name, "w")
    opened.write("by " + name)
    return opened
class Last:
    def __del__(self):
        open("last", "w").write("by last")
atexit.register(file("atexit").write, "!")
atexit.register(print, Last())
signal.signal(signal.SIGUSR1, lambda *_, held=file("signal"): None)
sys.kept = file("sys")
import subprocess
cat = subprocess.Popen(["sh", "-c", "cat > pipe"], stdin=subprocess.PIPE)
cat.stdin.write(b"by pipe")
def fail():
    held = open("held", "w")
    held.write("by an error")
    raise ValueError
try:
    fail()
except ValueError:
    sys.last_type, sys.last_value, sys.last_traceback = sys.exc_info()
circle = [open("circle", "w")]
circle.append(circle)
circle[0].write("in a circle")
c = ctypes.CDLL(None)
c.fopen.restype = ctypes.c_void_p
c.fputs(b"by C", ctypes.c_void_p(c.fopen(b"c", b"w")))
"""


@each_way
@pytest.mark.parametrize("brings", ["nothing", "a module"])
def test_what_was_not_written_yet_is_written_at_the_end(
    warm: Warm, start: Start, brings: str
) -> None:
    attempt = warm.attempt("import helper" if brings == "a module" else "", UNWRITTEN)
    (attempt.work / "helper.py").write_text("NAME = 'mine'")

    assert start(warm, attempt).wait().status is Status.SUCCEEDED, attempt.log

    names = ("held", "circle", "c", "atexit", "signal", "sys", "last", "pipe")
    written = {name: (attempt.work / name).read_text() for name in names}
    assert written == {
        **{name: f"by {name}" for name in names},
        "held": "by an error",
        "circle": "in a circle",
        "c": "by C",
        "atexit": "by atexit!",
    }


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
