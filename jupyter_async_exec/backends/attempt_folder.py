"""What an attempt's folder says, wherever the attempt runs or ran: there, or in a mirror of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import AttemptKey, Observation
from jupyter_async_exec.errors import InvalidRequestError, UnavailableError
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.conclude import conclude_attempt
from jupyter_async_exec.runner.journal import iterate_journal, read_events
from jupyter_async_exec.runner.lock import take_lock
from jupyter_async_exec.runner.rebuild import rebuild_notebook
from jupyter_async_exec.runner.recorder import notebook_pieces
from jupyter_async_exec.runner.result import conclude_lost, read_result
from jupyter_async_exec.runner.task import read_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.json_types import JSONObject

#: From this journal size on a running notebook is shown from its last
#: checkpoint instead of being rebuilt at every look.
REBUILD_LIMIT_BYTES = 16 * 1024 * 1024


def keys_in(directory: Path) -> tuple[AttemptKey, ...]:
    """Return the attempts that have a folder in `directory`."""
    if not directory.exists():
        return ()
    keys = []
    for path in directory.iterdir():
        execution_id, _, attempt = path.name.partition("-")
        if attempt.isdecimal() and path.is_dir():
            keys.append(AttemptKey(execution_id, int(attempt)))
    return tuple(keys)


def observe(directory: Path, *, offset: int, alive: bool) -> Observation:
    """Return what the attempt has written from `offset` (bytes) on.

    Parameters
    ----------
    directory
        The attempt's; may be missing.
    offset
        As `Backend.observe` has it.
    alive
        Whether a process of it lived before this call: what is dead has written all it will.

    Raises
    ------
    OSError
        It cannot be read now.
    """
    # The result first: it is written last, so that no event can be missed.
    result = read_result(directory)
    events, end = read_events(directory / files.JOURNAL, offset)
    if result is None and not alive:
        result = conclude_lost(directory)
    return Observation(events=tuple(events), offset=end, result=result, alive=alive)


def read_notebook(directory: Path) -> bytes | None:
    """Return the notebook as far as the attempt has come, as JSON; `None` before it began."""
    journal, output = directory / files.JOURNAL, directory / files.OUTPUT
    try:
        if journal.exists() and journal.stat().st_size > REBUILD_LIMIT_BYTES:
            return output.read_bytes()
        return b"".join(rebuild(directory))
    except (FileNotFoundError, InvalidRequestError):
        # Not there yet, or no longer: it may end while we look.
        return None


def rebuild(directory: Path) -> Iterator[bytes]:
    """Give the JSON of the notebook as far as the journal tells.

    Raises
    ------
    FileNotFoundError, InvalidRequestError
        What it is made from is not there.
    """
    source: JSONObject = json.loads((directory / files.SOURCE).read_bytes())
    records = iterate_journal(directory / files.JOURNAL)
    return notebook_pieces(rebuild_notebook(source, read_task(directory), records))


def read_log(directory: Path, *, offset: int, limit_bytes: int) -> tuple[bytes, int]:
    """Return log bytes from `offset` (negative: from the end) and the log's size."""
    try:
        with (directory / files.LOG).open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(0, size_bytes + offset) if offset < 0 else offset)
            return log.read(limit_bytes), size_bytes
    except FileNotFoundError:
        return b"", 0


def conclude(directory: Path) -> None:
    """Write the end of an attempt whose runner died before it could; the journal knows it."""
    if read_result(directory) is None:
        lock = take_lock(directory)
        try:
            conclude_attempt(directory)
        finally:
            os.close(lock)


def rebuild_output(directory: Path) -> None:
    """Write the notebook of an attempt whose end is known, where only its journal has come."""
    output = directory / files.OUTPUT
    if not output.exists():
        with contextlib.suppress(FileNotFoundError, InvalidRequestError):
            files.write_whole(output, rebuild(directory))


def remove(directory: Path) -> None:
    """Remove a folder whatever modes the notebook gave to what is inside.

    Links are unlinked, never followed, so that the user's own files are safe.
    """
    shutil.rmtree(directory, ignore_errors=True)
    if not directory.exists():
        return
    with contextlib.suppress(OSError):
        directory.chmod(0o700)
    for folder, names, _ in os.walk(directory):
        # From the outside in: what cannot be entered is never walked into.
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        raise UnavailableError(f"{directory} cannot be removed; remove it by hand.")
