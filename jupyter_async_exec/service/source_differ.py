"""What differs between two sources, by nbdime where it is installed: the only way to it."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import logging
import operator
import time
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from jupyter_async_exec.core.differences import CellDifference, compare_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jupyter_async_exec.core.differences import Cell

ItemT = TypeVar("ItemT")

#: Somebody waits for the comparison; afterwards our own differ does the rest.
LIMIT_S = 2.0
#: One look of nbdime at two cells or lines takes up to a second when they are longer, and
#: cannot be ended.
LONGEST_TEXT = 5_000
#: It looks at each pair of what differs: of cells, and of the lines of a cell.
MOST_PAIRS = 250_000
#: Lines shown before and after a change, as `core.differences` has it.
_N_AROUND = 2
_log = logging.getLogger(__name__)


class _TimeIsUpError(Exception):
    """It would take too long."""


class SourceDiffer:
    """Compares sources within some time; synchronous, for one thread.

    Parameters
    ----------
    limit_s
        For all comparisons together nbdime gets so long.
    is_nbdime_wanted
        False for our own differ everywhere.
    clock
        Monotonic, in seconds.

    Notes
    -----
    nbdime aligns cells, and lines within cells, that are alike rather than
    equal, by its own heuristics. Cells get no ids and outputs: a snapshot has
    none.
    """

    def __init__(
        self,
        *,
        limit_s: float = LIMIT_S,
        is_nbdime_wanted: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._until_s = clock() + limit_s
        self._is_wanted = is_nbdime_wanted and importlib.util.find_spec("nbdime") is not None

    def compare(self, before: Sequence[Cell], after: Sequence[Cell]) -> list[CellDifference]:
        """Return which cells differ and how, as `compare_cells` does.

        Imports nbdime, and computes: call it in a thread.
        """
        if self._is_wanted:
            try:
                return self._compare(before, after)
            except _TimeIsUpError:
                pass
            except Exception:  # noqa: BLE001  what shows a difference must not fail for how it is found
                _log.warning("nbdime failed; sources are compared without it.", exc_info=True)
                self._is_wanted = False
        return compare_cells(before, after)

    def _compare(self, before: Sequence[Cell], after: Sequence[Cell]) -> list[CellDifference]:
        from nbdime.diffing.notebooks import notebook_predicates

        old, new = ([_to_notebook(cell) for cell in cells] for cells in (before, after))
        alike = self._align(old, new, notebook_predicates["/cells"])
        found: list[CellDifference] = []
        place, after_place = 0, 0
        for i, j in [*alike, (len(before), len(after))]:
            found += (_removed(before, each) for each in range(place, i))
            found += (_added(after, each) for each in range(after_place, j))
            if i < len(before) and before[i] != after[j]:
                found.append(
                    CellDifference(change="changed", kind=after[j].kind, before=i, after=j)
                )
            place, after_place = i + 1, j + 1
        return [
            dataclasses.replace(each, lines=tuple(self._lines(before, after, each)))
            for each in found
        ]

    def _lines(
        self, before: Sequence[Cell], after: Sequence[Cell], found: CellDifference
    ) -> Iterator[str]:
        from nbdime.diffing.generic import compare_strings_approximate

        old = [] if found.before is None else before[found.before].source.splitlines()
        new = [] if found.after is None else after[found.after].source.splitlines()
        alike = self._align(old, new, [compare_strings_approximate, operator.eq])
        same = [(i, j, 1) for i, j in alike if old[i] == new[j]]
        for group in _Aligned(old, new, same).get_grouped_opcodes(_N_AROUND):
            (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
            yield f"@@ -{_span(i1, i2)} +{_span(j1, j2)} @@"
            for kind, i1, i2, j1, j2 in group:
                if kind == "equal":
                    yield from (f" {line}" for line in old[i1:i2])
                else:
                    yield from (f"-{line}" for line in old[i1:i2])
                    yield from (f"+{line}" for line in new[j1:j2])

    def _align(
        self,
        old: Sequence[ItemT],
        new: Sequence[ItemT],
        predicates: Sequence[Callable[[ItemT, ItemT], bool]],
    ) -> list[tuple[int, int]]:
        """Return the positions of what nbdime takes for the same, from vague to strict."""
        from nbdime.diffing.snakes import compute_snakes_multilevel

        # What is equal at both ends is not for it: it looks at each pair.
        shorter = min(len(old), len(new))
        head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
        rest = shorter - head
        tail = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
        within = (head, head, len(old) - tail, len(new) - tail)
        self._check(old[head : within[2]], new[head : within[3]])
        snakes: list[tuple[int, int, int]] = []
        if head < within[2] and head < within[3]:
            timed = [self._timed(predicate) for predicate in predicates]
            snakes = compute_snakes_multilevel(old, new, timed, rect=within)
        ends = (len(old) - tail, len(new) - tail, tail)
        return [(i + n, j + n) for i, j, size in [(0, 0, head), *snakes, ends] for n in range(size)]

    def _check(self, old: Sequence[object], new: Sequence[object]) -> None:
        if len(old) * len(new) > MOST_PAIRS or any(
            len(each["source"] if isinstance(each, dict) else str(each)) > LONGEST_TEXT
            for each in (*old, *new)
        ):
            raise _TimeIsUpError

    def _timed(self, predicate: Callable[[ItemT, ItemT], bool]) -> Callable[[ItemT, ItemT], bool]:
        def ask(one: ItemT, other: ItemT) -> bool:
            if self._clock() > self._until_s:
                raise _TimeIsUpError
            return predicate(one, other)

        return ask


class _Aligned(difflib.SequenceMatcher[str]):
    """Texts of which somebody else says what is the same."""

    def __init__(
        self, old: Sequence[str], new: Sequence[str], same: list[tuple[int, int, int]]
    ) -> None:
        super().__init__(None, "", "")
        ends = (len(old), len(new), 0)
        self._blocks = [difflib.Match(*block) for block in (*same, ends)]

    @override
    def get_matching_blocks(self) -> list[difflib.Match]:
        return self._blocks


def _to_notebook(cell: Cell) -> dict[str, Any]:
    return {"cell_type": cell.kind, "source": cell.source, "outputs": []}


def _added(after: Sequence[Cell], index: int) -> CellDifference:
    return CellDifference(change="added", kind=after[index].kind, before=None, after=index)


def _removed(before: Sequence[Cell], index: int) -> CellDifference:
    return CellDifference(change="removed", kind=before[index].kind, before=index, after=None)


def _span(start: int, stop: int) -> str:
    """Return a range of lines as a unified diff writes it."""
    n_lines = stop - start
    first = start + 1 if n_lines else start
    return str(first) if n_lines == 1 else f"{first},{n_lines}"
