"""The notebooks of attempts that run elsewhere and have written much."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.attempt_folder import read_notebook, rebuild
from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from pathlib import Path

#: Beside the journal that it was rebuilt from.
SO_FAR = "so-far.ipynb"
#: What was rebuilt is shown for so many times as long as that took, so that looking costs little.
SHOWN_FOR = 20.0


class SoFar:
    """Shows how far attempts have come whose journals are too large to be read at every look.

    The runner's own checkpoints stay on its machine, while the journal is here. For any thread;
    one notebook is rebuilt at a time.
    """

    def __init__(self) -> None:
        self._rebuilding = threading.Lock()
        #: Folder to how large its journal was (bytes), and until when that is shown (monotonic, s).
        self._made: dict[Path, tuple[int, float]] = {}

    def read(self, directory: Path) -> bytes | None:
        """Return the notebook of a mirrored attempt, as `attempt_folder.read_notebook` has it."""
        notebook = read_notebook(directory)
        if notebook is not None:
            return notebook
        path = directory / SO_FAR
        try:
            # Whoever can be shown something waits for nobody.
            if self._rebuilding.acquire(blocking=not path.exists()):
                try:
                    self._update(directory)
                finally:
                    self._rebuilding.release()
            return path.read_bytes()
        except (FileNotFoundError, InvalidRequestError):
            return None

    def _update(self, directory: Path) -> None:
        """Rebuild it when there is something new, unless it was rebuilt lately."""
        journal_bytes = (directory / files.JOURNAL).stat().st_size
        known_bytes, until_s = self._made.get(directory, (0, 0.0))
        start_s = time.monotonic()
        if journal_bytes == known_bytes or start_s < until_s:
            return
        files.write_whole(directory / SO_FAR, rebuild(directory), durable=False)
        end_s = time.monotonic()
        self._made = {each: made for each, made in self._made.items() if each.exists()}
        self._made[directory] = journal_bytes, end_s + SHOWN_FOR * (end_s - start_s)
