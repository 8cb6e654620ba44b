"""Environments of Python of their own: as much of one as is looked at without starting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_environment(folder: Path, *, python: str = "python3") -> tuple[Path, Path]:
    """Return the interpreter and the package folder of a new environment, which sees no other."""
    packages = folder / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
    interpreter = folder / "bin" / python
    interpreter.parent.mkdir()
    interpreter.write_text("#!")
    interpreter.chmod(0o755)
    return interpreter, packages
