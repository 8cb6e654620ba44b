"""Where the packages of a Python interpreter lie, found without starting it."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

#: jupyter_client starts its own interpreter for these; source: `KernelManager.format_kernel_cmd`.
_OWN_PYTHON = re.compile(r"python(3(\.\d+)?)?")
#: A virtual environment that sees no packages but its own; source: `site.venv`.
_ALONE = re.compile(r"^include-system-site-packages\s*=\s*false\s*$", re.MULTILINE | re.IGNORECASE)
_PACKAGE_FOLDERS = (
    "lib/python3*/site-packages",
    "lib64/python3*/site-packages",
    "lib/python3*/dist-packages",
    "Lib/site-packages",
)


def find_interpreter(command: str) -> Path | None:
    """Return the program that the first word of a kernel's command starts, if there is one."""
    if _OWN_PYTHON.fullmatch(command):
        return Path(sys.executable)
    found = shutil.which(command)
    return None if found is None else Path(found)


def package_folders(interpreter: Path) -> list[Path]:
    """Return the folders whose packages the interpreter might find, rather too many.

    Raises
    ------
    OSError, ValueError, RuntimeError
        The file that describes its environment cannot be read, or there is no home.
    """
    prefix = interpreter.parent.parent
    prefixes = {prefix}
    if not _ALONE.search(_venv_config(prefix)):
        prefixes.add(interpreter.resolve().parent.parent)
        for each in tuple(prefixes):
            home = re.search(r"^home\s*=\s*(.+)$", _venv_config(each), re.MULTILINE)
            prefixes |= {Path(home[1].strip()).parent} if home else set()
        prefixes |= {Path("/usr"), Path("/usr/local"), Path.home() / ".local"}
    return sorted(
        {
            folder.resolve()
            for prefix in prefixes
            for pattern in _PACKAGE_FOLDERS
            for folder in prefix.glob(pattern)
            if folder.is_dir()
        }
    )


def _venv_config(prefix: Path) -> str:
    config = prefix / "pyvenv.cfg"
    return config.read_text() if config.is_file() else ""
