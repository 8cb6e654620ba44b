"""What a notebook runs in, learned without its noticing."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_async_exec.runner.environment import describe_hardware, environment_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.runner.helpers import Attempt


def reply(content: Any) -> dict[str, Any]:
    text = repr(content if isinstance(content, str) else json.dumps(content))
    return {"user_expressions": {"environment": {"data": {"text/plain": text}}}}


@pytest.mark.slow
def test_the_packages_are_those_that_the_kernel_can_import(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("1 + 1", "print(sorted(vars()), In, Out)")

    attempt.run()

    (record,) = attempt.records_of("environment")
    found = record["environment"]
    versions = {
        found.metadata["Name"].lower().replace("_", "-").replace(".", "-"): found.version
        for found in distributions()
    }
    assert found["packages"]["papermill"] == versions["papermill"]
    assert found["packages"] == versions
    assert found["python"] == platform.python_version()
    assert found["prefix"] == sys.prefix
    assert found["platform"] == describe_hardware()["platform"]
    # Neither a name of its own nor a line of history.
    assert "'find'" not in attempt.text(1)
    assert "['', '1 + 1', " in attempt.text(1)


@pytest.mark.slow
def test_it_is_known_of_a_notebook_whose_first_cell_fails(
    make_attempt: Callable[..., Attempt],
) -> None:
    attempt = make_attempt("1 / 0")

    attempt.run()

    (record,) = attempt.records_of("environment")
    assert "papermill" in record["environment"]["packages"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"user_expressions": None},
        {"user_expressions": {"environment": {"status": "error"}}},
        reply("not JSON"),
        reply([1]),
        reply({"packages": []}),
        reply({"packages": {}, "python": "3"}),
        reply({"packages": {"x": "y" * 2000}, "python": "", "implementation": "", "prefix": ""}),
        {"user_expressions": {"environment": {"data": {"text/plain": "__import__('os')"}}}},
    ],
)
def test_what_is_no_answer_is_no_environment(answer: dict[str, Any]) -> None:
    assert environment_in(answer) is None
