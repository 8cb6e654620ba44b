"""The page on the snapshot format says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_async_exec.objects import local_file
from jupyter_async_exec.snapshots import manifest, notebook
from jupyter_async_exec.snapshots.choice import CODE_SUFFIXES, CaptureLimits

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "snapshot-format.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_code_suffix_and_dropped_key_is_named(page: str) -> None:
    named = {*CODE_SUFFIXES, *notebook._VOLATILE, *notebook._VIEW}

    assert {name for name in named if f"`{name}`" not in page} == set()


def test_the_numbers_are_those_of_the_code(page: str) -> None:
    limits = CaptureLimits()

    assert f"# Snapshot format {manifest.FORMAT}" in page
    assert f"`0x{local_file.HEADER_MAGIC:X}`" in page
    assert f"4\u20137 | {local_file.HEADER_PAYLOAD_BYTES}," in page
    assert (
        f"{limits.file_bytes // 10**6} MB a file, {limits.total_bytes // 10**6} MB "
        f"and {limits.n_files:,} files"
    ) in page
