"""A cluster that the configuration describes: started when something waits, by its keeper.

The keeper (`keeper.py`) is a process of its own, which holds the cluster and its
scheduler and outlives the server. The two talk through files in one folder::

    settings.json    what to start
    wanted.json      how many executions wait; its time says that a server is there
    scheduler.json   where the scheduler is, and what it takes to be let in; there while the
                     cluster is
    left.json        where a keeper finds the cluster of one that was killed
    problem.json     why it could not be started
    keeper.lock      held as long as the keeper lives
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.dask.settings import GATEWAY
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.launch import remote_environment
from jupyter_async_exec.runner.lock import try_lock

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_async_exec.backends.dask.settings import ClusterSettings, DaskSettings

SETTINGS = "settings.json"
WANTED = "wanted.json"
SCHEDULER = "scheduler.json"
LEFT = "left.json"
PROBLEM = "problem.json"
LOCK = "keeper.lock"
LOG = "keeper.log"
#: What is wanted is said again this often (s), so that the keeper knows that a server is there.
BEAT_S = 5.0
#: A cluster that could not be started is tried again after so long (s).
RETRY_S = 30.0
#: As long as somebody waits that is said again before this time is over (s).
PROBLEM_S = 3 * RETRY_S
#: What `auth: jupyterhub` of a Gateway reads.
HUB_TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105  its name
_LARGEST_BYTES = 1024 * 1024


class Cluster:
    """The server's side of a cluster; its methods are called in threads.

    Parameters
    ----------
    directory
        The folder of the files.
    settings
        What was chosen.
    """

    def __init__(self, directory: Path, settings: DaskSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._lock = threading.Lock()
        self._said: tuple[int, int] | None = None
        self._said_s = 0.0
        self._started_s = float("-inf")

    @property
    def scheduler_file(self) -> Path:
        """What the keeper writes when the cluster is there."""
        return self._directory / SCHEDULER

    def want(self, n_waiting: int, n_held: int) -> None:
        """Say how many executions wait and how many run; start the cluster for them.

        Called again and again; without it the cluster ends when it is idle.
        """
        with self._lock:
            now_s = time.monotonic()
            said = (n_waiting, n_held)
            if said != self._said or now_s - self._said_s >= BEAT_S:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                wanted = {"waiting": n_waiting, "held": n_held}
                content = json.dumps(wanted).encode()
                files.write_whole(self._directory / WANTED, content, durable=False)
                self._said, self._said_s = said, now_s
            if now_s - self._started_s < RETRY_S:
                return
            # Also for what the keeper before has left, when nobody wants anything.
            is_needed = any(said) or (self._directory / LEFT).exists()
            if is_needed and not self.is_kept():
                self._start()
                self._started_s = now_s

    def is_kept(self) -> bool:
        """Whether a keeper lives."""
        try:
            lock = try_lock(self._directory / LOCK)
        except FileNotFoundError:
            return False
        if lock is None:
            return True
        os.close(lock)
        return False

    def problem(self) -> str | None:
        """Return why the cluster could not be started just now; after a while it may be."""
        path = self._directory / PROBLEM
        try:
            is_old = time.time() - path.stat().st_mtime > PROBLEM_S
        except FileNotFoundError:
            return None
        return None if is_old or self.is_kept() else read_fields(path).get("problem")

    def _start(self) -> None:
        settings = json.dumps(asdict(self._settings)).encode()
        files.write_whole(self._directory / SETTINGS, settings)
        with (self._directory / LOG).open("ab") as log:
            keeper = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyter_async_exec.backends.dask.keeper",
                    str(self._directory),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=_environment(self._settings.cluster),
                start_new_session=True,
            )
        threading.Thread(target=keeper.wait, name="keeper-reaper", daemon=True).start()


def _environment(cluster: ClusterSettings | None) -> dict[str, str]:
    """Return what the keeper knows of the server's environment; its cluster may inherit it."""
    environment = remote_environment(os.environ)
    token = os.environ.get(HUB_TOKEN)
    # A Gateway's cluster inherits nothing, and the Gateway asks who we are.
    if token and cluster is not None and cluster.kind == GATEWAY:
        environment[HUB_TOKEN] = token
    return environment


def read_fields(path: Path) -> dict[str, str]:
    """Return what one of the files says; nothing when it is not there, or damaged."""
    content = files.read_bounded(path, limit_bytes=_LARGEST_BYTES)
    try:
        fields = json.loads(content or b"{}")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
