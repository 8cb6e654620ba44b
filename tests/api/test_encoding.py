"""Large answers are encoded in pieces, and nobody can tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.api import encoding, wire
from jupyter_async_exec.service.places import NO_REASONS
from jupyter_async_exec.testing.factories import make_execution

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values, st.integers(1, 8))
def test_the_pieces_are_the_json_of_the_whole(value: Any, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "MOST_VALUES", most)

        encoded = encoding.encode(value)

    assert encoded == json.dumps(value).encode()


@pytest.mark.parametrize(
    "document",
    [
        {"metrics": [{"name": "a", "values": [0.12345678901234567] * 20_000}], "cursor": "x"},
        {"executions": [wire.execution_to_json(make_execution(), NO_REASONS)] * 2_000},
        {"differs": {"files": [{"name": "a.py", "values": ["0a" * 32] * 3_000}] * 3}},
        {"text": "é𝄞\n" * 100_000},
    ],
    ids=["metrics", "rows", "table", "text"],
)
def test_no_piece_takes_long(document: Any) -> None:
    longest = max(map(len, encoding.pieces(document)))

    assert encoding.encode(document) == json.dumps(document).encode()
    assert longest < 128 * 1024


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encoding.encode([float("nan")] * 5_000)
