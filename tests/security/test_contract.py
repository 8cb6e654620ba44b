"""Whatever is sent, the contract holds: a 4xx with a sentence or a clean answer, never a 500.

`API_CASES` says how many requests are made up in all; `make fuzz` makes 20,000.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import checks

from jupyter_async_exec.api.contract import contract
from tests.api.conftest import template_of
from tests.server import Server, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

N_CASES = int(os.environ.get("API_CASES", "400"))
#: Long runs are told apart by it; the short one makes up the same requests every time.
SEED = int(os.environ.get("SEED", "0"))
SCHEMA = schemathesis.openapi.from_dict(contract())
OPERATIONS: dict[str, Any] = {
    operation.label: operation
    for operation in (cast("Any", found).ok() for found in SCHEMA.get_all_operations())
}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
#: Two that exist, two that do not, and what tries to lead elsewhere.
IDS = [
    "1",
    "2",
    "3",
    "9" * 18,
    "../1",
    "1/..",
    "%2e%2e",
    "..%2f..",
    "\x00",
    "\ud7ff",
    "'",
]
NAMES = ["a.ipynb", "made.txt", "../a.ipynb", "/etc/passwd", "made.txt/..", "%2e%2e/made.txt", " "]


class Place:
    """A server with two executions that are over, whose queue stands still."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = Server(folder)
        self.server.start()
        for source in ("print('x')\nopen('made.txt', 'w').write('made')", "1 / 0"):
            number = self.server.submit(source)
            wait_for(partial(self._is_over, number))
        self.server.end(signal.SIGTERM)
        # Whoever holds it is the dispatcher: requests are accepted, nothing runs.
        self._lock = (self.server.data_dir / "dispatcher.lock").open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.server.start()
        self.n_asked = 0
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"token {self.server.token}"

    def _is_over(self, number: int) -> bool:
        return self.server.status(number) in {"succeeded", "failed"}

    def ask(self, case: schemathesis.Case[Any]) -> None:
        """Send a request and check the answer."""
        response = case.call(
            base_url=f"{self.server.url}async-exec", session=self.session, timeout=20
        )
        # `requests` resolves dots and drops nothing: what it asked for may be another address.
        path = urlsplit(str(response.request.url)).path.partition("/async-exec")[2]
        is_meant = template_of(path) == case.operation.path
        case.validate_response(response, checks=CHECKS if is_meant else CHECKS[:1])
        self.n_asked += 1
        if self.n_asked % 100 == 0:
            self._tidy()

    def _tidy(self) -> None:
        """Remove what was restored: looking for a free name gets slow."""
        for path in (self._folder / "root").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        self.session.close()
        self.server.close()
        self._lock.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("place"))
    yield place
    # The server is well.
    assert place.server.call("GET", "status")["version"]
    print(f"{place.n_asked} requests")  # noqa: T201  whoever runs the long form wants to know
    place.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_the_contract_says(
    label: str, mode: schemathesis.GenerationMode, place: Place
) -> None:
    strategy = OPERATIONS[label].as_strategy(generation_mode=mode)

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=max(2, N_CASES // len(OPERATIONS) // 2),
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def ask(data: Any) -> None:
        case = data.draw(strategy)
        for name, known in (("id", IDS), ("name", NAMES), ("path", NAMES)):
            if name in (case.path_parameters or {}) and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(known))
        place.ask(case)

    try:
        ask()
    except hypothesis.errors.Unsatisfiable:
        # A call that takes nothing cannot be made wrong.
        assert mode is schemathesis.GenerationMode.NEGATIVE
