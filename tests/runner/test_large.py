"""Large outputs: kept as the text they came in, found again by their place, never half."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.runner.json_text import encode_json, iterate_json, load_json
from jupyter_async_exec.runner.large import (
    CHUNK_BYTES,
    LARGE_BYTES,
    Held,
    OpenFile,
    Stored,
    Text,
    check,
    load_lifted,
    map_large,
)

if TYPE_CHECKING:
    from pathlib import Path

#: What makes it hard to cut a text: escapes, wide characters, and runs of backslashes.
PART = st.sampled_from(
    ["a", "\\", '"', "\n", "\r", "\b", "\x1b", "é", "€", "😀", "\\\\", "\\n", "\\u0041", "ud83d"]
)


def lift(content: bytes) -> Any:
    return load_lifted(memoryview(content))


def loaded(value: Any) -> Any:
    return load_json(b"".join(iterate_json(value)))


@settings(deadline=None, max_examples=50)
@given(st.lists(PART, min_size=1, max_size=6), st.integers(0, 9), st.booleans())
def test_a_large_text_is_what_it_was_wherever_it_is_cut(
    parts: list[str], shift: int, is_ascii: bool
) -> None:
    text = "x" * (CHUNK_BYTES - shift) + "".join(parts) * 40_000
    message = {"data": {"a": text, "b": 1}, "metadata": {"c": [text[:10]]}}
    content = json.dumps(message, ensure_ascii=is_ascii).encode()

    lifted = lift(content)

    assert loaded(lifted) == message
    value = lifted["data"]["a"]
    if isinstance(value, Text):
        assert b"".join(value.plain()).decode() == text
        assert value.folds >= ("\r" in text or "\b" in text)
        assert len(list(value.inside())) > 1


def test_only_what_an_output_shows_stays_unread() -> None:
    text = "y" * LARGE_BYTES
    content = encode_json(
        {"data": {"a": text, "b": {"c": text}}, "metadata": {"d": text}, "text": text, "e": [text]}
    )

    lifted = lift(content)

    assert isinstance(lifted["data"]["a"], Held)
    assert isinstance(lifted["text"], Held)
    assert lifted["data"]["b"] == {"c": text}
    assert lifted["metadata"] == {"d": text}
    assert lifted["e"] == [text]


def test_a_large_text_is_not_copied() -> None:
    content = encode_json({"text": "z" * LARGE_BYTES})

    lifted = lift(content)

    assert lifted["text"].content.obj is content


@pytest.mark.parametrize(
    ("bad", "becomes"),
    [(rb"\ud800", "�"), (rb"\ud83d\ude00", "😀"), (b"\xff", "�"), (b"\xed\xa0\x80", "���")],
    ids=["a lone surrogate", "a pair", "no UTF-8", "a surrogate in UTF-8"],
)
def test_what_is_no_clean_text_is_read_and_cleaned(bad: bytes, becomes: str) -> None:
    content = b'{"data":{"a":"' + b"x" * LARGE_BYTES + bad + b'"}}'

    assert lift(content) == {"data": {"a": "x" * LARGE_BYTES + becomes}}


@pytest.mark.parametrize("bad", [b"\n", b"\x00", b"\\x", b"\\u00g0", b'"', b"\\"])
def test_what_is_no_json_is_refused(bad: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        lift(b'{"data":{"a":"' + b"x" * LARGE_BYTES + bad + b'"}}')


def test_a_large_name_is_only_a_name() -> None:
    value = {"data": {"x" * LARGE_BYTES: 1}}

    assert lift(encode_json(value)) == value


def test_many_small_texts_are_read() -> None:
    value = {"data": {"a": ["x"] * LARGE_BYTES, "b": "y" * LARGE_BYTES}}

    assert lift(encode_json(value)) == value


def test_a_place_in_a_file_is_checked_before_it_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(rb'"good" bad" "no	tab" "\ud800" {"a":1} {"a":NaN} "')
    content = path.read_bytes()
    file = OpenFile(path)

    def believed(text: bytes) -> bool:
        return check(Stored(file, content.index(text), len(text)))

    assert believed(rb'"good"')
    assert believed(rb'{"a":1}')
    assert not believed(rb'good"')
    assert not believed(rb'"good')
    assert not believed(rb'"good" bad"')
    assert not believed(rb'"no	tab"')
    assert not believed(rb'"\ud800"')
    assert not believed(rb'{"a":NaN}')
    assert not check(Stored(file, len(content) - 1, 1))


def test_a_file_that_was_cut_is_said(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b'"abc"')
    value = Stored(OpenFile(path), 0, 5)
    assert value.load() == "abc"

    path.write_bytes(b'"a')

    with pytest.raises(OSError, match="no longer"):
        value.load()


def test_a_value_is_there_after_its_file_lost_its_name(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b'"abc"')
    value = Stored(OpenFile(path), 0, 5)

    path.unlink()

    assert value.load() == "abc"


def test_records_are_changed_only_where_they_are_large() -> None:
    record = {"output": {"text": Held(b'"a"'), "data": {"b": Held(b"[1]"), "c": 2}}, "x": 3}

    assert map_large(record, Text.load) == {
        "output": {"text": "a", "data": {"b": [1], "c": 2}},
        "x": 3,
    }


def test_content_that_is_one_large_text_is_that_text() -> None:
    text = "y" * LARGE_BYTES

    assert lift(encode_json(text)) == text
