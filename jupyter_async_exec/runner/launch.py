"""Starting a runner so that it outlives us, and ending one for certain."""

from __future__ import annotations

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

from jupyter_async_exec.errors import UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.lock import take_lock
from jupyter_async_exec.runner.processes import (
    COOKIE,
    Process,
    find_descendants,
    find_marked,
    identify,
    is_alive,
    kill_all,
    send,
    wait_gone,
)
from jupyter_async_exec.runner.result import read_evidence
from jupyter_async_exec.runner.task import read_task

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a server knows and an executed notebook must not.
_SECRET_VARIABLE = re.compile(
    r"^(JPY_.*|(JUPYTER|CONFIGPROXY).*(TOKEN|SECRET|PASSWORD|COOKIE|CRYPT_KEY).*)$"
)
#: `terminate` gives up after this; a process that survives SIGKILL is stuck in the system.
_TERMINATE_S = 5.0


def launch(directory: Path) -> int:
    """Start the runner of a prepared attempt and return the supervisor's process id.

    The runner is a session of its own and lives on when this process ends. The
    life lock is taken here, before anything starts, and handed over: from this
    call on `lock.is_held` is true until the attempt is over.

    Raises
    ------
    ConflictError
        A runner of this attempt lives already.
    InvalidRequestError
        `task.json` is missing or damaged.
    UnavailableError
        The process could not be started.
    """
    task = read_task(directory)
    lock = take_lock(directory)
    try:
        with (directory / files.RUNNER_LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_async_exec.runner", str(directory), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(lock,) if os.name == "posix" else (),
                start_new_session=True,
                cwd=directory,
                env={**safe_environment(os.environ), COOKIE: task.cookie},
            )
    except OSError as error:
        raise UnavailableError(f"The runner could not be started: {error}") from error
    finally:
        os.close(lock)
    # Somebody has to take note of its end while we live, or it stays as a zombie.
    threading.Thread(target=process.wait, name="runner-reaper", daemon=True).start()
    return process.pid


def safe_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without the server's tokens and secrets."""
    return {name: value for name, value in environment.items() if not _SECRET_VARIABLE.match(name)}


def terminate(directory: Path) -> None:
    """Stop everything that belongs to this attempt, at once and without a result.

    The supervisor is halted first, so that it writes no end of its own and
    orphans still come to it; then everything below it and everyone with the
    attempt's cookie is killed, the supervisor last.
    """
    evidence = read_evidence(directory)
    cookie = read_task(directory).cookie
    supervisor = _supervisor(evidence, cookie)
    if supervisor is not None and os.name == "posix":
        send(supervisor, signal.SIGSTOP)
    first = None if supervisor is None else supervisor.started
    deadline = time.monotonic() + _TERMINATE_S
    while time.monotonic() < deadline:
        found = {*find_marked(cookie, not_before=first)}
        if supervisor is not None:
            found |= {*find_descendants(supervisor)}
        found -= {*_ourselves()}
        below = found - {supervisor}
        if not below:
            break
        kill_all(below)
        wait_gone(below, timeout_s=0.2)
    if supervisor is not None:
        kill_all([supervisor])
        wait_gone([supervisor], timeout_s=_TERMINATE_S)
    _remove_sockets(evidence)


def _remove_sockets(evidence: Mapping[str, object]) -> None:
    """Remove the folder the killed processes could not; only one that looks like ours."""
    folder = Path(str(evidence.get("sockets", "")))
    if folder.name.startswith(files.SOCKETS_PREFIX) and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _ourselves() -> list[Process]:
    own = identify(os.getpid())
    return [] if own is None else [own]


def _supervisor(evidence: Mapping[str, object], cookie: str) -> Process | None:
    pid, started = evidence.get("pid"), evidence.get("started")
    if not isinstance(pid, int) or not isinstance(started, int | float):
        return None
    supervisor = Process(pid, float(started))
    if not is_alive(supervisor) or supervisor not in find_marked(cookie):
        return None
    return supervisor
