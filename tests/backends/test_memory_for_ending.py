"""Who may begin beside processes that only end: it must not cost anybody their memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.backends.gpus import Gpus
from jupyter_async_exec.backends.local import has_memory_for_ending, total_memory_bytes
from jupyter_async_exec.runner import cgroup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """The size of this machine is asked for once."""
    total_memory_bytes.cache_clear()
    yield
    total_memory_bytes.cache_clear()


@pytest.mark.parametrize(("used", "expected"), [(400_000, True), (600_000, False)])
def test_in_a_container_its_own_memory_counts(
    used: int, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine around it may have plenty; the container's limit kills all the same."""
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    (tmp_path / "memory.stat").write_text("inactive_file 0\n")
    place = cgroup._Place(cgroup._V2, tmp_path, tmp_path)
    monkeypatch.setattr(cgroup, "_find_place", lambda: place)

    assert total_memory_bytes() == 1_000_000
    assert has_memory_for_ending(None) is expected


def test_never_where_there_are_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_find_place", lambda: None)

    assert not has_memory_for_ending(Gpus(tmp_path, lambda: ("0",), hides=False))
