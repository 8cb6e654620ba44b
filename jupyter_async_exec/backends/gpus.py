"""Which GPUs of this machine are whose: each execution that asks for some gets its own.

A GPU is taken by a file that names the attempt; it is free again as soon as no
process of that attempt lives, however that ended. So nothing has to be given
back, and whoever comes after a restart finds who has which.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jupyter_async_exec.errors import NoRoomError, UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.processes import Process, identify, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: In place of ids: those that are found.
AUTO = "auto"
#: What CUDA, and all that stands on it, reads.
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Has CUDA count as `nvidia-smi` does, or "1" would be another for each.
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
#: The driver may take seconds when nobody has used it yet.
_FIND_LIMIT_S = 10.0
#: Where they could not be found, they are looked for again after so long (s).
FIND_AGAIN_S = 60.0
_LOCK = "lock"
_LARGEST_NOTE_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


class Gpus:
    """The GPUs of a machine.

    Parameters
    ----------
    directory
        Where is written down who has which; processes that share the GPUs share it.
    find
        Gives their ids, as CUDA knows them; one that is named twice is shared by two.
        Asked in a thread when it is first needed, and now and then as long as it raises
        `UnavailableError`.
    hides
        Whether those who ask for none see none; else they see what this process sees.
    otherwise
        What there is as long as they could not be found.
    monotonic
        Seconds that never go back.
    """

    def __init__(
        self,
        directory: Path,
        find: Callable[[], Sequence[str]],
        *,
        hides: bool,
        otherwise: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._find = find
        self._ids: tuple[str, ...] | None = None
        self._otherwise = tuple(otherwise)
        self._hides = hides
        self._monotonic = monotonic
        self._finding = threading.Lock()
        #: When they are looked for again (s); None: they were found.
        self._again_s: float | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """What there is; looks for it the first time, which may take seconds."""
        with self._finding:
            if self._ids is None:
                self._look()
            elif self._again_s is not None and self._monotonic() >= self._again_s:
                # Whoever asks is not held up by what hung before.
                self._again_s = math.inf
                threading.Thread(target=self._look, name="gpu-finder", daemon=True).start()
            assert self._ids is not None
            return self._ids

    @property
    def n_different(self) -> int:
        """How many one attempt can have at most (>= 0)."""
        return len(set(self.ids))

    def _look(self) -> None:
        try:
            self._ids = tuple(self._find())
            self._again_s = None
        except UnavailableError as error:
            if self._ids is None:
                _log.warning("%s It is tried again.", error)
                self._ids = self._otherwise
            self._again_s = self._monotonic() + FIND_AGAIN_S

    def count_free(self) -> int:
        """Return how many different ones nobody has now."""
        with self._alone():
            return len({gpu for gpu, note in self._notes() if not _is_taken(note)})

    def take(self, attempt: Path, n: int) -> dict[str, str]:
        """Take `n` different ones (>= 0) for an attempt; return what its environment says.

        They are its own from now on while this process lives, and after `keep`
        while a process of the attempt lives.

        Raises
        ------
        NoRoomError
            Not so many are free.
        """
        if n == 0:
            return {VISIBLE: ""} if self._hides else {}
        found: dict[str, Path] = {}
        with self._alone():
            for gpu, note in self._notes():
                if len(found) < n and gpu not in found and not _is_taken(note):
                    found[gpu] = note
            if len(found) < n:
                wanted = "no GPU is" if n == 1 else f"not {n} GPUs are"
                raise NoRoomError(f"{wanted} free on this machine; {len(self.ids)} are there.")
            for note in found.values():
                _write(note, attempt, identify(os.getpid()))
        return {VISIBLE: ",".join(found), **ORDER}

    def keep(self, attempt: Path) -> None:
        """Let what the attempt has be its own as long as it lives: it has begun."""
        self._change(attempt, is_kept=True)

    def let_go(self, attempt: Path) -> None:
        """Free what the attempt has: it has not begun, or is over."""
        self._change(attempt, is_kept=False)

    def _change(self, attempt: Path, *, is_kept: bool) -> None:
        if not self._directory.exists():
            return
        with self._alone():
            for _, note in self._notes():
                if _read(note)[0] != str(attempt):
                    continue
                if is_kept:
                    _write(note, attempt, None)
                else:
                    note.unlink(missing_ok=True)

    def _notes(self) -> Iterator[tuple[str, Path]]:
        n_of: Counter[str] = Counter()
        for gpu in self.ids:
            yield gpu, self._directory / f"{quote(gpu, safe='')}.{n_of[gpu]}.json"
            n_of[gpu] += 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes out; each of them is quick."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def find_gpus() -> tuple[str, ...]:
    """Return those that this process may use, as CUDA knows them; waits for `nvidia-smi`.

    Raises
    ------
    UnavailableError
        It did not answer, which says nothing of what there is.
    """
    chosen = os.environ.get(VISIBLE)
    if chosen is not None:
        return tuple(part.strip() for part in chosen.split(",") if part.strip() not in ("", "-1"))
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    try:
        done = subprocess.run(
            [command, "--query-gpu=index", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_FIND_LIMIT_S,
        )
    except subprocess.CalledProcessError:
        # There is a driver without a GPU, or the other way round.
        return ()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"Which GPUs there are is not known: {error}.") from error
    lines = done.stdout.decode("ascii", "replace").split()
    return tuple(line for line in lines if line.isdecimal())


def _is_taken(note: Path) -> bool:
    attempt, preparing = _read(note)
    if attempt is None:
        return False
    if preparing is not None and is_alive(preparing):
        return True
    try:
        return is_held(Path(attempt))
    except OSError:
        # Rather one that stays unused than one that two use.
        return True


def _write(note: Path, attempt: Path, preparing: Process | None) -> None:
    process = None if preparing is None else [preparing.pid, preparing.started]
    content = json.dumps({"attempt": str(attempt), "preparing": process}).encode()
    files.write_whole(note, content, durable=False)


def _read(note: Path) -> tuple[str | None, Process | None]:
    """Return whose it is, and who is about to start that; `None` for nobody."""
    content = files.read_bounded(note, limit_bytes=_LARGEST_NOTE_BYTES)
    try:
        found = json.loads(content or b"")
        preparing = found["preparing"]
        return str(found["attempt"]), preparing and Process(int(preparing[0]), float(preparing[1]))
    except (ValueError, KeyError, TypeError, IndexError):
        return None, None
