"""Which kernels are kept warm, and for how long.

Nothing is prepared before the first execution of a kernel, nothing while
memory is short, and everything goes when nobody has run anything for a while.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.core.execution import new_id
from jupyter_async_exec.errors import AsyncExecError, UnavailableError
from jupyter_async_exec.runner.bell import GO, READY
from jupyter_async_exec.runner.kernelspec import find_kernelspec
from jupyter_async_exec.runner.launch import launch_spare, safe_environment, terminate
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.system import available_memory
from jupyter_async_exec.runner.warm.handle import ForkServer, is_possible
from jupyter_async_exec.runner.warm.identity import Identity

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

#: What nobody has used for so long goes.
IDLE_S = 600.0
#: With less memory left than this, in bytes, nothing is kept ready.
MEMORY_RESERVE_BYTES = 1_000_000_000
#: Kernels kept ready at the same time; the one used longest ago gives way.
MAX_KERNELS = 2
#: In a burst as many spares are kept as executions began within this time, in seconds: a spare
#: is ready in a fraction of it.
BURST_S = 1.0
#: More kernels than processors do not start any faster together.
MAX_BURST = max(1, min(os.cpu_count() or 1, 8))
#: When nothing has begun for so long, in seconds, a burst is over and one spare is enough.
BURST_OVER_S = 5.0
_READY_TIMEOUT_S = 60.0
_MAX_FAILURES = 3
#: In a burst nobody installs anything between two executions.
_SEEN_S = 0.25
_CLOSE_LIMIT_S = 2.0
#: Whether memory has become short is looked at this often, in seconds.
_LOOK_S = 10.0
_LOG = "fork-server.log"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SpareRunner:
    """A runner that waits in `directory` with its kernel ready."""

    directory: Path
    bell: socket.socket

    def move_to(self, directory: Path) -> None:
        """Make the folder it waits in the attempt's; its life lock is now the attempt's.

        Raises
        ------
        OSError
            It could not be moved.
        """
        self.directory.rename(directory)
        self.directory = directory

    def begin(self) -> socket.socket:
        """Tell it that its task is in place; return our end of its bell.

        When it is gone already, the attempt has ended before its first cell.
        """
        with contextlib.suppress(OSError):
            self.bell.send(GO)
        return self.bell

    def end(self) -> None:
        """Let it go unused, and remove its folder."""
        self.bell.close()
        with contextlib.suppress(AsyncExecError, OSError):
            terminate(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def is_alive(self) -> bool:
        """Whether it still waits."""
        try:
            self.bell.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            return False
        # All it could say now is its end.
        return False


@dataclass(slots=True)
class _Kept:
    """What is kept of one kernel."""

    identity: Identity
    server: ForkServer | None = None
    spares: list[SpareRunner] = field(default_factory=list)
    used_s: float = 0.0
    #: When the last executions began, newest last.
    recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_BURST))
    #: When it was last looked at whether it is outdated, and what was found.
    seen_s: float = 0.0
    is_current: bool = True
    n_uses: int = 0
    #: In a row, of the server and of spares: a kernel that cannot wait may still be forked.
    n_server_failures: int = 0
    n_spare_failures: int = 0

    def let_spares_go(self, *, but: int = 0) -> list[Callable[[], None]]:
        """Give up spares until so many are left; return what ends them, which takes a while."""
        gone, self.spares = self.spares[but:], self.spares[:but]
        return [spare.end for spare in gone]

    def let_server_go(self) -> list[Callable[[], None]]:
        """Give up the fork server; return what ends it, which takes a while."""
        server, self.server = self.server, None
        return [] if server is None else [server.close]

    def let_go(self) -> list[Callable[[], None]]:
        """Give up everything; return what ends it, which takes a while."""
        return self.let_spares_go() + self.let_server_go()


class WarmPool:
    """Fork servers and spare runners of the kernels used lately.

    Works in a thread of its own, which is there only while something is kept.
    All methods may be called from any thread.

    Parameters
    ----------
    directory
        Where spares wait; on the disk of the attempts, which they become.
    nice
        Added niceness of spares.
    spares
        Spare runners for each kernel, 0 or 1, and more for the length of a burst; without one,
        runners are still forked.
    idle_s
        Instead of `IDLE_S`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        nice: int,
        spares: int = 1,
        idle_s: float = IDLE_S,
    ) -> None:
        self._directory = directory
        self._nice = nice
        self._spares = spares
        self._idle_s = idle_s
        self._kept: dict[str, _Kept] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        #: What ends those that were given up; done without the lock, which executions wait for.
        self._ending: list[Callable[[], None]] = []

    def take(self, kernel_name: str, directory: Path) -> SpareRunner | None:
        """Return a spare with this kernel ready, if there is one; it is the caller's now.

        The folder it waits in becomes `directory`, with its life lock held.
        """
        with self._changed:
            kept = self._current(kernel_name)
            if kept is None or not kept.spares:
                return None
            spare = kept.spares.pop(0)
            self._changed.notify()
        try:
            if spare.is_alive:
                spare.move_to(directory)
                return spare
        except OSError as error:
            _log.info("A spare runner could not be used: %s", error)
        spare.end()
        return None

    def fork_server(self, kernel_name: str) -> ForkServer | None:
        """Return what can fork a runner of this kernel, if there is something."""
        with self._changed:
            kept = self._current(kernel_name)
            if kept is None or kept.server is None or not kept.server.is_usable:
                return None
            return kept.server

    def note_use(self, kernel_name: str) -> None:
        """Remember that an execution of this kernel starts; what it needs is prepared soon."""
        if not is_possible(os.environ):
            return
        with self._changed:
            if self._is_closed:
                return
            kept = self._kept.get(kernel_name)
            if kept is None:
                kept = self._kept[kernel_name] = _Kept(identity=Identity.now(kernel_name))
            kept.used_s = time.monotonic()
            kept.recent_s.append(kept.used_s)
            kept.n_uses += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="warm-pool", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Let everything go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            # What is being started just now may take longer; it ends with us.
            thread.join(_CLOSE_LIMIT_S)

    def sweep(self) -> None:
        """Remove the folders of spares that ended with the server they waited for."""
        for directory in self._directory.glob("*"):
            if directory.is_dir() and not is_held(directory):
                shutil.rmtree(directory, ignore_errors=True)

    def _current(self, kernel_name: str) -> _Kept | None:
        kept = self._kept.get(kernel_name)
        if kept is None or self._is_current(kernel_name, kept):
            return kept
        self._changed.notify()
        return None

    # ------------------------------------------------------------ the thread

    def _work(self) -> None:
        try:
            self._keep()
        except Exception:  # noqa: BLE001  nobody's execution may depend on this thread
            _log.exception("Kernels are kept ready again from the next execution on.")
            with self._changed:
                self._give_up_all()
                self._thread = None
        self._end_given_up()

    def _keep(self) -> None:
        while True:
            with self._changed:
                name, wait_s = self._choose()
                if name is None and (self._is_closed or not self._kept):
                    self._give_up_all()
                    self._thread = None
                    return
                if name is None and not self._ending:
                    self._changed.wait(wait_s)
                kept = self._kept.get(name) if name is not None else None
            self._end_given_up()
            if name is not None and kept is not None:
                self._prepare(name, kept)

    def _end_given_up(self) -> None:
        with self._changed:
            ending, self._ending = self._ending, []
        for end in ending:
            end()

    def _choose(self) -> tuple[str | None, float]:
        """Return the kernel to do something for now, or for how long there is nothing to do."""
        if self._is_closed:
            return None, 0.0
        now = time.monotonic()
        self._drop(now)
        if not self._kept:
            return None, 0.0
        for name, kept in self._kept.items():
            if self._wants(kept):
                return name, 0.0
        next_end_s = min(kept.used_s for kept in self._kept.values()) + self._idle_s
        return None, max(min(next_end_s - now, _LOOK_S), 0.01)

    def _wants(self, kept: _Kept) -> bool:
        if available_memory() < MEMORY_RESERVE_BYTES:
            return False
        if kept.server is None:
            # Preparing costs as much as a start: for a single run of a command it never pays.
            is_worth_it = self._spares > 0 or kept.n_uses > 1
            return is_worth_it and kept.n_server_failures < _MAX_FAILURES
        return kept.n_spare_failures < _MAX_FAILURES and self._n_missing(kept) > 0

    def _n_missing(self, kept: _Kept) -> int:
        """Return how many spares are to be started."""
        if not self._spares or not kept.identity.may_wait:
            return 0
        since_s = time.monotonic() - BURST_S
        n_recent = sum(began_s > since_s for began_s in kept.recent_s)
        return max(self._spares, n_recent) - len(kept.spares)

    def _drop(self, now: float) -> None:
        """Let go what is old, outdated, or too much."""
        newest = sorted(self._kept.items(), key=lambda item: -item[1].used_s)
        for rank, (name, kept) in enumerate(newest):
            is_old = now - kept.used_s >= self._idle_s
            if is_old or rank >= MAX_KERNELS:
                del self._kept[name]
                self._ending += kept.let_go()
            elif not self._is_current(name, kept):
                self._ending += kept.let_go()
                kept.identity, kept.is_current = Identity.now(name), True
                # Why it failed may be just what has changed.
                kept.n_server_failures = kept.n_spare_failures = 0
            elif kept.server is not None and not kept.server.is_usable:
                self._ending += kept.let_server_go()
            elif (kept.spares or kept.server) and available_memory() < MEMORY_RESERVE_BYTES:
                self._ending += kept.let_go()
            elif now - kept.used_s >= BURST_OVER_S:
                self._ending += kept.let_spares_go(but=self._spares)

    def _give_up_all(self) -> None:
        for kept in self._kept.values():
            self._ending += kept.let_go()
        self._kept.clear()

    def _prepare(self, name: str, kept: _Kept) -> None:
        """Start what is missing; without the lock, since it takes a while."""
        server = kept.server
        try:
            if server is None:
                server = self._start_server(name)
                with self._changed:
                    kept.server, kept.n_server_failures = server, 0
            else:
                self._start_spares(name, kept, server)
        except (AsyncExecError, OSError) as error:
            _log.info("The kernel %r cannot be kept ready: %s", name, error)
            with self._changed:
                if server is None:
                    kept.n_server_failures += 1
                else:
                    kept.n_spare_failures += 1

    def _start_server(self, name: str) -> ForkServer:
        spec = find_kernelspec(name)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = spec.prepared_options(sys.executable)
        return ForkServer(
            options=options or (),
            environment=safe_environment(os.environ),
            log=self._directory / _LOG,
        )

    def _start_spares(self, name: str, kept: _Kept, server: ForkServer) -> None:
        """Start what is missing at the same time; what fails costs none of the others."""
        starting: list[SpareRunner] = []
        failure: AsyncExecError | OSError | None = None
        try:
            # Those that were started count, whatever becomes of the next.
            starting.extend(self._start_spare(name, server) for _ in range(self._n_missing(kept)))
        except (AsyncExecError, OSError) as error:
            failure = error
        for spare in starting:
            if _becomes_ready(spare.bell):
                with self._changed:
                    kept.spares.append(spare)
                    # Only failures in a row say that it is of no use.
                    kept.n_spare_failures = 0
            else:
                spare.end()
                failure = UnavailableError("its spare runner did not become ready")
        if failure is not None:
            raise failure

    def _start_spare(self, name: str, server: ForkServer) -> SpareRunner:
        directory = self._directory / new_id()
        directory.mkdir(mode=0o700)
        try:
            bell = launch_spare(directory, fork_server=server, kernel_name=name, nice=self._nice)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return SpareRunner(directory, bell)

    def _is_current(self, name: str, kept: _Kept) -> bool:
        now = time.monotonic()
        if now - kept.seen_s > _SEEN_S:
            kept.seen_s, kept.is_current = now, kept.identity == Identity.now(name)
        return kept.is_current


def _becomes_ready(bell: socket.socket) -> bool:
    try:
        bell.settimeout(_READY_TIMEOUT_S)
        is_ready = bell.recv(1) == READY
        bell.setblocking(False)
    except OSError:
        return False
    return is_ready
