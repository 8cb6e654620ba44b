"""Damage that is real to whoever meets it: made by the file system, not by a replaced function."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: It can be opened, and every read of its beginning fails with EIO.
FAILING_FILE = "/proc/self/mem"
HAS_FAILING_FILE = sys.platform == "linux"


@contextmanager
def failing_reads(path: Path) -> Iterator[None]:
    """Let every read of `path` fail with an input/output error, as on a dying disk."""
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    path.symlink_to(FAILING_FILE)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if aside.exists() and path.parent.exists():
            aside.rename(path)


def flip(path: Path, at: int, mask: int = 0x01) -> None:
    """Change the bits of `mask` in the byte at `at` (negative: from the end)."""
    content = bytearray(path.read_bytes())
    content[at] ^= mask
    path.write_bytes(content)
