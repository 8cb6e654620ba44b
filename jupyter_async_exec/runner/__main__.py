"""``python -m jupyter_async_exec.runner DIRECTORY``: run the attempt prepared there."""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_async_exec.runner.becoming import run
from jupyter_async_exec.runner.bell import Bell
from jupyter_async_exec.runner.supervisor import Equipment, supervise

_USAGE = "usage: python -m jupyter_async_exec.runner DIRECTORY [LOCK_DESCRIPTOR BELL_DESCRIPTOR]"


def main(argv: list[str]) -> int:
    """Supervise one attempt; the launcher hands over the life lock it has taken."""
    match argv:
        case [directory]:
            return run(lambda: supervise(Path(directory)))
        case [directory, lock, bell] if lock.isdigit() and bell.isdigit():
            equipment = Equipment(bell=Bell(int(bell)))
            return run(lambda: supervise(Path(directory), int(lock), equipment))
    sys.stderr.write(_USAGE + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
