"""``python -m jupyter_async_exec.runner.warm.forkserver``: a prepared process that forks runners.

It has imported what a runner and an IPython kernel import and does nothing
else, in one thread. A fork of it costs a tenth of a start::

    forkserver          as long as there is work now and then
    └── supervisor      as always (`supervisor`), forked
        └── engine      forked
            └── kernel  forked, when its command is the one prepared for

What a kernel has imported when it is ready is found by letting one start, in a
child, and asking it. The kernel forgets everything else before it begins, so
that a notebook finds what it finds in a kernel that was started.

Notes
-----
Only a process of one thread can be forked safely; that is looked at before
every fork (POSIX: fork(2), and pthread_atfork(3) on why).
"""

from __future__ import annotations

import os
import sys

# Nothing of what follows may be imported before the kernel that is asked has
# started, or it would look like the kernel's own.
from jupyter_async_exec.runner.becoming import Become, run
from jupyter_async_exec.runner.warm.asking import ask_a_kernel
from jupyter_async_exec.runner.warm.forked import KERNEL_MODULE, Leftovers, become_kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_async_exec.runner.kernel import Child

#: What IPython kernels are made of, with what they take when it is installed (jupyter_client's
#: encoders). Whatever else is imported at their start may have seeded its random numbers
#: already, which every fork would draw alike.
_HARMLESS = frozenset(
    [
        "IPython", "__main__", "_distutils_hack", "_pydev_bundle", "_pydev_runfiles",
        "_pydevd_bundle", "_pydevd_frame_eval", "_pydevd_sys_monitoring", "_virtualenv",
        "appnope", "asttokens", "backcall", "colorama", "comm", "cython_runtime", "dateutil",
        "debugpy", "decorator", "exceptiongroup", "executing", "ipykernel", "ipykernel_launcher",
        "ipython_pygments_lexers", "jedi", "jupyter_client", "jupyter_core", "matplotlib_inline",
        "msgpack", "nest_asyncio", "orjson", "packaging", "parso", "pexpect", "pickleshare",
        "platformdirs", "prompt_toolkit", "psutil", "ptyprocess", "pure_eval", "pydev_ipython",
        "pydevconsole", "pydevd", "pydevd_file_utils", "pydevd_plugins", "pydevd_tracing",
        "pygments", "six", "stack_data", "tornado", "traitlets", "typing_extensions", "wcwidth",
        "zmq",
    ]
)  # fmt: skip
#: Longest cookie, and longest command line of a kernel or supervisor, in characters.
COOKIE_ROOM = 64
COMMAND_ROOM = 512
_LONGEST_REQUEST_BYTES = 64 * 1024
#: Rooms of the runner that no forked one enters.
_NEVER_RUN_HERE = frozenset(["__main__", "papermill_engine"])
_leftovers = Leftovers()


def main(argv: list[str]) -> int:
    """Serve the requests that come through the socket whose descriptor is the first argument."""
    import atexit

    atexit.register(_leftovers)
    # As ipykernel's own launcher does: the current folder is no place to import from.
    if sys.path[0] in ("", os.getcwd()):  # noqa: PTH109
        del sys.path[0]
    descriptor = int(argv[1])
    return run(lambda: _serve(descriptor))


def _serve(descriptor: int) -> int:
    known = _prepare()
    import gc
    import json
    import signal
    import socket

    from jupyter_async_exec.runner.system import count_threads

    connection = socket.socket(fileno=descriptor)
    # Children are reaped by the system.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    is_able = count_threads() == 1
    gc.collect()
    gc.freeze()
    connection.sendall(json.dumps({"is_able": is_able}).encode())
    if not is_able:
        return 1
    while True:
        content, descriptors, _, _ = socket.recv_fds(connection, _LONGEST_REQUEST_BYTES, 3)
        if not content:
            return 0
        pid = os.fork()
        if not pid:
            connection.close()
            raise Become(_Runner(json.loads(content), descriptors, known))
        for received in descriptors:
            os.close(received)
        connection.sendall(json.dumps({"pid": pid}).encode())


def _prepare() -> frozenset[str]:
    """Import what kernel and runner need; return the names a kernel knows.

    None at all when kernels must not be forked here.
    """
    names, patterns = ask_a_kernel()
    import importlib
    import re

    for name in names:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112  found under that name only in the kernel
                continue
    import pkgutil

    from jupyter_async_exec import runner

    for module in pkgutil.iter_modules(runner.__path__, f"{runner.__name__}."):
        if module.name.rpartition(".")[2] not in _NEVER_RUN_HERE:
            importlib.import_module(module.name)
    importlib.import_module("jupyter_async_exec.runner.warm.spare")
    for pattern, flags in patterns:
        re.compile(pattern, flags)
    from jupyter_async_exec.runner.engine import rehearse

    rehearse()
    strange = [name for name in names if not _is_harmless(name)]
    if strange:
        sys.stderr.write(f"Kernels are not forked, because they start with {strange[:5]}.\n")
    return frozenset() if strange else frozenset(names)


def _is_harmless(name: str) -> bool:
    """Whether a module comes with Python, or is part of what makes an IPython kernel."""
    import sysconfig

    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in _HARMLESS:
        return True
    if top.startswith(("__editable__", "_cython_")):
        return True
    # Debian's Python brings a `sitecustomize` of its own.
    path = getattr(sys.modules.get(name), "__file__", None) or ""
    return os.path.dirname(path) == sysconfig.get_path("stdlib")  # noqa: PTH120


class _Runner:
    """What a fork becomes: the runner of one attempt, or a spare.

    Parameters
    ----------
    request
        `directory`, `cookie`, `spare_kernel`, `nice`.
    descriptors
        Life lock, bell, standard error.
    known
        Names of the modules a kernel knows.
    """

    def __init__(
        self, request: Mapping[str, object], descriptors: Sequence[int], known: frozenset[str]
    ) -> None:
        self._request = request
        self._descriptors = descriptors
        self._known = known

    def __call__(self) -> int:
        import signal
        from pathlib import Path

        from jupyter_async_exec.runner import system
        from jupyter_async_exec.runner.bell import Bell
        from jupyter_async_exec.runner.processes import COOKIE
        from jupyter_async_exec.runner.supervisor import Equipment, supervise

        request = self._request
        lock, bell, log = self._descriptors
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(log, 2)
        os.close(log)
        directory, cookie = str(request["directory"]), str(request["cookie"])
        os.chdir(directory)
        system.overwrite_variable(COOKIE, cookie)
        os.environ[COOKIE] = cookie
        system.overwrite_command([sys.executable, "-m", "jupyter_async_exec.runner", directory])
        kernel = request["spare_kernel"]
        ear = Bell(bell)
        # Only whoever asked for us knows whether our answer has arrived; when it has not,
        # another runner takes our place.
        if not ear.wait_go(lambda: True):
            os._exit(0)
        equipment = Equipment(
            bell=ear,
            start=_Forker(self._known),
            spare_kernel=None if kernel is None else str(kernel),
            nice=int(str(request["nice"])),
        )
        # Nothing here needs a tidy end of the interpreter, which takes its time.
        os._exit(supervise(Path(), lock, equipment))


class _Forker:
    """Starts kernels by forking where that is the same as starting them.

    Parameters
    ----------
    known
        Names of the modules a kernel knows.
    """

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._environment = dict(os.environ)

    def __call__(self, command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> Child:
        """Start the kernel; see `StartProcess`."""
        from jupyter_async_exec.runner.kernel import start_process
        from jupyter_async_exec.runner.system import count_threads

        if not self._known or not self._is_same(command, env) or count_threads() != 1:
            return start_process(command, cwd=cwd, env=env)
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            raise Become(
                lambda: become_kernel(
                    list(command),
                    cwd,
                    dict(env),
                    parent=parent,
                    known=self._known,
                    leftovers=_leftovers,
                )
            )
        return _ForkedChild(pid)

    def _is_same(self, command: Sequence[str], env: Mapping[str, str]) -> bool:
        """Whether the command is this interpreter's IPython kernel, in the environment we began in.

        Variables decide about libraries and the interpreter itself when a process
        starts; only our own come later.
        """
        ours = ("JUPYTER_ASYNC_EXEC_", "JPY_PARENT_PID")
        theirs = {name: value for name, value in env.items() if not name.startswith(ours)}
        prepared = {n: v for n, v in self._environment.items() if not n.startswith(ours)}
        options = prepared_options()
        start = [sys.executable, *options, "-m", KERNEL_MODULE, "-f"]
        return list(command[: len(start)]) == start and theirs == prepared


class _ForkedChild:
    """A child of this process, which reaps it itself."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, `None` while it runs."""
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self._code = 0
            else:
                if pid:
                    self._code = os.waitstatus_to_exitcode(status)
        return self._code


def prepared_options() -> list[str]:
    """Return the options this interpreter was started with."""
    orig = sys.orig_argv[1:]
    return orig[: orig.index("-m")] if "-m" in orig else []


if __name__ == "__main__":
    sys.exit(main(sys.argv))
