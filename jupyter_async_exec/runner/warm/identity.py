"""What a new kernel's start depends on: when it changes, what is kept ready is outdated."""

from __future__ import annotations

import contextlib
import os
import site
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError
from jupyter_async_exec.runner.kernelspec import KernelSpec, find_kernelspec
from jupyter_async_exec.runner.launch import safe_environment
from jupyter_async_exec.runner.package_folders import find_interpreter, package_folders
from jupyter_async_exec.runner.warm.handle import has_fixed_folders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Identity:
    """What a kernel is started from; equal ones start equal kernels."""

    spec: KernelSpec | None
    #: When each folder of packages or startup files last got, or lost, something.
    packages: Mapping[str, int]
    environment: Mapping[str, str]

    @classmethod
    def now(cls, kernel_name: str) -> Identity:
        """Return what it is now, which takes a few ms."""
        spec: KernelSpec | None
        try:
            spec = find_kernelspec(kernel_name)
        except AsyncExecError:
            spec = None
        return cls(spec, _packages(spec), safe_environment(os.environ))

    @property
    def may_wait(self) -> bool:
        """Whether a kernel may be started in another folder than that of its execution."""
        if self.spec is None:
            return False
        return has_fixed_folders(
            {**self.environment, **self.spec.fill_environment(self.environment)}
        )


def _packages(spec: KernelSpec | None) -> Mapping[str, int]:
    """Return the times of all folders that decide what a kernel imports at its start.

    Installing, upgrading and removing change the folder; links to projects
    (`*.pth`) may change inside.
    """
    times = {}
    for startup in _startup_folders():
        with contextlib.suppress(OSError):
            times[str(startup)] = startup.stat().st_mtime_ns
    for folder in {*site.getsitepackages(), site.getusersitepackages(), *_folders_of(spec)}:
        with contextlib.suppress(OSError):
            times[folder] = Path(folder).stat().st_mtime_ns
            for link in Path(folder).glob("*.pth"):
                times[str(link)] = link.stat().st_mtime_ns
    return times


def _folders_of(spec: KernelSpec | None) -> Iterator[str]:
    """Give the package folders of a kernel that another interpreter runs."""
    if spec is None or not spec.is_ipykernel:
        return
    command = spec.command(Path("f"))[0]
    # A file that cannot be read, or no home: what is not known there cannot change here either.
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        interpreter = find_interpreter(command)
        if interpreter is not None and str(interpreter) != sys.executable:
            yield from map(str, package_folders(interpreter))


def _startup_folders() -> Iterator[Path]:
    """Give the folders in which IPython looks for what it does first, as far as they are fixed."""
    home = Path(os.environ.get("IPYTHONDIR", "~/.ipython")).expanduser()
    yield home / "profile_default"
    yield home / "profile_default" / "startup"
    for prefix in (sys.prefix, "/usr/local", "/"):
        yield Path(prefix, "etc", "ipython")
        yield Path(prefix, "etc", "ipython", "startup")
