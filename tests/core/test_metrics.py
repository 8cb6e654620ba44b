"""What counts as a metric, and what it costs to look for one in lines that hold none."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_async_exec.core.metric_lines import MetricLines, pairs_of
from jupyter_async_exec.core.metric_series import MetricSeries, downsample
from jupyter_async_exec.core.metrics import (
    Metric,
    as_float,
    metric_value,
    read_line,
    read_object,
    read_pairs,
)

LINE = st.one_of(
    st.text(st.characters(exclude_characters="\n"), max_size=12),
    st.sampled_from(["{", "{}", '{"a": 1}', '{"epoch": 3, "b": 0.5}\r', "{'a': 1}", '{"a": NaN}']),
)


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        ('{"epoch": 3, "val_acc": 0.91}', [Metric("val_acc", 0.91, 3)]),
        ('{"step": 7, "epoch": 1, "loss": 2}', [Metric("loss", 2, 7)]),
        ('{"loss": NaN, "x": -Infinity}\r\n', [Metric("loss", "NaN"), Metric("x", "-Infinity")]),
        ('{"loss": "Infinity"}', [Metric("loss", "Infinity")]),
        ('{"a": 1, "ok": true, "b": null, "c": [1], "d": {"e": 1}, "f": "x"}', [Metric("a", 1)]),
        ('{"epoch": 3}', []),
        ('{"epoch": 3.0, "a": 1}', [Metric("a", 1, 3)]),
        ('{"epoch": 3.5, "a": 1}', [Metric("a", 1)]),
        ('{"level": "info", "pid": 12}', []),
        ('{"event": "start", "time": 1.5}', []),
        (' {"a": 1}', []),
        ('text {"a": 1}', []),
        ("{'a': 1}", []),
        ('{"a": 1', []),
        ('{"a": 1} {"b": 2}', []),
        ('[{"a": 1}]', []),
        ('{"a": 1e999}', [Metric("a", "Infinity")]),
        ('{"": 1, "\\u0000": 2}', []),
        ("{" * 50_000 + "}", []),
    ],
)
def test_a_printed_object_is_metrics(line: str, metrics: list[Metric]) -> None:
    assert read_line(line) == metrics


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        ("loss: 0.31", [Metric("loss", 0.31)]),
        ("Epoch 3/10 - loss=0.31, acc = 9e-1", [Metric("loss", 0.31, 3), Metric("acc", 0.9, 3)]),
        ("step: 12 epoch: 1 loss: nan", [Metric("loss", "NaN", 12)]),
        ("\rloss: 0.1\rloss: 0.2", [Metric("loss", 0.2)]),
        ("time: 12:30, done: 50%", []),
        ("loss: 0.3s and n: 5.", [Metric("n", 5)]),
        ("no numbers: here", []),
    ],
)  # fmt: skip
def test_a_line_for_people_is_metrics_where_it_was_opted_in(
    line: str, metrics: list[Metric]
) -> None:
    assert list(read_pairs(line, None)) == metrics


def test_only_the_names_that_were_opted_in_count() -> None:
    assert list(read_pairs("loss: 1 acc: 2", {"acc"})) == [Metric("acc", 2)]


@given(st.lists(LINE, max_size=12), st.randoms(use_true_random=False), st.booleans())
def test_it_does_not_matter_where_the_lines_are_cut(
    lines: list[str], random: Any, pairs: bool
) -> None:
    text = "\n".join(lines)
    reader = MetricLines(None if pairs else frozenset())
    found: list[Metric] = []
    rest = text
    while rest:
        size = random.randint(1, 7)
        found += reader.feed(0, "stdout", rest[:size])
        rest = rest[size:]
    found += reader.end(0)

    expected: list[Metric] = []
    for line in text.split("\n"):
        if line.startswith("{"):
            expected += read_line(line)
        elif pairs:
            expected += read_pairs(line, None)
    assert found == expected


def test_each_cell_and_stream_has_lines_of_its_own() -> None:
    reader = MetricLines()

    reader.feed(0, "stdout", '{"a": ')
    reader.feed(0, "stderr", '{"b": ')
    reader.feed(1, "stdout", '{"c": 3}\n')

    assert reader.feed(0, "stdout", "1}\n") == [Metric("a", 1)]
    assert reader.feed(0, "stderr", "2}\n") == [Metric("b", 2)]


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    reader = MetricLines()

    reader.feed(0, "stdout", "{")
    for _ in range(100):
        reader.feed(0, "stdout", "x" * 10_000)

    assert reader._open == {(0, "stdout"): None}
    assert reader.feed(0, "stdout", '}\n{"a": 1}\n') == [Metric("a", 1)]


@pytest.mark.parametrize(
    ("metadata", "pairs"),
    [
        ({}, frozenset()),
        ({"async_exec": {"metrics": True}}, None),
        ({"async_exec": {"metrics": ["loss", 3, ""]}}, frozenset({"loss"})),
        ({"async_exec": {"metrics": "loss"}}, frozenset()),
        ({"async_exec": ["metrics"]}, frozenset()),
    ],
)
def test_lines_for_people_are_opted_in_by_the_notebook(metadata: Any, pairs: Any) -> None:
    assert pairs_of(metadata) == pairs


@given(st.integers() | st.floats())
@example(10**400)
@example(-(10**400))
@example(2**53 + 1)
def test_every_number_is_a_metric_that_json_can_hold(number: float) -> None:
    value = metric_value(number)

    again = as_float(json.loads(json.dumps(value, allow_nan=False)))
    try:
        expected = float(number)
    except OverflowError:
        expected = math.inf if number > 0 else -math.inf
    assert again == expected or (math.isnan(expected) and math.isnan(again))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.dictionaries(st.text(max_size=3), inner)))  # fmt: skip
def test_no_object_makes_the_reader_raise(value: Any) -> None:
    if isinstance(value, dict):
        read_object(value)
    metric_value(value)


@given(st.lists(st.floats(), max_size=200), st.integers(4, 50))
def test_what_is_left_out_of_a_chart_is_neither_first_last_peak_nor_nan(
    values: list[float], n_points: int
) -> None:
    chosen = downsample(values, n_points)

    assert chosen == sorted(set(chosen))
    assert len(chosen) <= n_points
    shown = [values[at] for at in chosen]
    if values:
        assert {0, len(values) - 1} <= set(chosen)
        finite = [value for value in values if math.isfinite(value)]
        if len(finite) == len(values):
            assert (min(shown), max(shown)) == (min(values), max(values))
        else:
            assert any(not math.isfinite(value) for value in shown)


def test_a_part_of_a_series_knows_its_place() -> None:
    series = MetricSeries("loss")
    for step in range(5):
        series.append(step, 1_000 + step, step / 2)

    part = series.part(2, 4).part(1)

    assert (list(part.steps), list(part.values), part.offset) == ([3], [1.5], 3)
