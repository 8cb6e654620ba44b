"""Fixtures of the runner's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.runner.launch import terminate
from tests.runner.helpers import Attempt, make_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make_attempt(tmp_path: Path) -> Iterator[Callable[..., Attempt]]:
    """Give prepared attempts; whatever of them still runs afterwards is ended."""
    made: list[Attempt] = []

    def make(*cells: str | dict[str, Any], **task: Any) -> Attempt:
        attempt = Attempt(tmp_path / f"attempt-{len(made)}", make_notebook(*cells), **task)
        made.append(attempt)
        return attempt

    yield make
    for attempt in made:
        terminate(attempt.directory)
