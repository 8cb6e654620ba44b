"""What differs: between cells, between environments, between parameters; and said in a sentence."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONObject, JSONValue

#: Two cells less alike than this are not one that was edited.
_ALIKE = 0.4
#: Of a longer cell no lines are compared.
LONGEST_CELL = 200_000
#: Finding the longest common parts takes at most so many steps (about a second); where it
#: may take more, cells are compared by their positions.
_MOST_STEPS = 20_000_000
#: So many characters are looked at to find which cell became which (about 0.3 s); of
#: more, such as some hundred cells all changed, the positions decide.
_MOST_CHARACTERS = 5_000_000
#: In a sentence, so many of each kind are named.
MOST_NAMED = 3
LONGEST_VALUE = 40


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a source notebook, as far as it is compared."""

    #: `code`, `markdown` or `raw`.
    kind: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDifference:
    """A cell that was added, removed or changed."""

    #: `added`, `removed`, `changed`.
    change: str
    kind: str
    #: 0-based positions in the source notebooks.
    before: int | None
    after: int | None
    #: Lines of a unified diff without its header.
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """A named value that changed; `None` where it is not there."""

    name: str
    before: JSONValue
    after: JSONValue


def cells_of(notebook: JSONObject) -> list[Cell]:
    """Return the cells of a normalised source notebook."""
    return [Cell(str(cell["cell_type"]), str(cell["source"])) for cell in notebook["cells"]]


def compare_cells(
    before: Sequence[Cell], after: Sequence[Cell], *, with_lines: bool = True
) -> list[CellDifference]:
    """Return which cells differ, in order; one that moved is removed and added.

    Parameters
    ----------
    before, after
        The cells of two source notebooks. Where too many differ, those at the
        same place are taken for the same cell.
    with_lines
        Whether to tell which lines of a changed cell differ.
    """
    blocks = list(_blocks(before, after))
    closely = sum(_cost(before, old, new) for old, new in blocks) <= _MOST_CHARACTERS
    compare = _compare_block if closely else _compare_in_order
    return [
        dataclasses.replace(each, lines=_lines(before, after, each)) if with_lines else each
        for old, new in blocks
        for each in compare(before, old, after, new)
    ]


def compare_values(
    before: Mapping[str, JSONValue], after: Mapping[str, JSONValue]
) -> list[ValueDifference]:
    """Return which names have another value, in the order of `before`, then of `after`."""
    return [
        ValueDifference(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if (name in before) != (name in after) or not is_same(before[name], after[name])
    ]


def is_same(one: JSONValue, other: JSONValue) -> bool:
    """Whether two JSON values are the same; 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict | list):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return one == other


def facts_of(environment: Mapping[str, Any]) -> dict[str, JSONValue]:
    """Return an environment as flat names and values, packages by their names.

    Other facts have names that no package has: ``Python``, ``processor``.
    """
    gpus = environment.get("gpus")
    facts: dict[str, JSONValue] = {
        "Python": _joined(environment.get("implementation"), environment.get("python")),
        "language": _joined(environment.get("language"), environment.get("version")),
        "folder of packages": environment.get("prefix"),
        "system": environment.get("platform"),
        "processor": environment.get("cpu"),
        "number of processors": environment.get("n_cpus"),
        "graphics processors": ", ".join(map(str, gpus)) if isinstance(gpus, list) else None,
    }
    known: dict[str, JSONValue] = {
        name: value for name, value in facts.items() if value not in (None, "")
    }
    packages = environment.get("packages")
    known.update(packages if isinstance(packages, dict) else {})
    return known


def sentence_part(
    parameters: Sequence[ValueDifference] = (),
    cells: Sequence[CellDifference] = (),
    files: Sequence[str] = (),
    environment: Sequence[ValueDifference] = (),
    *,
    edited: str = "",
) -> str:
    """Say what differs: ``lr 0.01 → 0.003, cells 5 and 7, numpy 1.26 → 2.1``; empty for nothing.

    What is said of changed cells may end with a word, such as `` edited``.
    """
    parts = [
        *_named([_change(each) for each in parameters], "parameter"),
        *_cells_part(cells, edited),
        *_named(list(files), "file"),
        *_named([_change(each) for each in environment], "package"),
    ]
    return ", ".join(parts)


def _blocks(before: Sequence[Cell], after: Sequence[Cell]) -> Iterable[tuple[range, range]]:
    """Give the places where cells differ, or all of it where finding them took too long."""
    there = Counter(after)
    n_pairs = sum(n * there[cell] for cell, n in Counter(before).items())
    if (n_pairs + len(before)) * max(len(before), len(after)) > _MOST_STEPS:
        yield range(len(before)), range(len(after))
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for operation, i1, i2, j1, j2 in matcher.get_opcodes():
        if operation != "equal":
            yield range(i1, i2), range(j1, j2)


def _cost(before: Sequence[Cell], old: range, new: range) -> int:
    return sum(len(before[i].source) + 1 for i in old) * len(new)


def _compare_block(
    before: Sequence[Cell], old: range, after: Sequence[Cell], new: range
) -> Iterable[CellDifference]:
    start = old.start
    for j in new:
        i = _most_alike(before, range(start, old.stop), after[j])
        if i is None:
            yield _added(after, j)
            continue
        yield from (_removed(before, each) for each in range(start, i))
        yield _changed(after, i, j)
        start = i + 1
    yield from (_removed(before, each) for each in range(start, old.stop))


def _compare_in_order(
    before: Sequence[Cell], old: range, after: Sequence[Cell], new: range
) -> Iterable[CellDifference]:
    for i, j in zip(old, new, strict=False):
        if before[i].kind != after[j].kind:
            yield from (_removed(before, i), _added(after, j))
        elif before[i] != after[j]:
            yield _changed(after, i, j)
    n_both = min(len(old), len(new))
    yield from (_removed(before, i) for i in old[n_both:])
    yield from (_added(after, j) for j in new[n_both:])


def _added(after: Sequence[Cell], index: int) -> CellDifference:
    return CellDifference(change="added", kind=after[index].kind, before=None, after=index)


def _changed(after: Sequence[Cell], i: int, j: int) -> CellDifference:
    return CellDifference(change="changed", kind=after[j].kind, before=i, after=j)


def _removed(before: Sequence[Cell], index: int) -> CellDifference:
    return CellDifference(change="removed", kind=before[index].kind, before=index, after=None)


def _most_alike(before: Sequence[Cell], candidates: range, cell: Cell) -> int | None:
    matcher = difflib.SequenceMatcher(None, b=cell.source, autojunk=False)
    best, found = _ALIKE, None
    for index in candidates:
        if before[index].kind != cell.kind:
            continue
        matcher.set_seq1(before[index].source)
        alike = matcher.quick_ratio()
        if alike > best:
            best, found = alike, index
    return found


def _lines(before: Sequence[Cell], after: Sequence[Cell], found: CellDifference) -> tuple[str, ...]:
    # A cell that is new has nothing before it, one that is gone nothing after it.
    old = "" if found.before is None else before[found.before].source
    new = "" if found.after is None else after[found.after].source
    if max(len(old), len(new)) > LONGEST_CELL:
        return ()
    diff = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    return tuple(diff)[2:]


def _cells_part(cells: Sequence[CellDifference], edited: str) -> list[str]:
    parts = []
    for change, word in (("changed", edited), ("added", " added"), ("removed", " removed")):
        places = [
            each.after if each.after is not None else each.before
            for each in cells
            if each.change == change and each.kind == "code"
        ]
        numbers = [str(place + 1) for place in places if place is not None]
        if len(numbers) > MOST_NAMED:
            parts.append(f"{len(numbers)} cells{word}")
        elif numbers:
            parts.append(f"cell{'s' * (len(numbers) > 1)} {_listed(numbers)}{word}")
    return parts


def _named(names: list[str], kind: str) -> list[str]:
    if len(names) <= MOST_NAMED:
        return names
    left = len(names) - MOST_NAMED + 1
    return [*names[: MOST_NAMED - 1], f"{left} more {kind}s"]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _change(difference: ValueDifference) -> str:
    if difference.before is None:
        return f"{difference.name} {shown(difference.after)}"
    if difference.after is None:
        return f"{difference.name} no longer {shown(difference.before)}"
    return f"{difference.name} {shown(difference.before)} → {shown(difference.after)}"


def shown(value: JSONValue) -> str:
    """Return a value as a title shows it: short, a text without quotes."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _joined(*words: object) -> str:
    return " ".join(str(word) for word in words if word)
