"""What attempts on this worker have written since, for a server that follows them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import astuple
from typing import TYPE_CHECKING

from jupyter_async_exec.backends.attempt_folder import keys_in
from jupyter_async_exec.backends.dask.protocol import PIECE_BYTES, State
from jupyter_async_exec.backends.dask.room import ATTEMPTS
from jupyter_async_exec.runner import files
from jupyter_async_exec.runner.lock import is_held
from jupyter_async_exec.runner.result import (
    LARGEST_EVIDENCE_BYTES,
    LARGEST_RESULT_BYTES,
    read_result,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_async_exec.backends.base import AttemptKey
    from jupyter_async_exec.backends.dask.protocol import Content
    from jupyter_async_exec.backends.dask.room import Room
    from jupyter_async_exec.core.json_types import JSONObject

    #: Takes fields and bytes, returns the same.
    Answer = tuple[JSONObject, Content]

#: What is read of an attempt as it grows, and what is read whole, the end last.
GROWING = (files.JOURNAL, files.LOG)
WHOLE = (files.SUPERVISOR, files.RESULT)
#: What is larger (bytes) is not read where it arrives, and is not sent.
_LARGEST_BYTES = {files.SUPERVISOR: LARGEST_EVIDENCE_BYTES, files.RESULT: LARGEST_RESULT_BYTES}
#: So that both together come through, when nothing else has to.
END_BYTES = max(PIECE_BYTES, sum(_LARGEST_BYTES.values()))


async def await_news(room: Room, living: list[AttemptKey], timeout_s: float) -> None:
    """Return when something may have changed, at the latest after the time."""
    waits = [room.backend.wait(key, timeout_s=timeout_s) for key in living]
    tasks = [asyncio.ensure_future(each) for each in (room.changed.wait(), *waits)]
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def find_states(room: Room) -> dict[AttemptKey, State]:
    """Return how far each attempt of a store has come."""
    found = {}
    for key in keys_in(room.directory / ATTEMPTS):
        directory = room.attempt(key)
        # Liveness first: what is dead at this point has written all it ever will.
        alive = key in room.beginning or is_held(directory)
        found[key] = State(
            has_result=has_result(directory),
            journal_bytes=_size_bytes(directory / files.JOURNAL),
            log_bytes=_size_bytes(directory / files.LOG),
            is_alive=alive,
        )
    return found


def has_result(directory: Path) -> bool:
    """Whether an attempt says how it ended: what cannot be read says nothing, here as there."""
    try:
        return read_result(directory) is not None
    except OSError:
        return False


def tell(states: Mapping[AttemptKey, State]) -> JSONObject:
    """Return states as they are told, and come back as what is known."""
    return {str(key): list(astuple(state)) for key, state in states.items()}


def has_ended(known: JSONObject, states: Mapping[AttemptKey, State]) -> bool:
    """Whether an attempt has its result, or lives no more, and that is not known yet."""
    return any(
        (state.has_result, state.is_alive) != (before.has_result, before.is_alive)
        for state, before in ((state, _before(known, key)) for key, state in states.items())
    )


def _before(known: JSONObject, key: AttemptKey) -> State:
    """Return what is known of an attempt; of one that is new, that it has begun."""
    return State.from_json(known.get(str(key), (0, 0, False, True)))


def read_news(room: Room, known: JSONObject, states: dict[AttemptKey, State]) -> Answer:
    """Return what attempts wrote since what is known of them, as much as one message carries."""
    news: JSONObject = {}
    contents: list[bytes] = []
    left_bytes = PIECE_BYTES
    for key, state in states.items():
        before = _before(known, key)
        if state == before or left_bytes <= 0:
            continue
        offsets = before.grown
        is_end = state.has_result or not state.is_alive
        lengths, content = read_files(
            room.attempt(key), offsets, is_end=is_end, limit_bytes=left_bytes
        )
        news[str(key)] = {"offsets": offsets, "lengths": lengths}
        contents.append(content)
        left_bytes -= len(content)
    return news, b"".join(contents)


def read_files(
    directory: Path, offsets: dict[str, int], *, is_end: bool, limit_bytes: int = END_BYTES
) -> tuple[JSONObject, bytes]:
    """Return how much of each file was read, and that one after the other."""
    lengths: JSONObject = {}
    pieces: list[bytes] = []
    for name in GROWING:
        pieces.append(_read_piece(directory / name, offsets[name], limit_bytes))
        lengths[name] = len(pieces[-1])
        limit_bytes -= lengths[name]
    for name in WHOLE if is_end else ():
        # What does not fit comes with the next call, which has more room.
        fits = _size_bytes(directory / name) <= min(limit_bytes, _LARGEST_BYTES[name])
        pieces.append(_read_piece(directory / name, 0, limit_bytes) if fits else b"")
        lengths[name] = len(pieces[-1])
        limit_bytes -= lengths[name]
    return lengths, b"".join(pieces)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read_piece(path: Path, offset: int, limit_bytes: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, limit_bytes, offset) if limit_bytes > 0 else b""
    finally:
        os.close(descriptor)
