"""Keeping secret values out of what an execution shows."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.secret_names import REDACTED_CHARACTERS, texts_in
from jupyter_async_exec.runner.json_text import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_async_exec.core.json_types import JSONValue

SHOWN = "***"
#: Of a longer secret the first half is not waited for when a stream breaks off in it.
_LONGEST_OVERLAP = 10_000


class Redactor:
    """Replaces exact secret values, and these as they are written inside quotes.

    Parameters
    ----------
    secrets
        The values; texts of at least 8 characters in them are looked for.
    """

    def __init__(self, secrets: Iterable[JSONValue] = ()) -> None:
        forms = {form for value in secrets for text in texts_in(value) for form in _forms(text)}
        #: The longest first, so that none is taken for a shorter one in it.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, self._forms)))
        #: What the forms are as numbers: 12345678 is also written 12345678.0 or 1.2345678e7.
        self._numbers = frozenset(number for form in forms for number in _numbers(form))
        #: Cell and stream whose last text may be the beginning of a secret, and that text.
        self._held: tuple[int, str, str] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._forms)

    def clean(self, value: Any) -> Any:
        """Return `value`, any JSON or bytes, without secrets; the same object if it has none."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self._pattern.sub(SHOWN, value)
        if isinstance(value, dict):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        if isinstance(value, bytes):
            return self._clean_bytes(value)
        if isinstance(value, Encoded):
            # Any character may be escaped in its JSON text: only the value itself tells.
            loaded = value.load()
            cleaned = self.clean(loaded)
            return value if cleaned == loaded else cleaned
        return SHOWN if self.is_secret(value) else value

    def is_secret(self, value: object) -> bool:
        """Whether this is a number that is a secret, however it is written."""
        if not self._numbers or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        try:
            return float(value) in self._numbers
        except OverflowError:
            return False

    def clean_stream(self, cell_index: int, name: str, text: str) -> str:
        """Return the next text of a stream; what may be half of a secret is held back.

        What another stream held back must have been released before.
        """
        held = self._held
        if held is not None and held[:2] == (cell_index, name):
            text, self._held = held[2] + text, None
        text = self._pattern.sub(SHOWN, text)
        n_held = max((_overlap(text, form) for form in self._forms), default=0)
        if n_held:
            self._held = (cell_index, name, text[-n_held:])
            text = text[:-n_held]
        return text

    def release(
        self, cell_index: int | None = None, name: str = ""
    ) -> Iterator[tuple[int, str, str]]:
        """Give what was held back, unless more of this cell's stream is about to come."""
        held = self._held
        if held is not None and held[:2] != (cell_index, name):
            self._held = None
            yield held

    def _clean_bytes(self, value: bytes) -> bytes:
        for form in self._forms:
            raw = form.encode("utf-8", "replace")
            # Of the same length: something else says where in it what lies.
            value = value.replace(raw, b"*" * len(raw))
        return value


def _forms(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]


def _numbers(form: str) -> Iterator[float]:
    with contextlib.suppress(ValueError):
        number = float(form)
        # Of "00000001" no 1 is hidden: as in texts, what is short stands there by chance.
        if len(repr(number)) >= REDACTED_CHARACTERS:
            yield number


def _overlap(text: str, form: str) -> int:
    """Return how many of the last characters of `text` are the first of `form`, not all of it."""
    longest = min(len(text), len(form) - 1, _LONGEST_OVERLAP)
    return next((n for n in range(longest, 0, -1) if form.startswith(text[-n:])), 0)
