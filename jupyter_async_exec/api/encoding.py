"""Large JSON, encoded a little at a time.

Python's encoder keeps all other threads waiting until it is done: 10,000
executions at once halt the server for a quarter of a second, also from a thread.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.json_types import JSONValue

#: So many values, and as many times so many characters, are encoded in one go: below 1 ms.
MOST_VALUES = 3_000
_CHARACTERS_PER_VALUE = 64
#: Of a long text; each becomes up to 12 in JSON.
_CHARACTERS_AT_ONCE = 10_000

_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode


def encode(document: JSONValue) -> bytes:
    """Return what `json.dumps` would, letting others run in between; for a thread.

    Raises
    ------
    ValueError
        It holds a number that is not finite.
    """
    return "".join(pieces(document)).encode()


def is_small(document: JSONValue) -> bool:
    """Whether a document is encoded in one go; tells at once, however large it is."""
    return _left(document, MOST_VALUES) >= 0


def pieces(value: JSONValue) -> Iterator[str]:
    """Yield the JSON of `value`, at most `MOST_VALUES` values at a time."""
    if is_small(value) or not isinstance(value, str | dict | list):
        yield _encode(value)
    elif isinstance(value, str):
        yield '"'
        for start in range(0, len(value), _CHARACTERS_AT_ONCE):
            yield _encode(value[start : start + _CHARACTERS_AT_ONCE])[1:-1]
        yield '"'
    elif isinstance(value, dict):
        between = "{"
        for key, each in value.items():
            yield f"{between}{_encode(key)}: "
            yield from pieces(each)
            between = ", "
        yield "}"
    else:
        between = "["
        for batch in _batches(value):
            yield between
            if len(batch) == 1:
                yield from pieces(batch[0])
            else:
                yield _encode(batch)[1:-1]
            between = ", "
        yield "]"


def _batches(values: list[JSONValue]) -> Iterator[list[JSONValue]]:
    """Yield what may be encoded in one go; what is too large for that, alone."""
    batch: list[JSONValue] = []
    room = MOST_VALUES
    for value in values:
        left = _left(value, room)
        if left < 0 and batch:
            yield batch
            batch = []
            left = _left(value, MOST_VALUES)
        batch.append(value)
        room = left
    if batch:
        yield batch


def _left(value: object, room: int) -> int:
    """Return how many more values there is room for after `value`; negative if it is too large."""
    if isinstance(value, str):
        return room - 1 - len(value) // _CHARACTERS_PER_VALUE
    if isinstance(value, dict | list):
        room -= 1 + len(value)
        for each in value.values() if isinstance(value, dict) else value:
            if room < 0:
                return room
            if isinstance(each, str | dict | list):
                room = _left(each, room)
        return room
    return room - 1
