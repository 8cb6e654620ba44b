"""Folding: independent of how the text was cut, and like a terminal whose lines are replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.runner.stream_text import StreamText, fold_batch

TEXT = st.text(alphabet="ab\r\n\b", max_size=30)


def fold(*parts: str, limit: int | None = None) -> str:
    stream = StreamText("stdout", limit=limit)
    for part in parts:
        stream.append(part)
    return str(stream.render())


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("a\nb\n", "a\nb\n"),
        ("10%\r20%\r30%", "30%"),
        ("10%\r100%\r\n", "100%\r\n"),
        ("\r1\r2\n\r3", "2\n3"),
        ("abc\b\bX", "aX"),
        ("a\n\bb", "a\nb"),
        ("a\r\nb\r\n", "a\r\nb\r\n"),
    ],
)
def test_folds(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.lists(TEXT, max_size=5))
def test_how_the_text_was_cut_does_not_matter(parts: list[str]) -> None:
    assert fold(*parts) == fold("".join(parts)) == fold(*"".join(parts))


@given(TEXT, TEXT, TEXT)
def test_a_folded_batch_stands_for_the_whole(before: str, batch: str, after: str) -> None:
    assert fold(before, fold_batch(batch), after) == fold(before, batch, after)


def test_a_long_line_after_a_return_is_folded_at_once() -> None:
    # Looked for at every character this would take hours.
    rest = "x" * 2_000_000

    assert fold_batch(f"50%\r60%\r{rest}") == f"\r{rest}"


@given(st.lists(st.text(alphabet="ab\n", max_size=300), max_size=20))
def test_a_limit_keeps_head_and_tail(parts: list[str]) -> None:
    text = "".join(parts)
    kept = fold(*parts, limit=100)

    assert len(kept) < 300
    if len(text) <= 100:
        assert kept == text
    else:
        assert kept.startswith(text[:50])
        assert kept.endswith(text[-20:])
