"""What is said of a request that the contract does not allow."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_async_exec.api.contract import check_body
from jupyter_async_exec.errors import InvalidRequestError

SUBMIT = ("/executions", "post")
SWEEP = ("/sweeps", "post")
EDIT = ("/executions/{id}", "patch")
LONG = "x" * 1_000


@pytest.mark.parametrize(
    ("operation", "body", "sentence"),
    [
        (SUBMIT, None, "The request must be an object with 'path', not null."),
        (SUBMIT, {}, "The request lacks 'path'."),
        (SUBMIT, {"path": True}, "The field 'path' must be a text, not true."),
        (SUBMIT, {"path": [1, 2]}, "The field 'path' must be a text, not a list of 2 entries."),
        (SUBMIT, {"path": "a", "after": [-1]}, "The field 'after.0' must be at least 1, not -1."),
        (
            SUBMIT,
            {"path": "a", "after": [{}]},
            "The field 'after.0' must be a whole number or a text, not an object of 0 fields.",
        ),
        (
            SUBMIT,
            {"path": "a", "collect": {"when": {"x": 1}}},
            "The field 'collect.when' must be \"all\", an object with 'first' or an object with "
            "'within_s', not an object of 1 field.",
        ),
        (
            SUBMIT,
            {"path": "a", "reuse": {"policy": "\ud800"}},
            'The field \'reuse.policy\' must be "never" or "exact", not "\\ud800".',
        ),
        (
            SUBMIT,
            {"path": "a", "request_id": LONG},
            "The field 'request_id' must have at most 128 characters, and has 1,000 characters.",
        ),
        (
            SUBMIT,
            {"path": "a", "options": {"memory_limit_bytes": LONG}},
            "The field 'options.memory_limit_bytes' must be a whole number or null, not "
            f'"{"x" * 58}….',
        ),
        (
            SUBMIT,
            {"path": "a", "options": {"run_time_limit_s": 0}},
            "The field 'options.run_time_limit_s' must be more than 0, not 0.",
        ),
        (
            SWEEP,
            {"path": "a", "values": {"x": 5}},
            "The field 'values.x' must be a text or a list, not 5.",
        ),
        (
            SWEEP,
            {"path": "a", "table": [{"x": 1}, 5]},
            "The field 'table.1' must be an object, not 5.",
        ),
        (EDIT, {}, "The request must not be empty."),
        (
            EDIT,
            {"name": "x", "star": True},
            "The request has unknown fields, 'name', 'star'; it may have 'deleted', 'note', "
            "'starred', 'tags', 'title'.",
        ),
        (
            EDIT,
            {"tags": ["a"] * 101},
            "The field 'tags' must have at most 100 entries, and has 101 entries.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words_of_people(
    operation: tuple[str, str], body: Any, sentence: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_body(*operation, body)

    assert refused.value.message == sentence


def test_the_place_of_what_is_wrong_is_told_apart_from_the_sentence() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_body("/executions", "post", {"path": "a", "options": {"tags": ["a", 5]}})

    assert refused.value.details == {"field": "options.tags.1"}
