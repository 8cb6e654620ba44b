"""One kernel process: starting it so that it cannot outlive us, asking, stopping."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_async_exec.runner import system
from jupyter_async_exec.runner.processes import wait_for_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jupyter_async_exec.runner.kernelspec import KernelSpec

#: In bytes; the path of a socket may have 103 in all (sys/un.h of macOS; Linux: 107).
_LONGEST_FOLDER = 90
_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")


class Child(Protocol):
    """A process we started, in a session of its own."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Return how it ended (`-9`: by signal 9), `None` while it runs."""


class StartProcess(Protocol):
    """Starts a kernel's process: nothing to read, output and errors to our standard error."""

    def __call__(self, command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> Child:
        """Start `command` in the folder `cwd` with exactly the variables `env`."""


def start_process(command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> Child:
    """Start a new program.

    Raises
    ------
    OSError
        It cannot be started.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=2,
        cwd=cwd,
        env=env,
        start_new_session=True,
        # Our process has no other Python thread when it starts a kernel.
        preexec_fn=_in_child(os.getpid()) if os.name == "posix" else None,  # noqa: PLW1509
    )


class KernelProcess:
    """A started kernel.

    Must be made by a thread that lives as long as the kernel may: on Linux the
    kernel dies with the thread that started it.

    Parameters
    ----------
    spec
        What to start.
    cwd
        Its working directory.
    environment
        All its variables; the kernel spec's are added.
    folder
        A private directory with a short path, for sockets and connection file.
    start
        Makes the process.
    """

    def __init__(
        self,
        spec: KernelSpec,
        *,
        cwd: str,
        environment: Mapping[str, str],
        folder: Path,
        start: StartProcess = start_process,
    ) -> None:
        self._spec = spec
        name = secrets.token_hex(3)
        self.connection = _make_connection(spec, folder, name)
        connection_file = folder / f"{name}.json"
        descriptor = os.open(connection_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self.connection, file)
        env = dict(environment)
        env.pop("PYTHONEXECUTABLE", None)
        env |= spec.fill_environment(environment)
        if os.name == "posix":
            env["JPY_PARENT_PID"] = str(os.getpid())
        self._process = start(spec.command(connection_file), cwd=cwd, env=env)

    @property
    def pid(self) -> int:
        """Its process id, and on POSIX its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended (`-9`: by signal 9), `None` while it runs."""
        return self._process.poll()

    @property
    def wants_interrupt_message(self) -> bool:
        """Whether it is interrupted by a message instead of a signal."""
        return self._spec.interrupt_mode == "message"

    def interrupt(self) -> None:
        """Send what Ctrl-C sends, to the kernel and what it started in the foreground."""
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        """Ask the process to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process group at once."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; `False` when it still runs after the time."""
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            wait_for_end(self._process.pid, left_s)
        return True

    def _signal(self, number: int) -> None:
        if self._process.poll() is not None:
            return
        try:
            if sys.platform == "win32":
                os.kill(self._process.pid, number)
            else:
                # Not yet reaped, so the id cannot be somebody else's.
                os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def _in_child(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        system.die_with_parent(parent)
        system.prefer_as_victim()
        system.yield_as_session(os.getpid())

    return prepare


def _make_connection(spec: KernelSpec, folder: Path, name: str) -> dict[str, Any]:
    connection: dict[str, Any] = {
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": spec.name,
    }
    is_short = len(os.fsencode(folder)) <= _LONGEST_FOLDER
    if os.name == "posix" and spec.speaks_ipc and is_short:
        # TCP ports can be taken by others between reserving and binding.
        connection |= {"transport": "ipc", "ip": str(folder / name)}
        ports = list(range(1, len(_CHANNELS) + 1))
    else:
        connection |= {"transport": "tcp", "ip": "127.0.0.1"}
        ports = _find_free_ports(len(_CHANNELS))
    return connection | {
        f"{channel}_port": port for channel, port in zip(_CHANNELS, ports, strict=True)
    }


def _find_free_ports(n_ports: int) -> list[int]:
    taken = [socket.socket() for _ in range(n_ports)]
    try:
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]
    finally:
        for one in taken:
            one.close()
