from __future__ import annotations

from typing import TYPE_CHECKING

from bench import report
from bench.figures import Sample, duration
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


def test_the_longest_halt_is_that_of_our_slowest_server_in_any_bench() -> None:
    cells, large = make_section("cells"), make_section("large")
    cells.stalls_ms = {"jupyter_async_exec": [(9.0, 2.0)], "jupyter_scheduler": [(900.0, 80.0)]}
    large.stalls_ms = {"jupyter_async_exec": [(12.0, 3.0), (31.0, 4.0)]}

    summary = stalls.summarise([cells, large])

    assert [(goal.reached, goal.holds) for goal in summary.goals] == [("31.0 ms", False)]
    assert [row[:3] for row in summary.tables[0].rows] == [
        ("cells", "jupyter_async_exec", "1"),
        ("cells", "jupyter_scheduler", "1"),
        ("large", "jupyter_async_exec", "2"),
    ]
