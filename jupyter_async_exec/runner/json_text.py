"""JSON that is always valid and never needs a second copy of a large text in memory."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A text above this is encoded in pieces of this many characters.
_PIECE = 512 * 1024
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def _no_number(_name: str) -> None:
    return None


_decode = json.JSONDecoder(parse_constant=_no_number).decode


class Encoded(ABC):
    """A value that is kept as its JSON text; `iterate_json` copies it."""

    __slots__ = ()

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """Give the JSON text, none of its pieces much larger than a megabyte."""

    def load(self) -> Any:
        """Return the value itself."""
        return load_json(b"".join(self.pieces()))


def load_json(content: bytes | str) -> Any:
    """Parse JSON; `NaN` and `Infinity`, which are none, become `None`, lone surrogates U+FFFD."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    value = _decode(text)
    if "\\ud" in text or "\\uD" in text:
        return _without_surrogates(value)
    return value


def encode_json(value: Any) -> bytes:
    """Return compact UTF-8 JSON of `value`, whatever floats and texts are in it."""
    try:
        return _encode(value).encode()
    except ValueError:  # not finite, or not encodable
        return _encode(_clean(value)).encode()


def iterate_json(value: Any) -> Iterator[bytes]:
    """Give the pieces of `encode_json(value)`, none much larger than a megabyte."""
    for part in json_parts(value):
        if isinstance(part, Encoded):
            yield from part.pieces()
        else:
            yield part


def json_parts(value: Any) -> Iterator[bytes | Encoded]:
    """Give the pieces of the JSON of `value`, each `Encoded` in it as it is."""
    if isinstance(value, Encoded):
        yield value
    elif not _is_large(value):
        yield encode_json(value)
    elif isinstance(value, str):
        yield b'"'
        for start in range(0, len(value), _PIECE):
            yield encode_json(value[start : start + _PIECE])[1:-1]
        yield b'"'
    elif isinstance(value, dict):
        opening = b"{"
        for key, item in value.items():
            yield opening + encode_json(str(key)) + b":"
            yield from json_parts(item)
            opening = b","
        yield b"}"
    else:
        opening = b"["
        for item in value:
            yield opening
            yield from json_parts(item)
            opening = b","
        yield b"]"


def _is_large(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > _PIECE
    if isinstance(value, dict):
        return any(_is_large(item) for item in value.values())
    if isinstance(value, list):
        return len(value) > _PIECE // 64 or any(_is_large(item) for item in value)
    return isinstance(value, Encoded)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("�", value)
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {_without_surrogates(str(k)): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return _without_surrogates(value)
