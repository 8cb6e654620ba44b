"""What a fork becomes when it becomes a kernel, and how such a kernel ends.

Imported in the fork server before anything a kernel imports, so it imports
nothing by itself.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _io import _IOBase
    from collections.abc import Callable, Mapping

KERNEL_MODULE = "ipykernel_launcher"
#: What Python itself may still ask for by name while it ends.
_NEEDED_LAST = frozenset(
    [
        "__main__", "_frozen_importlib", "_frozen_importlib_external", "_imp", "_io", "_warnings",
        "_weakref", "builtins", "codecs", "encodings", "gc", "io", "linecache", "os", "posix",
        "sys", "threading", "traceback", "tracemalloc", "warnings", "weakref",
    ]
)  # fmt: skip


#: Where Python keeps what the last error was, with all it held.
_LAST_ERROR = ("last_exc", "last_traceback", "last_type", "last_value")


class Leftovers:
    """Lets a kernel end without taking apart what it was given ready-made.

    When Python ends it takes every module apart, and each object of it that is
    touched becomes a page of memory of this process's own: half of what the end
    costs. Modules the notebook brought are taken apart as ever; where all it
    brought came with Python or the kernel, nobody is left who could tell, and
    Python's own end, which touches every type and every name once more, is
    left out.
    """

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        # Part of a cycle that the collector is told to pass over (`gc.freeze`) is never freed.
        self._kept: list[object] = [self]
        self._end: Callable[[], object] | None = None

    def keep(self, known: frozenset[str]) -> None:
        """Have these modules left as they are at the end of this process."""
        self._known = known

    def end_by(self, end: Callable[[], object]) -> None:
        """Have `end` end this process, with success, where Python's own end changes nothing."""
        self._end = end

    def __call__(self) -> None:
        """Set them aside; the last thing to be done at exit, so the first to be registered."""
        modules = sys.modules
        for name in self._known - _NEEDED_LAST:
            if name in modules and not name.startswith("encodings."):
                self._kept.append(modules.pop(name))
        brought = [name for name in modules if name not in self._known]
        if self._end is None or not all(map(self._is_part_of_kernels, brought)):
            _write_out()
            return
        # What follows is what Python does, as far as a notebook could tell.
        for name in brought:
            del modules[name]
        for name in _LAST_ERROR:
            vars(sys).pop(name, None)
        import atexit
        import gc

        # What was registered holds what it was given. Nothing follows that could be called.
        atexit._clear()  # noqa: SLF001  what Python itself does next
        gc.collect()
        _write_out()
        self._end()

    def _is_part_of_kernels(self, name: str) -> bool:
        top = name.partition(".")[0]
        return top in sys.stdlib_module_names or top in self._known


def _write_out() -> None:
    """Write what is left of files that something holds which Python would take apart.

    Such as the handler of a signal, or a module. Files of the disk come first: a pipe
    may keep us waiting for who reads it, until we are ended.
    """
    import gc
    from _io import _IOBase

    files = [each for each in gc.get_objects() if isinstance(each, _IOBase)]
    for each in (sys.stdout, sys.stderr, *sorted(files, key=_is_on_disk, reverse=True)):
        try:
            each.flush()
        except Exception:  # noqa: BLE001, S112  as Python passes over what fails in its end
            continue


def _is_on_disk(file: _IOBase) -> bool:
    import stat

    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return False


def become_kernel(
    command: list[str],
    cwd: str,
    env: Mapping[str, str],
    *,
    parent: int,
    known: frozenset[str],
    leftovers: Leftovers,
) -> int:
    """Make this process what `command` would have made of a new one, then be it.

    Parameters
    ----------
    command, cwd, env
        Of the process to be.
    parent
        With whose end it ends.
    known
        Names of the modules a kernel knows.
    leftovers
        Registered at exit before anything else.
    """
    import runpy

    from jupyter_async_exec.runner import system

    os.setsid()
    system.die_with_parent(parent)
    system.prefer_as_victim()
    system.yield_as_session(os.getpid())
    _close_descriptors()
    _restore_signals()
    system.overwrite_command(command)
    _set_environment(env)
    os.chdir(cwd)
    module = command.index(KERNEL_MODULE)
    sys.argv[:] = [KERNEL_MODULE, *command[module + 1 :]]
    sys.orig_argv[:] = command
    _forget(known)
    leftovers.keep(known)
    # ipykernel reads this variable when it is imported, which was long ago.
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.instance(parent_handle=parent)
    end = system.end_successfully
    runpy.run_module(KERNEL_MODULE, run_name="__main__", alter_sys=True)
    leftovers.end_by(end)
    return 0


def _close_descriptors() -> None:
    import gc

    # Whatever still owns one has to let go first, or it would close somebody else's later.
    gc.collect()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2:  # noqa: PLR2004
            try:
                os.close(int(name))
            except OSError:  # the listing's own
                continue


def _set_environment(env: Mapping[str, str]) -> None:
    # Most of it is there already.
    for name in os.environ.keys() - env.keys():
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _restore_signals() -> None:
    import signal

    # SIGHUP is as the server has it, which `nohup` may have started.
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _forget(known: frozenset[str]) -> None:
    """Drop what only the runner knows: modules, loggers, cached folders."""
    import importlib
    import logging
    import tempfile

    for handler in logging.root.handlers[:]:
        logging.root.removeHandler(handler)
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("jupyter_async_exec")]:
        del logging.root.manager.loggerDict[name]
    tempfile.tempdir = None
    vars(tempfile)["_name_sequence"] = None
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name not in known and name != "__main__"]:
        del sys.modules[name]
