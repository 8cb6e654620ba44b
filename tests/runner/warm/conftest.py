"""The fork server that the tests of a file share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.runner.warm.helpers import Warm, serve


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    folder = tmp_path_factory.mktemp("warm")
    server = serve(folder)
    yield Warm(server, folder)
    server.close()
