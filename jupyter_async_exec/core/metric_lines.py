"""Metrics in what a notebook prints, however its lines are cut into pieces.

What prints a million lines must not become slower because one of them could be
a metric: whole batches are searched for lines that begin like an object, in C,
and nothing else is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_async_exec.core.metrics import LONGEST_LINE, Metric, is_name, read_line, read_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set
    from typing import Any

#: Where a notebook's metadata says which ``key: value`` lines are metrics.
OPTION = ("async_exec", "metrics")


class MetricLines:
    """Reads the lines of several streams; each cell and stream is a text of its own.

    Parameters
    ----------
    pairs
        Which names of ``key: value`` lines are metrics; `None` for all, an
        empty set for none.
    """

    def __init__(self, pairs: Set[str] | None = frozenset()) -> None:
        self._pairs = pairs
        self._reads_pairs = pairs is None or bool(pairs)
        #: The line not yet ended; `None` when it is passed over up to its end.
        self._open: dict[tuple[int, str], str | None] = {}

    def feed(self, cell_index: int, stream: str, text: str) -> list[Metric]:
        """Take what a stream goes on with; return the metrics of the lines that ended."""
        key = (cell_index, stream)
        begun = self._open.pop(key, "")
        if begun is None:
            end = text.find("\n")
            if end < 0:
                self._open[key] = None
                return []
            text = text[end + 1 :]
        elif begun:
            text = begun + text
        end = text.rfind("\n") + 1
        rest = text[end:]
        if rest:
            self._open[key] = rest if self._may_matter(rest) else None
        return list(self._read(text, end)) if end else []

    def end(self, cell_index: int | None = None) -> list[Metric]:
        """Return the metrics of lines that never ended, of one cell or of all."""
        found: list[Metric] = []
        for key in [k for k in self._open if cell_index is None or k[0] == cell_index]:
            line = self._open.pop(key)
            if line:
                found.extend(self._read(line + "\n", len(line) + 1))
        return found

    def _may_matter(self, begun: str) -> bool:
        return len(begun) <= LONGEST_LINE and (self._reads_pairs or begun.startswith("{"))

    def _read(self, text: str, end: int) -> Iterator[Metric]:
        if self._reads_pairs:
            for line in text[:end].split("\n"):
                if line.startswith("{"):
                    yield from read_line(line)
                else:
                    yield from read_pairs(line, self._pairs)
            return
        start = 0 if text.startswith("{") else text.find("\n{", 0, end) + 1
        while start or text.startswith("{"):
            stop = text.find("\n", start, end)
            if stop - start <= LONGEST_LINE:
                yield from read_line(text[start:stop])
            start = text.find("\n{", stop, end) + 1
            if not start:
                return


def pairs_of(metadata: Mapping[str, Any]) -> frozenset[str] | None:
    """Return which ``key: value`` lines a notebook opted in: a list of names, or `true` for all.

    Parameters
    ----------
    metadata
        The notebook's; what is no such option opts nothing in.

    Returns
    -------
    frozenset of str, or None
        As `MetricLines` takes it.
    """
    option: Any = metadata
    for name in OPTION:
        option = option.get(name) if isinstance(option, dict) else None
    if option is True:
        return None
    return frozenset(filter(is_name, option)) if isinstance(option, list) else frozenset()
