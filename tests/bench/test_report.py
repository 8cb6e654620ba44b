from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from bench import report
from bench.context import Stall
from bench.figures import Sample, duration
from bench.servers import OURS, SCHEDULER
from bench.stall_watch import EmptyLoop
from bench.topics import stalls

if TYPE_CHECKING:
    from pathlib import Path


def make_section(name: str = "cells") -> report.Section:
    table = report.Table(["Cells", "ours"])
    table.add("200", "5 ms | 6 ms")
    goals = [report.at_most(1.15, "floor", "200 cells", Sample.of([1.1, 1.2, 1.05]))]
    return report.Section(
        name, name.title(), "What was done.", [table], goals, machine="A machine."
    )


def test_a_goal_holds_by_the_median() -> None:
    assert report.at_most(1.15, "floor", "", Sample.of([1.1, 9.0, 1.0])).holds
    assert not report.within(60, "ms", "", Sample.of([50.0, 61.0, 70.0])).holds


def test_what_was_never_measured_reaches_no_goal() -> None:
    assert not report.at_most(1.15, "floor", "", Sample(())).holds


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    report.write_results(path, {"cells": make_section()})

    assert report.read_results(path)["cells"].to_markdown() == make_section().to_markdown()


def test_the_page_has_goals_first_and_sections_in_their_order() -> None:
    sections = {name: make_section(name) for name in ("sidebar", "lines", "cells")}

    page = report.page([sections[name] for name in ("cells", "lines", "sidebar")])

    places = [
        page.index(f"## {title}") for title in ("What must hold", "Cells", "Lines", "Sidebar")
    ]
    assert places == sorted(places)
    assert page.count("A machine.") == 1


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert "| 200 | 5 ms \\| 6 ms |" in make_section().to_markdown()


def test_a_section_says_how_fast_the_machine_was_meanwhile() -> None:
    section = make_section()
    section.measured_at = "2026-11-22"

    section.paces_ms = [12.0, 20.0, 13.0]

    took = duration(Sample.of([0.012, 0.02, 0.013]))
    assert f"The fixed loop took {took} meanwhile." in section.to_markdown()


def test_the_longest_halt_is_that_of_the_bench_where_ours_halts_most() -> None:
    cells, large = make_section("cells"), make_section("large")
    cells.stalls_ms = {OURS: [Stall(9.0, 24.0)], SCHEDULER: [Stall(900.0, 80.0)]}
    large.stalls_ms = {OURS: [Stall(12.0, 3.0, 8.0), Stall(31.0, 4.0, 40.0), Stall(19.0, 2.0, 9.0)]}

    summary = stalls.summarise([cells, large])

    assert [(goal.reached, goal.holds) for goal in summary.goals] == [
        ("19.0 ms (12.0\u201331.0); an empty loop meanwhile 9.00 (8.00\u201340.0)", True),
        ("24.0 ms", False),
    ]
    assert [row[:2] for row in summary.tables[0].rows] == [
        (f"cells: {OURS}", "1"),
        (f"cells: {SCHEDULER}", "1"),
        (f"large: {OURS}", "3"),
    ]


def test_an_empty_loop_tells_how_late_it_came() -> None:
    with closing(EmptyLoop()) as empty:
        deadline = time.monotonic() + 10
        while empty.take_ms() == 0:
            assert time.monotonic() < deadline
