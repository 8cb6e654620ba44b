"""Starting a runner so that it outlives us, and ending one for certain."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import new_id
from jupyter_async_exec.defaults import STORE_VARIABLE
from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.bell import GO, make_bell
from jupyter_async_exec.runner.cgroup import remove_group
from jupyter_async_exec.runner.lock import take_lock
from jupyter_async_exec.runner.processes import (
    COOKIE,
    Process,
    find_descendants,
    find_marked,
    identify,
    kill_all,
    send,
    wait_gone,
)
from jupyter_async_exec.runner.result import read_evidence
from jupyter_async_exec.runner.task import read_task

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from jupyter_async_exec.runner.warm.handle import ForkServer

#: What a server knows and an executed notebook must not.
_SECRET_VARIABLE = re.compile(
    r"^(JPY_.*|(JUPYTER|CONFIGPROXY).*(TOKEN|SECRET|PASSWORD|COOKIE|CRYPT_KEY).*"
    # Its address may hold the password.
    rf"|{STORE_VARIABLE})$"
)
#: By which a PostgreSQL client is let in, ours as well as one of a notebook.
_DATABASE_VARIABLE = re.compile(
    r"^PG(HOST|HOSTADDR|PORT|DATABASE|USER|PASSWORD|PASSFILE|SERVICE|SERVICEFILE|SYSCONFDIR"
    r"|SSL[A-Z]+)$"
)
#: What describes only the process that starts an execution: a kernel that takes itself for a part
#: of a test does not show what programs print (ipykernel).
_OF_THE_STARTER = frozenset({"PYTEST_CURRENT_TEST"})
_COOKIE = re.compile(r"^[0-9a-f]{32}-\d+$")
#: `terminate` gives up after this; a process that survives SIGKILL is stuck in the system.
_TERMINATE_S = 5.0


def launch(directory: Path, *, fork_server: ForkServer | None = None) -> socket.socket:
    """Start the runner of a prepared attempt and return our end of its bell.

    The runner is a session of its own and lives on when this process ends. The
    life lock is taken here, before anything starts, and handed over: from this
    call on `lock.is_held` is true until the attempt is over.

    Parameters
    ----------
    directory
        The attempt's.
    fork_server
        Forks the runner; without it, or when it fails, a new program is started.

    Raises
    ------
    ConflictError
        A runner of this attempt lives already.
    InvalidRequestError
        `task.json` is missing or damaged.
    UnavailableError
        The process could not be started.
    """
    cookie = read_task(directory).cookie
    with contextlib.closing(_Handover(directory)) as handover:
        if fork_server is not None:
            try:
                fork_server.fork(directory, cookie=cookie, descriptors=handover.descriptors)
            except UnavailableError:
                # Should there be one nevertheless, it never hears that it may begin.
                handover.renew_bell()
            else:
                return handover.begin()
        _start(directory, cookie, handover)
        return handover.take_bell()


def launch_spare(
    directory: Path, *, fork_server: ForkServer, kernel_name: str, nice: int
) -> socket.socket:
    """Have a spare forked in the empty folder `directory`; return our end of its bell.

    Raises
    ------
    UnavailableError
        The fork server does not answer.
    """
    # Of the form of every other cookie; attempts count from 1.
    cookie = f"{new_id()}-0"
    with contextlib.closing(_Handover(directory)) as handover:
        fork_server.fork(
            directory,
            cookie=cookie,
            descriptors=handover.descriptors,
            spare_kernel=kernel_name,
            nice=nice,
        )
        return handover.begin()


class _Handover:
    """Life lock, bell and log of a runner to be started; closed here in the end."""

    def __init__(self, directory: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with contextlib.ExitStack() as undo:
            self.lock = take_lock(directory)
            undo.callback(os.close, self.lock)
            self.log = os.open(directory / files.RUNNER_LOG, flags, 0o600)
            undo.callback(os.close, self.log)
            self._bell: socket.socket | None
            self._bell, self._their_bell = make_bell()
            undo.pop_all()

    @property
    def descriptors(self) -> tuple[int, int, int]:
        return self.lock, self._their_bell.fileno(), self.log

    def begin(self) -> socket.socket:
        """Let a forked runner begin; return our end of its bell, the caller's from now on."""
        bell = self.take_bell()
        bell.send(GO)
        return bell

    def renew_bell(self) -> None:
        """Make another bell; whoever has the other end of the first hears its end."""
        if self._bell is not None:
            self._bell.close()
        self._their_bell.close()
        self._bell, self._their_bell = make_bell()

    def take_bell(self) -> socket.socket:
        """Return our end; it is the caller's from now on."""
        bell, self._bell = self._bell, None
        assert bell is not None
        return bell

    def close(self) -> None:
        os.close(self.lock)
        os.close(self.log)
        self._their_bell.close()
        if self._bell is not None:
            self._bell.close()


def _start(directory: Path, cookie: str, handover: _Handover) -> None:
    lock, bell, log = handover.descriptors
    is_posix = os.name == "posix"
    arguments = [str(lock), str(bell)] if is_posix else []
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_async_exec.runner", str(directory), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=(lock, bell) if is_posix else (),
            start_new_session=True,
            cwd=directory,
            env={**safe_environment(os.environ), COOKIE: cookie},
        )
    except OSError as error:
        raise UnavailableError(f"The runner could not be started: {error}") from error
    # Somebody has to take note of its end while we live, or it stays as a zombie.
    threading.Thread(target=process.wait, name="runner-reaper", daemon=True).start()


def safe_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without the server's tokens and secrets, for a notebook of its user."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET_VARIABLE.match(name) and name not in _OF_THE_STARTER
    }


def remote_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the same without those of databases too, for what may carry them to other machines.

    Beside the server a notebook has them as it has in JupyterLab; elsewhere nobody asked for them.
    """
    safe = safe_environment(environment)
    return {name: value for name, value in safe.items() if not _DATABASE_VARIABLE.match(name)}


def terminate(directory: Path) -> None:
    """Stop everything that belongs to this attempt, at once and without a result.

    Guard and supervisor are halted first, so that they write no end of their own
    and orphans still come to them; then everything below them and everyone with
    the attempt's cookie is killed, the two last.
    """
    evidence = read_evidence(directory)
    cookie = read_cookie(directory, evidence)
    # From above, as they are to be ended from below.
    roots = _find_roots(evidence, cookie)
    if os.name == "posix":
        for root in roots:
            send(root, signal.SIGSTOP)
    first = min((root.started for root in roots), default=None)
    deadline = time.monotonic() + _TERMINATE_S
    while time.monotonic() < deadline:
        found = {*find_marked(cookie, not_before=first)}
        for root in roots:
            found |= {*find_descendants(root)}
        below = found - {*_ourselves(), *roots}
        if not below:
            break
        kill_all(below)
        wait_gone(below, timeout_s=0.2)
    for root in reversed(roots):
        kill_all([root])
        wait_gone([root], timeout_s=_TERMINATE_S)
    remove_group(cookie)
    _remove_sockets(evidence)


def read_cookie(directory: Path, evidence: Mapping[str, object]) -> str:
    """Return what marks the attempt's processes: a spare's mark is older than its task."""
    cookie = str(evidence.get("cookie", ""))
    return cookie if _COOKIE.match(cookie) else read_task(directory).cookie


def _remove_sockets(evidence: Mapping[str, object]) -> None:
    """Remove the folder the killed processes could not; only one that looks like ours."""
    folder = Path(str(evidence.get("sockets", "")))
    if folder.name.startswith(files.SOCKETS_PREFIX) and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _ourselves() -> list[Process]:
    own = identify(os.getpid())
    return [] if own is None else [own]


def _find_roots(evidence: Mapping[str, object], cookie: str) -> list[Process]:
    """Return guard and supervisor as far as they live; never somebody who has not the mark."""
    marked = find_marked(cookie)
    roots = []
    for named in (evidence.get("guard"), evidence):
        if not isinstance(named, dict):
            continue
        pid, started = named.get("pid"), named.get("started")
        if isinstance(pid, int) and isinstance(started, int | float):
            roots += [each for each in marked if each == Process(pid, float(started))]
    return roots
