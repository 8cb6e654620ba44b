"""Our end of a fork server: starting it, having it fork, ending it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.processes import COOKIE
from jupyter_async_exec.runner.system import count_threads
from jupyter_async_exec.runner.warm.forkserver import COMMAND_ROOM, COOKIE_ROOM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

#: Imports on a busy machine; a fork takes milliseconds.
_PREPARE_TIMEOUT_S = 60.0
_FORK_TIMEOUT_S = 10.0
_LONGEST_ANSWER_BYTES = 64 * 1024


class ForkServer:
    """A running fork server.

    Parameters
    ----------
    options
        Of the interpreter, as the kernel's command has them.
    environment
        All variables of every runner it forks.
    log
        File for what goes wrong in it.

    Raises
    ------
    UnavailableError
        It could not be started, or cannot be forked safely.
    """

    def __init__(
        self, *, options: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        #: Whether it still answers.
        self.is_usable = True
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self._lock = threading.Lock()
        module = "jupyter_async_exec.runner.warm.forkserver"
        command = [sys.executable, *options, "-m", module, str(theirs.fileno())]
        try:
            with open(log, "wb", opener=files.open_private) as errors:
                self._process = subprocess.Popen(
                    [*command, "." * COMMAND_ROOM],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env={**environment, COOKIE: "." * COOKIE_ROOM},
                    cwd="/",
                )
        except OSError as error:
            ours.close()
            raise UnavailableError(f"The fork server could not be started: {error}") from error
        finally:
            theirs.close()
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def fork(
        self,
        directory: Path,
        *,
        cookie: str,
        descriptors: tuple[int, int, int],
        spare_kernel: str | None = None,
        nice: int = 0,
    ) -> int:
        """Fork a runner, which waits at its bell; return its supervisor's process id.

        It begins with `bell.GO`, and ends without having done anything when
        our end of its bell is closed before.

        Parameters
        ----------
        directory
            The attempt's, or what will become one.
        cookie
            Marks every process of it.
        descriptors
            Life lock, bell, standard error.
        spare_kernel
            Name of the kernel to have ready, for a spare.
        nice
            Added niceness of a spare.

        Raises
        ------
        UnavailableError
            It does not answer (any more).
        """
        request = {
            "directory": str(directory),
            "cookie": cookie,
            "spare_kernel": spare_kernel,
            "nice": nice,
        }
        with self._lock:
            try:
                self._socket.settimeout(_FORK_TIMEOUT_S)
                socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
                return int(self._answer(_FORK_TIMEOUT_S)["pid"])
            except (UnavailableError, OSError, ValueError, KeyError) as error:
                # A late answer would be taken for that of the next request.
                self._end()
                raise UnavailableError(f"The fork server does not answer: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def close(self) -> None:
        """End it; what it forked goes on."""
        self.is_usable = False
        self._socket.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._end()

    def _end(self) -> None:
        self.is_usable = False
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def _await_ready(self) -> None:
        if not self._answer(_PREPARE_TIMEOUT_S).get("is_able"):
            raise UnavailableError("This Python starts threads; it cannot be forked safely.")

    def _answer(self, timeout_s: float) -> JSONObject:
        self._socket.settimeout(timeout_s)
        try:
            content = self._socket.recv(_LONGEST_ANSWER_BYTES)
        except OSError as error:
            raise UnavailableError(f"The fork server does not answer: {error}") from error
        if not content:
            raise UnavailableError("The fork server ended.")
        answer: JSONObject = json.loads(content)
        return answer


def is_possible(environment: Mapping[str, str]) -> bool:
    """Whether runners can be forked here, and what is prepared in one folder fits another."""
    is_fixed = has_fixed_folders(environment)
    return sys.platform == "linux" and is_fixed and count_threads() is not None


def has_fixed_folders(environment: Mapping[str, str]) -> bool:
    """Whether Python finds the same packages wherever it is started.

    It makes relative folders in these variables absolute when it starts.
    """
    named = (environment.get(name, "/") for name in ("PYTHONUSERBASE", "PYTHONHOME"))
    folders = [*environment.get("PYTHONPATH", "/").split(os.pathsep), *named]
    return all(os.path.isabs(folder) for folder in folders)  # noqa: PTH117
