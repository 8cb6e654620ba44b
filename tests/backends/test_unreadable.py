"""How long it is not believed that an attempt cannot be read."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.base import AttemptKey
from jupyter_async_exec.backends.unreadable import Patience, permit_reading
from jupyter_async_exec.runner import files

if TYPE_CHECKING:
    from pathlib import Path

KEY = AttemptKey("a" * 32, 1)


def test_a_disk_that_fails_for_long_is_believed() -> None:
    now_s = [100.0]
    patience = Patience(60.0, monotonic=lambda: now_s[0])
    error = OSError(errno.EIO, "Input/output error")

    assert not patience.is_over(KEY, error)
    now_s[0] += 59.0
    assert not patience.is_over(KEY, error)
    now_s[0] += 1.0
    assert patience.is_over(KEY, error)
    patience.forget(KEY)
    assert not patience.is_over(KEY, error)


def test_a_shortage_of_our_own_is_never_blamed_on_the_files() -> None:
    patience = Patience(0.0)

    assert not patience.is_over(KEY, OSError(errno.EMFILE, "Too many open files"))


def test_modes_a_notebook_took_away_are_given_back(tmp_path: Path) -> None:
    journal = tmp_path / files.JOURNAL
    journal.write_text("")
    journal.chmod(0o000)
    tmp_path.chmod(0o500)

    permit_reading(tmp_path)

    assert journal.stat().st_mode & 0o777 == 0o600
    assert tmp_path.stat().st_mode & 0o777 == 0o700
