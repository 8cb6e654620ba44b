"""Executions survive the way into a row and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.execution import (
    Artifact,
    CellError,
    Execution,
    Limits,
    Reason,
    Remark,
    Status,
)
from jupyter_async_exec.store import codec
from jupyter_async_exec.testing.factories import make_execution

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=9)
COUNT = st.integers(0, 2**53)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
MOMENT = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
EXECUTIONS = st.builds(
    Execution,
    id=TEXT, number=COUNT, status=st.sampled_from(Status),
    reason=st.none() | st.sampled_from(Reason), message=st.none() | TEXT,
    notebook_path=TEXT, title=TEXT, parameters=st.dictionaries(TEXT, JSON), kernel_name=TEXT,
    backend=TEXT, snapshot_id=TEXT, attempt=COUNT, created_at=MOMENT,
    started_at=st.none() | MOMENT, finished_at=st.none() | MOMENT, cells_total=st.none() | COUNT,
    error=st.none() | st.builds(
        CellError, cell_index=COUNT, ename=TEXT, evalue=TEXT,
        traceback=st.lists(TEXT).map(tuple),
    ),
    metrics=st.dictionaries(TEXT, JSON),
    remarks=st.lists(st.builds(Remark, kind=TEXT, message=TEXT, cell_index=st.none() | COUNT))
    .map(tuple),
    tags=st.lists(TEXT).map(tuple), starred=st.booleans(), deleted_at=st.none() | MOMENT,
    limits=st.builds(Limits, run_time_s=st.none() | st.floats(0, 1e9), memory_bytes=st.none()),
    provenance=st.dictionaries(TEXT, JSON),
    artifacts=st.lists(
        st.builds(Artifact, name=TEXT, object_id=TEXT, size_bytes=COUNT, media_type=TEXT)
    ).map(tuple),
    rev=COUNT,
)  # fmt: skip


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(EXECUTIONS)
def test_a_row_holds_everything(execution: Execution) -> None:
    assert codec.load(codec.dump(execution)) == execution


@given(st.text())
def test_clean_text_is_writable_and_stays_clean(text: str) -> None:
    cleaned = codec.clean(text)

    assert "\x00" not in cleaned.encode().decode()
    assert codec.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (float("nan"), "NaN"),
        ([float("inf"), {"x": float("-inf")}], ["Infinity", {"x": "-Infinity"}]),
        ({"\ud800": ("\x00",)}, {"\ufffd": ["\ufffd"]}),
        ("\\u0000", "\\u0000"),
    ],
)
def test_strange_values_become_harmless_ones(value: Any, kept: Any) -> None:
    execution = make_execution(metrics={"m": value})

    assert codec.load(codec.dump(execution)).metrics == {"m": kept}
