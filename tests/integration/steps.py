"""Cells that say when they have begun, and wait to be told to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sealed_wait(folder: Path, marker: str) -> str:
    """Return a cell that announces itself and waits until a file appears."""
    return (
        "import pathlib, time\n"
        f"pathlib.Path({str(folder)!r}, '{marker}.begun').touch()\n"
        f"while not pathlib.Path({str(folder)!r}, '{marker}.go').exists(): time.sleep(0.05)\n"
        "print('went on')"
    )
