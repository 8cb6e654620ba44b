"""What a kernel would run in, as a fingerprint, without starting it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.runner.package_folders import find_interpreter, package_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.service.ports import KernelInfo

#: Files of code outside of package folders (editable installs) that are looked at, at most.
N_SOURCES = 20_000
#: Files and folders of any kind that are passed on the way to them, in each place.
N_ENTRIES = 50_000
_CODE = (".py", ".so", ".pyd", ".json", ".yaml", ".toml")
#: What these execute brings no code from elsewhere: setuptools, virtualenv, old namespace packages.
_HARMLESS = re.compile(r"distutils-precedence\.pth|_virtualenv\.pth|.*-nspkg\.pth")
_SKIPPED = frozenset({"node_modules", "__pycache__"})


class _UnknownError(Exception):
    """Something that decides what code runs cannot be told."""


class EnvironmentKeys:
    """Fingerprints of environments, found once and again when it matters; thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def now(self, kernel: KernelInfo) -> str | None:
        """Return the fingerprint as it is now, which takes some 10 ms."""
        found = self._known[kernel.name] = environment_key(kernel)
        return found

    def lately(self, kernel: KernelInfo) -> str | None:
        """Return the fingerprint as it was when it was last looked at.

        Good enough for an execution that is submitted: when it has ended, its
        key is compared with what is true then.
        """
        return self._known[kernel.name] if kernel.name in self._known else self.now(kernel)


def environment_key(kernel: KernelInfo) -> str | None:
    """Return a fingerprint of what a kernel could import, None if that cannot be told.

    Only kernels of Python are understood: their definition, with the variables
    it sets, their interpreter, and name, size and time of what lies directly in
    their package folders, and of all code in folders that these refer or link
    to, and in ``PYTHONPATH``. Equal fingerprints mean that nothing was
    installed, upgraded or removed; a needless change of it costs one execution.

    Not looked at, and so not told: what somebody edits deep inside an installed
    package, other variables of the server, and libraries of the system.
    """
    argv = kernel.spec.get("argv")
    if kernel.language != "python" or not isinstance(argv, list) or not argv:
        return None
    interpreter = find_interpreter(str(argv[0]))
    if interpreter is None:
        return None
    environment = kernel.spec.get("env") or {}
    python_path = str(environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", "")))
    facts: list[object] = [
        json.dumps(kernel.spec, sort_keys=True),
        python_path,
        platform.system(),
        platform.machine(),
    ]
    others = [part for part in python_path.split(os.pathsep) if part]
    try:
        # `python` and `python3` beside it are one: a server and a command may be started by either.
        facts += (str(interpreter.parent), _facts(str(interpreter.resolve())))
        for folder in package_folders(interpreter):
            with os.scandir(folder) as entries:
                # Thousands of them, at every submission: no object is made for each.
                for entry in entries:
                    facts.append((entry.path, *_times(entry.stat())))
                    if _refers(entry.name):
                        others += _referred(Path(entry.path))
                    elif entry.is_symlink() and entry.is_dir():
                        # A package that is edited where the link leads: `flit install --symlink`.
                        others.append(entry.path)
        for place in sorted(set(others)):
            facts += _sources(place)
    except (OSError, ValueError, RuntimeError, _UnknownError):
        # A path with NUL, a file that is no UTF-8, a link in circles, no home.
        return None
    # Folders are read in no particular order.
    return hashlib.sha256("\n".join(sorted(map(repr, facts))).encode()).hexdigest()


def _refers(name: str) -> bool:
    # Python passes over names that begin with a dot; source: `site.addsitedir`.
    return name.endswith((".pth", ".egg-link")) and not name.startswith(".")


def _referred(file: Path) -> Iterator[str]:
    """Give the places outside that a file in a package folder makes importable."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        stripped = line.strip()
        if stripped.startswith(("import ", "import\t")):
            if not _HARMLESS.fullmatch(file.name):
                # It may name folders, but only to Python: editable installs do.
                raise _UnknownError
        elif stripped and not stripped.startswith("#"):
            yield str(file.parent / stripped)


def _sources(place: str) -> list[object]:
    """Return name, size and time of all code at or below a place."""
    try:
        facts: list[object] = [_facts(place)]
    except FileNotFoundError:
        return [(place, "absent")]
    n_entries = 0
    waiting = [place] if os.path.isdir(place) else []  # noqa: PTH112  a text, many times
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                n_entries += 1
                if n_entries > N_ENTRIES:
                    raise _UnknownError
                if entry.is_dir(follow_symlinks=False):
                    # An environment, a repository's own data: nothing is imported from there.
                    if entry.name not in _SKIPPED and not entry.name.startswith("."):
                        waiting.append(entry.path)
                elif entry.name.endswith(_CODE):
                    facts.append((entry.path, *_times(entry.stat())))
        if len(facts) > N_SOURCES:
            raise _UnknownError
    return facts


def _facts(path: str) -> tuple[object, ...]:
    return (path, *_times(os.stat(path)))  # noqa: PTH116  a text, many times


def _times(status: os.stat_result) -> tuple[int, int]:
    return (status.st_size, status.st_mtime_ns)
