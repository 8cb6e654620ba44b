"""A file becomes JSON in pieces, and the pieces make the same JSON as the whole."""

from __future__ import annotations

import base64
import json

import pytest

from jupyter_async_exec.api import contents
from jupyter_async_exec.errors import InvalidRequestError

TEXT = 'plain "quoted" \\ back, été, 💥💥, \n line \u2028 end'


@pytest.mark.parametrize("portion", [3, 6, 300])
def test_text_in_pieces_is_the_same_text(portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "PORTION", portion)

    found, content = contents._as_json_text(TEXT.encode(), None)

    assert (found, json.loads(b"".join(content))) == ("text", TEXT)


@pytest.mark.parametrize("data", [b"", b"\xff", bytes(range(256)) * 3])
@pytest.mark.parametrize("wanted", [None, "base64"])
def test_bytes_in_pieces_are_the_same_bytes(
    data: bytes, wanted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "PORTION", 6)

    found, content = contents._as_json_text(data, wanted)

    if found == "base64":
        assert base64.b64decode(json.loads(b"".join(content))) == data
    else:
        assert json.loads(b"".join(content)).encode() == data == b""


def test_what_is_no_text_is_not_given_as_text() -> None:
    with pytest.raises(InvalidRequestError, match="not UTF-8"):
        contents._as_json_text(b"\xff", "text")
