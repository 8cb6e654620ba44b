r"""The text of one stream output: merged as it arrives, `\r` and backspace folded."""

from __future__ import annotations

import re
from collections import deque

from jupyter_async_exec.runner.large import Joined, Text

#: Everything on a line up to a `\r` that more text of the same line follows.
#: Sought from the beginning of a line only: a long last part would be tried at each character.
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)


def fold_batch(text: str) -> str:
    r"""Drop from a batch what a later part of it overwrites.

    Appending the result to any `StreamText` gives the same as appending `text`.
    A progress bar of a thousand updates in one batch becomes one update.
    """
    if "\r" not in text or "\b" in text:
        return text
    return _OVERWRITTEN.sub("\r", text)


class StreamText:
    r"""Text that grows at its end like that of a terminal whose lines are replaced whole.

    `\r` followed by text on the same line replaces the line, as nbclient and
    nbconvert have it; a backspace takes back one character of the line. A `\r`
    at the very end waits, because what follows decides.

    Parameters
    ----------
    name
        ``stdout`` or ``stderr``.
    limit
        Keep at most so many characters: the first half and the last half.
    """

    def __init__(self, name: str, *, limit: int | None = None) -> None:
        self.name = name
        self._limit = limit
        self._head: list[str | Text] = []
        self._head_size = 0
        self._rest: deque[str] = deque()
        self._rest_size = 0
        self._left_out = 0
        #: The last line, or its end, if the head does not end with a newline.
        self._line = ""
        self._is_open = False
        self._returned = False

    @property
    def size(self) -> int:
        """Characters kept; exact with a limit only."""
        return self._head_size + self._rest_size + len(self._line)

    def append(self, text: str | Text) -> None:
        """Add `text` at the end."""
        if isinstance(text, Text):
            if self._limit is None and not self._returned and not text.folds:
                self._append_unread(text)
                return
            text = str(text.load())
        if not self._returned and "\r" not in text and "\b" not in text:
            end = text.rfind("\n") + 1
            if end:
                self._keep(self._line + text[:end])
                self._line = text[end:]
            else:
                self._line += text
        else:
            self._read_line()
            first, *others = text.split("\n")
            self._fold(first)
            for other in others:
                self._keep(self._line + ("\r\n" if self._returned else "\n"))
                self._line = ""
                self._returned = False
                self._fold(other)
        if self._limit is not None and len(self._line) > self._limit:
            self._keep(self._line)
            self._line = ""

    @property
    def is_shortened(self) -> bool:
        """Whether something was left out for the limit."""
        return self._left_out > 0

    def render(self) -> str | Joined:
        """Return the text as a notebook holds it."""
        note = ""
        if self._left_out:
            note = f"\n… {self._left_out:,} characters left out here; the log has all of them …\n"
        end = self._line + ("\r" if self._returned else "")
        texts = [part for part in self._head if isinstance(part, str)]
        if len(texts) < len(self._head):
            return Joined([*self._head, end])
        if len(texts) > 1:
            self._head = ["".join(texts)]
        return "".join((*texts, note, *self._rest, end))

    def tail(self, size: int) -> str:
        """Return at least the last `size` characters, if there are so many."""
        parts = [self._line]
        for part in (*self._head, *self._rest)[::-1]:
            if sum(map(len, parts)) >= size:
                break
            parts.append(part if isinstance(part, str) else str(part.load()))
        return "".join(reversed(parts))

    def _append_unread(self, text: Text) -> None:
        """Keep what contains nothing to fold without looking at it."""
        if self._line:
            self._head.append(self._line)
            self._line = ""
        self._head.append(text)
        self._is_open = True

    def _read_line(self) -> None:
        """Have the last line in memory: what comes may fold it."""
        while self._is_open:
            self._is_open = bool(self._head)
            last = self._head.pop() if self._head else ""
            before, newline, line = (
                last if isinstance(last, str) else str(last.load())
            ).rpartition("\n")
            self._line = line + self._line
            if newline:
                self._head.append(before + newline)
                self._is_open = False

    def _fold(self, part: str) -> None:
        """Add a part without newlines to the line."""
        if "\b" in part:
            for character in part:
                self._fold_character(character)
            return
        pieces = part.split("\r")
        for index in range(len(pieces) - 1, -1, -1):
            if pieces[index]:
                replaces = index > 0 or self._returned
                self._line = pieces[index] if replaces else self._line + pieces[index]
                self._returned = index < len(pieces) - 1
                return
        self._returned = self._returned or len(pieces) > 1

    def _fold_character(self, character: str) -> None:
        if character == "\r":
            self._returned = True
        elif character == "\b":
            if not self._returned:
                self._line = self._line[:-1]
        else:
            self._line = character if self._returned else self._line + character
            self._returned = False

    def _keep(self, text: str) -> None:
        self._is_open = False
        if self._limit is None:
            self._head.append(text)
            self._head_size += len(text)
            return
        half = self._limit // 2
        room = half - self._head_size
        if room > 0:
            self._head.append(text[:room])
            self._head_size += len(text[:room])
            text = text[room:]
        if not text:
            return
        self._rest.append(text)
        self._rest_size += len(text)
        while (too_much := self._rest_size - half) > 0:
            first = self._rest.popleft()
            if len(first) > too_much:
                self._rest.appendleft(first[too_much:])
            dropped = min(len(first), too_much)
            self._rest_size -= dropped
            self._left_out += dropped
