"""What a bench found, as data and as the page docs/benchmarks.md."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bench.context import Stall
from bench.figures import Sample, duration, number, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(slots=True)
class Table:
    """Rows of text under a heading row."""

    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    #: One sentence above it.
    caption: str = ""

    def add(self, *cells: str) -> None:
        """Append a row."""
        self.rows.append(cells)

    def to_markdown(self) -> str:
        """Return the table as GitHub shows it."""
        lines = [_row(self.head), _row(["---"] * len(self.head)), *map(_row, self.rows)]
        return "\n".join([*([self.caption, ""] if self.caption else []), *lines])


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing to reach, and what was reached."""

    work: str
    must: str
    reached: str
    holds: bool


def at_most(limit: float, yardstick: str, work: str, reached: Sample) -> Goal:
    """Return the goal of needing at most `limit` times what `yardstick` needs."""
    must = f"≤ {limit:.2f} × {yardstick}"
    return Goal(work, must, spread(reached, digits=3), reached.median <= limit)


def within(limit: float, unit: str, work: str, reached: Sample) -> Goal:
    """Return the goal of a median of at most `limit`, in the unit of the sample."""
    must = f"≤ {number(limit)} {unit}"
    return Goal(work, must, spread(reached, unit, digits=3), reached.median <= limit)


@dataclass(slots=True)
class Section:
    """Everything one bench found."""

    name: str
    title: str
    #: What was done, in a few sentences; plain Markdown.
    text: str
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    command: str = ""
    #: A date, and one paragraph about machine and versions.
    measured_at: str = ""
    machine: str = ""
    #: How fast the machine was before every measurement; see `bench.machine.pace_ms`.
    paces_ms: list[float] = field(default_factory=list)
    #: What the event loops of its servers felt in each measurement, by extension.
    stalls_ms: dict[str, list[Stall]] = field(default_factory=dict)

    def to_markdown(self) -> str:
        """Return the section of the page."""
        parts = [f"## {self.title}", self.text]
        if self.measured_at:
            command = f" with `{self.command}`" if self.command else ""
            measured = f"Measured on {self.measured_at}{command}."
            if self.paces_ms:
                loop = duration(Sample.of(each * 1e-3 for each in self.paces_ms))
                measured += f"\nThe fixed loop took {loop} meanwhile."
            parts.append(measured)
        parts += [table.to_markdown() for table in self.tables]
        if self.goals:
            parts.append(_goals(self.goals).to_markdown())
        return "\n\n".join(parts)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Section:
        """Read what `asdict` wrote.

        Raises
        ------
        TypeError
            `fields` are not those of a section.
        """
        made = cls(**fields)
        made.tables = [Table(**table) for table in fields.get("tables", [])]
        made.goals = [Goal(**goal) for goal in fields.get("goals", [])]
        made.stalls_ms = {
            extension: [Stall(*each) for each in found]
            for extension, found in fields.get("stalls_ms", {}).items()
        }
        return made


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _goals(goals: Iterable[Goal]) -> Table:
    table = Table(["Work", "Must reach", "Reached", ""])
    for goal in goals:
        table.add(goal.work, goal.must, goal.reached, "✓" if goal.holds else "short of it")
    return table


def read_results(path: Path) -> dict[str, Section]:
    """Return the sections kept in a results file, by name; none when there is no file."""
    if not path.exists():
        return {}
    return {
        name: Section.from_json(fields)
        for name, fields in json.loads(path.read_text(encoding="utf-8")).items()
    }


def write_results(path: Path, sections: dict[str, Section]) -> None:
    """Keep sections, so that one bench alone can be run again."""
    content = {name: asdict(section) for name, section in sections.items()}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def page(sections: Sequence[Section]) -> str:
    """Return docs/benchmarks.md: the goals first, then every section."""
    machines = list(dict.fromkeys(section.machine for section in sections if section.machine))
    parts = [
        "# Benchmarks",
        "Measured beside the peers, in the same run, alternating; `make bench` writes this page.\n"
        "A figure is the median, in brackets the smallest and the largest; "
        "a ratio is taken round by round.\n"
        "The machine is not equally fast at all times: "
        "a fixed loop of plain Python is timed before each measurement.\n"
        "[What each bench does](../bench/README.md) is described with the code.",
        *machines,
    ]
    goals = [goal for section in sections for goal in section.goals]
    if goals:
        parts += ["## What must hold", _goals(goals).to_markdown()]
    # The goals stand above, once.
    for section in sections:
        plain = Section.from_json({**asdict(section), "goals": []})
        parts.append(plain.to_markdown())
    return "\n\n".join(parts) + "\n"
