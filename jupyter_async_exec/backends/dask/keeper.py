"""``python -m jupyter_async_exec.backends.dask.keeper FOLDER``: holds a cluster while it is needed.

It starts the cluster that the configuration describes, lets it grow with what
waits, retires workers that are idle, and ends with the last of them. A worker
is only retired when its agent has said that nothing runs below it, and that it
takes nothing more. The server may come and go meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.dask.cluster import (
    LEFT,
    LOCK,
    PROBLEM,
    SCHEDULER,
    SETTINGS,
    WANTED,
    read_fields,
)
from jupyter_async_exec.backends.dask.growth import Growth
from jupyter_async_exec.backends.dask.link import Link
from jupyter_async_exec.backends.dask.roster import Roster
from jupyter_async_exec.backends.dask.settings import DaskSettings
from jupyter_async_exec.backends.dask.starting import find_left, start
from jupyter_async_exec.errors import AsyncExecError, InvalidRequestError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.lock import try_lock

if TYPE_CHECKING:
    from jupyter_async_exec.backends.dask.managers import Manager
    from jupyter_async_exec.core.json_types import JSONObject

#: How often it looks what is wanted, in seconds.
LOOK_S = 1.0
#: A server that says nothing for longer is not there (s); what runs goes on, what waits waits.
SILENCE_S = 60.0
#: A cluster that does not end within this time is left to itself (s).
CLOSE_S = 120.0
#: Names us to the agents; we begin nothing there.
_STORE_ID = "keeper"

_log = logging.getLogger(__name__)


async def keep(directory: Path, manager: Manager, settings: DaskSettings) -> None:
    """Hold the cluster as long as it is needed."""
    described = settings.cluster
    assert described is not None
    there = replace(settings, cluster=None, scheduler_file=str(directory / SCHEDULER))
    _note(directory, manager)
    link = await asyncio.to_thread(Link, there, store_id=_STORE_ID)
    roster = Roster(link, name="the cluster", slots=None, options={}, arrived=lambda _: None)
    growth = Growth(manager, described)
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    try:
        is_needed = True
        while is_needed and not ending.is_set():
            n_waiting, n_held = _wanted(directory)
            n_asked = manager.n_asked
            try:
                is_needed = await link.run(_look(link, roster, growth, n_waiting, n_held))
                is_silent = _silence_s(roster) > manager.patience_s
                if is_silent and not n_held and await manager.is_gone():
                    _log.warning("The scheduler is gone.")
                    is_needed = False
            except AsyncExecError as error:
                _log.warning("%s", error)
            except Exception:  # noqa: BLE001  of Dask's many; whatever it was, it is tried again
                _log.exception("The cluster could not be changed.")
            if manager.n_asked != n_asked:
                _note(directory, manager)
            await asyncio.sleep(LOOK_S)
    finally:
        (directory / SCHEDULER).unlink(missing_ok=True)
        try:
            await asyncio.wait_for(asyncio.to_thread(manager.close), CLOSE_S)
        except TimeoutError:
            _log.error("The cluster does not end; it is left to itself.")
            os._exit(1)
        (directory / LEFT).unlink(missing_ok=True)
        await asyncio.to_thread(link.close)


async def _look(link: Link, roster: Roster, growth: Growth, n_waiting: int, n_held: int) -> bool:
    roster.start()
    if roster.silent_since_s is not None:
        # What is known of the workers is old.
        return True
    workers = [replace(worker) for worker in roster.workers]
    return await growth.step(link, workers, n_waiting, n_held, time.monotonic())


def _silence_s(roster: Roster) -> float:
    since_s = roster.silent_since_s
    return 0.0 if since_s is None else time.monotonic() - since_s


def _note(directory: Path, manager: Manager) -> None:
    """Write down where the cluster is, for servers and for the keeper after us."""
    fields = {**manager.describe(), "n_asked": manager.n_asked, "pid": os.getpid()}
    for name in (LEFT, SCHEDULER):
        _write(directory / name, fields)


def _wanted(directory: Path) -> tuple[int, int]:
    """Return how many wait and how many run, as the server says; without one, nobody."""
    path = directory / WANTED
    try:
        is_old = time.time() - path.stat().st_mtime > SILENCE_S
    except FileNotFoundError:
        is_old = True
    fields = {} if is_old else read_fields(path)
    return int(fields.get("waiting", 0)), int(fields.get("held", 0))


def _take_lock(path: Path) -> int | None:
    """Take the lock; somebody who only looks whether it is held lets go at once."""
    for _ in range(20):
        lock = try_lock(path)
        if lock is not None:
            return lock
        time.sleep(0.05)
    return None


def _find_or_start(directory: Path, settings: DaskSettings) -> Manager | None:
    """Return a cluster; none when nobody wants one and none is left of the keeper before."""
    fields: JSONObject = dict(read_fields(directory / LEFT))
    if fields:
        here = replace(settings, cluster=None, scheduler_file=str(directory / LEFT))
        found = find_left(settings, here, fields, store_id=_STORE_ID)
        if found is not None:
            _log.info("The cluster of the keeper before is found again.")
            return found
    for name in (SCHEDULER, LEFT):
        (directory / name).unlink(missing_ok=True)
    if not any(_wanted(directory)):
        return None
    return start(settings, lambda fields: _write(directory / LEFT, fields))


def _write(path: Path, fields: JSONObject) -> None:
    files.write_whole(path, json.dumps(fields).encode())


def main(directory: Path) -> int:
    """Start the cluster and hold it; return 0 unless it could not be started."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    lock = _take_lock(directory / LOCK)
    if lock is None:
        return 0
    settings = DaskSettings.from_json(read_fields(directory / SETTINGS))
    (directory / PROBLEM).unlink(missing_ok=True)
    try:
        manager = _find_or_start(directory, settings)
    except InvalidRequestError as error:
        _write(directory / PROBLEM, {"problem": str(error)})
        _log.exception("It could not be started.")
        return 1
    if manager is not None:
        asyncio.run(keep(directory, manager, settings))
    os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
