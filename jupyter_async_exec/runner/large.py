"""Large values: never parsed or encoded again, but kept and copied as the JSON text they came in.

A picture of 200 MB comes from the kernel as JSON text and ends in a notebook as
JSON text. In between it is looked through once, written to the journal once,
and known from then on by its place there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from jupyter_async_exec.runner.json_text import Encoded, encode_json, load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jupyter_async_exec.core.json_types import JSONObject

#: From this size on a value is kept as its text. Smaller ones are cheaper as
#: objects: keeping one costs two writes and one read of about 10 µs each, and
#: in memory a place takes 200 bytes.
LARGE_BYTES = 32 * 1024
#: Read, checked and copied at once; fits the processor's cache.
CHUNK_BYTES = 256 * 1024

#: Of UTF-8, in bytes.
_WIDEST_CHARACTER = 4
_LONGEST_ESCAPE = len("\\u0000")
_CONTROLS = range(32)
_QUOTE = re.compile(b'"')
#: A whole string; ten times slower than looking for quotes, unless many are escaped.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_MANY_ESCAPED = 64
#: A message with more strings than this has no few large ones worth finding.
_MOST_STRINGS = 2000
#: A character of several bytes at the end, perhaps not all of it.
_LAST_CHARACTER = re.compile(rb"[\xc0-\xff][\x80-\xbf]*\Z")
#: Half of a surrogate pair, which may be a lone one.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: `\r` or a backspace, however written.
_FOLDING = re.compile(rb"\\(?:[rb]|u000[8dD])")


class Text(Encoded):
    """The JSON text of one value, in memory or in a file."""

    __slots__ = ("folds", "size_bytes")

    def __init__(self, size_bytes: int, *, folds: bool) -> None:
        self.size_bytes = size_bytes
        #: Whether a carriage return or a backspace may be in it.
        self.folds = folds

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return a part of the JSON text.

        Raises
        ------
        OSError
            It is no longer there.
        """
        raise NotImplementedError

    @override
    def pieces(self) -> Iterator[bytes]:
        for offset in range(0, self.size_bytes, 4 * CHUNK_BYTES):
            yield self.read(offset, min(4 * CHUNK_BYTES, self.size_bytes - offset))

    @property
    def is_string(self) -> bool:
        """Whether the value is a text."""
        return self.read(0, 1) == b'"'

    def inside(self) -> Iterator[bytes]:
        """Give a text's JSON without its quotes; no piece ends within a character or escape."""
        offset, end = 1, self.size_bytes - 1
        while offset < end:
            chunk = self.read(offset, min(CHUNK_BYTES, end - offset))
            if offset + len(chunk) < end:
                chunk = chunk[: _safe_end(chunk)]
            yield chunk
            offset += len(chunk)

    def plain(self) -> Iterator[bytes]:
        """Give a text that was surveyed as UTF-8, in pieces."""
        for chunk in self.inside():
            yield _unescape(chunk)

    def survey(self) -> bool:
        """Look through a text and learn `folds`; return whether lone surrogates may be in it.

        Raises
        ------
        ValueError
            This is no JSON text.
        """
        has_surrogates = self.folds = False
        for chunk in self.inside():
            if not _is_simple(chunk):
                has_surrogates = has_surrogates or _SURROGATE.search(chunk) is not None
                self.folds = self.folds or _FOLDING.search(chunk) is not None
        return has_surrogates


class Held(Text):
    """A value whose JSON text is in memory."""

    __slots__ = ("content",)

    def __init__(self, content: bytes | memoryview, *, folds: bool = False) -> None:
        super().__init__(len(content), folds=folds)
        #: The JSON text.
        self.content = memoryview(content)

    @override
    def read(self, offset: int, size_bytes: int) -> bytes:
        return bytes(self.content[offset : offset + size_bytes])


class Stored(Text):
    """A value whose JSON text lies in a file."""

    __slots__ = ("_file", "_offset")

    def __init__(
        self, file: OpenFile, offset: int, size_bytes: int, *, folds: bool = False
    ) -> None:
        super().__init__(size_bytes, folds=folds)
        self._file = file
        self._offset = offset

    @override
    def read(self, offset: int, size_bytes: int) -> bytes:
        return self._file.read(self._offset + offset, size_bytes)


class Joined(Encoded):
    """A text made of parts, some of them `Text`."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[str | Text]) -> None:
        self._parts = parts

    @override
    def pieces(self) -> Iterator[bytes]:
        yield b'"'
        for part in self._parts:
            if isinstance(part, str):
                yield encode_json(part)[1:-1]
            else:
                yield from part.inside()
        yield b'"'


class OpenFile:
    """A file to read from at any place, also after it lost its name."""

    def __init__(self, path: Path) -> None:
        self._descriptor = -1
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self) -> None:
        """Close it with the last value that lies in it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return exactly these bytes.

        Raises
        ------
        OSError
            The file does not have them.
        """
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        content = os.read(self._descriptor, size_bytes)
        while len(content) < size_bytes:
            more = os.read(self._descriptor, size_bytes - len(content))
            if not more:
                raise OSError("a large output is no longer in the journal")
            content += more
        return content


def load_lifted(content: memoryview) -> Any:
    """Parse JSON, but leave large outputs in it as `Held`; their memory is that of `content`.

    Raises
    ------
    ValueError
        It is not JSON.
    """
    parts: list[memoryview] = []
    values: list[Held] = []
    position = 0
    try:
        for start, end in _find_large(content):
            held = Held(content[start:end])
            if held.survey():
                return load_json(bytes(content))
            values.append(held)
            parts.append(content[position:start])
            position = end
        return insert([*parts, content[position:]], values)
    except ValueError:
        # The real parser tells, and knows what to do with bad UTF-8.
        return load_json(bytes(content))


def insert(parts: Sequence[bytes | memoryview], values: Sequence[Text]) -> Any:
    """Parse the JSON text that is cut into `parts` by `values`.

    Values stay `Text` where an output has its data or text; others are loaded.

    Raises
    ------
    ValueError
        It is not JSON, or a value is the name of something.
    """
    # A word that nobody can have known stands for each value.
    word = secrets.token_hex(16)
    places = {f"{word}{index}": value for index, value in enumerate(values)}
    text = bytearray(parts[0])
    for name, part in zip(places, parts[1:], strict=True):
        text += b'"%s"' % name.encode()
        text += part
    value = _replace(load_json(bytes(text)), places, ())
    if places:
        raise ValueError("a large text is not a value")
    return value


def hold_large(record: JSONObject) -> tuple[JSONObject, bool]:
    """Return a record with its large outputs as their JSON text, and whether there are any."""
    found = False
    output = record.get("output", record)
    if isinstance(output, dict) and _is_small(output):
        return record, found

    def hold(value: Any) -> Any:
        nonlocal found
        held = _hold(value)
        found = found or isinstance(held, Text)
        return held

    changed = _map_outputs(record, hold)
    return (changed, True) if found else (record, False)


def _is_small(output: JSONObject) -> bool:
    """Whether every value is so short that nothing has to be encoded to know it."""
    data = output.get("data")
    values = (output.get("text"), *data.values()) if isinstance(data, dict) else output.values()
    return all(
        (isinstance(value, str) and len(value) < LARGE_BYTES // _WIDEST_CHARACTER) or value is None
        for value in values
    )


def _hold(value: Any) -> Any:
    match value:
        case str() if len(value) < LARGE_BYTES // _WIDEST_CHARACTER:
            return value
        case str() | dict() | list():
            content = encode_json(value)
            if len(content) >= LARGE_BYTES:
                folds = isinstance(value, str) and ("\r" in value or "\b" in value)
                return Held(content, folds=folds)
    return value


def map_large(record: JSONObject, change: Callable[[Any], Any]) -> JSONObject:
    """Return a record with `change` applied to each `Text` in it."""
    return _map_outputs(record, lambda v: change(v) if isinstance(v, Text) else v)


def _map_outputs(record: JSONObject, change: Callable[[Any], Any]) -> JSONObject:
    """Return a record with `change` applied to all that `_is_output`."""
    output = record.get("output")
    changed = _map_output(record, change)
    if isinstance(output, dict):
        changed["output"] = _map_output(output, change)
    return changed


def _map_output(output: JSONObject, change: Callable[[Any], Any]) -> JSONObject:
    changed = dict(output)
    data = output.get("data")
    if isinstance(data, dict):
        changed["data"] = {name: change(value) for name, value in data.items()}
    if "text" in output:
        changed["text"] = change(output["text"])
    return changed


def check(value: Text) -> bool:
    """Whether what lies there is one JSON value, in valid UTF-8, without lone surrogates."""
    try:
        if not value.is_string:
            json.loads(b"".join(value.pieces()), parse_constant=_refuse)
            return True
        ends = value.read(value.size_bytes - 1, 1) == b'"' and value.size_bytes > 1
        return ends and not value.survey()
    except (ValueError, RecursionError):
        return False


def _refuse(name: str) -> None:
    raise ValueError(name)


def _replace(value: Any, places: dict[str, Text], path: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        text = places.pop(value, None)
        if text is None:
            return value
        return text if _is_output(path) else text.load()
    if isinstance(value, dict):
        return {name: _replace(item, places, (*path, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, places, (*path, "")) for item in value]
    return value


def _is_output(path: tuple[str, ...]) -> bool:
    match path[1:] if path[:1] == ("output",) else path:
        case ("text",) | ("data", _):
            return True
    return False


def _find_large(content: memoryview) -> list[tuple[int, int]]:
    """Return where the large strings are, their quotes included."""
    found: list[tuple[int, int]] = []
    position = 0
    for _ in range(_MOST_STRINGS):
        quote = _QUOTE.search(content, position)
        if quote is None:
            return found
        start = quote.start()
        position = _end_of_string(content, start)
        if position - start >= LARGE_BYTES:
            found.append((start, position))
    return []


def _end_of_string(content: memoryview, start: int) -> int:
    position, n_escaped = start + 1, 0
    while position < len(content):
        chunk = bytes(content[position : position + CHUNK_BYTES])
        found = chunk.find(b'"')
        if found < 0:
            position += len(chunk)
            continue
        position += found + 1
        before = position - 2
        while content[before] == ord("\\"):
            before -= 1
        if (position - before) % 2 == 0:
            return position
        n_escaped += 1
        if n_escaped > _MANY_ESCAPED:
            break
    whole = _STRING.match(content, start)
    if whole is None:
        raise ValueError("a text without an end")
    return whole.end()


def _is_simple(chunk: bytes) -> bool:
    """Whether no escape is in a piece of a JSON text but newlines and quotes.

    Raises
    ------
    ValueError
        It is no piece of a JSON text.
    """
    # Thirty-two searches are faster than any one pass that looks at every byte.
    if any(control in chunk for control in _CONTROLS):
        raise ValueError("a control character in a text")
    if not chunk.isascii():
        chunk.decode()
    if b"\\" not in chunk and b'"' not in chunk:
        return True
    n_quotes = chunk.count(b'\\"') if b'"' in chunk else 0
    if chunk.count(b"\\") == chunk.count(b"\\n") + n_quotes and chunk.count(b'"') == n_quotes:
        return True
    _decode_text(chunk)
    return False


def _safe_end(chunk: bytes) -> int:
    """Return where to cut so that neither a character nor an escape is cut in two."""
    end = len(chunk)
    last_character = _LAST_CHARACTER.search(chunk, max(0, end - _WIDEST_CHARACTER))
    if last_character is not None:
        end = last_character.start()
    last = chunk.rfind(b"\\", max(0, end - _LONGEST_ESCAPE), end)
    if last >= 0:
        n_backslashes = last + 1 - len(chunk[: last + 1].rstrip(b"\\"))
        if n_backslashes % 2 and end - last < _LONGEST_ESCAPE:
            is_long = chunk[last + 1 : last + 2] in (b"u", b"")
            if is_long or last + 1 == end:
                end = last
    if end == 0:
        raise ValueError("not JSON")
    return end


def _unescape(chunk: bytes) -> bytes:
    """Return the UTF-8 of a piece of a JSON text."""
    # Most escapes are newlines and quotes; what is no pair of these has a backslash left.
    plain = chunk.replace(b"\\n", b"\n") if b"\\" in chunk else chunk
    if b"\\" in plain and plain.count(b"\\") == plain.count(b'\\"'):
        plain = plain.replace(b'\\"', b'"')
    return _decode_text(chunk).encode("utf-8", "replace") if b"\\" in plain else plain


def _decode_text(chunk: bytes) -> str:
    return str(json.loads(b'"' + chunk + b'"'))
