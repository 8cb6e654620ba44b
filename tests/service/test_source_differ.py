"""Sources compared by nbdime and by our own differ: the same answers where there is only one."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.differences import Cell, CellDifference, compare_cells
from jupyter_async_exec.service import source_differ
from jupyter_async_exec.service.source_differ import SourceDiffer

if TYPE_CHECKING:
    from collections.abc import Sequence

LOAD = "import pandas\nframe = pandas.read_csv('data.csv')\nframe = frame.dropna()"
FIT = "model = Model(depth=3, rate=0.01)\nmodel.fit(frame)\nprint(model.score(frame))"
PLOT = "figure, axes = plt.subplots()\naxes.plot(history)\nfigure.savefig('curve.png')"
SAVE = "with open('model.bin', 'wb') as file:\n    pickle.dump(model, file)"
NOTEBOOK = (LOAD, FIT, PLOT, SAVE)


@pytest.fixture(params=["nbdime", "own"])
def differ(request: pytest.FixtureRequest) -> SourceDiffer:
    pytest.importorskip("nbdime")
    return SourceDiffer(limit_s=600, is_nbdime_wanted=request.param == "nbdime")


def code(*sources: str) -> list[Cell]:
    return [Cell("code", source) for source in sources]


def brief(found: Sequence[CellDifference]) -> list[tuple[str, int | None, int | None]]:
    return [(each.change, each.before, each.after) for each in found]


def patched(source: str, lines: Sequence[str]) -> str:
    """Return the lines of `source` as a unified diff changes them."""
    old, new, place = source.splitlines(), [], 0
    for line in lines:
        if header := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+\S+ @@", line):
            start = int(header[1]) - (header[2] != "0")
            new += old[place:start]
            place = start
        elif line[0] == "+":
            new.append(line[1:])
        else:
            assert old[place] == line[1:]
            place += 1
            new += [line[1:]] * (line[0] == " ")
    return "\n".join(new + old[place:])


def test_what_is_the_same_is_not_told(differ: SourceDiffer) -> None:
    assert differ.compare(code(*NOTEBOOK), code(*NOTEBOOK)) == []
    assert differ.compare([], []) == []


def test_a_changed_cell_is_told_line_by_line(differ: SourceDiffer) -> None:
    changed = FIT.replace("0.01", "0.003")

    (found,) = differ.compare(code(*NOTEBOOK), code(LOAD, changed, PLOT, SAVE))

    assert found == CellDifference(
        change="changed",
        kind="code",
        before=1,
        after=1,
        lines=(
            "@@ -1,3 +1,3 @@",
            "-model = Model(depth=3, rate=0.01)",
            "+model = Model(depth=3, rate=0.003)",
            " model.fit(frame)",
            " print(model.score(frame))",
        ),
    )


def test_an_inserted_cell_is_new_and_moves_no_other(differ: SourceDiffer) -> None:
    inserted = "assert len(frame) > 100"

    (found,) = differ.compare(code(*NOTEBOOK), code(LOAD, inserted, FIT, PLOT, SAVE))

    assert brief([found]) == [("added", None, 1)]
    assert found.lines == ("@@ -0,0 +1 @@", f"+{inserted}")


def test_a_deleted_cell_is_gone(differ: SourceDiffer) -> None:
    (found,) = differ.compare(code(*NOTEBOOK), code(LOAD, FIT, SAVE))

    assert brief([found]) == [("removed", 2, None)]
    assert [line[0] for line in found.lines] == ["@", "-", "-", "-"]


def test_a_moved_cell_is_gone_here_and_new_there(differ: SourceDiffer) -> None:
    found = differ.compare(code(*NOTEBOOK), code(FIT, PLOT, SAVE, LOAD))

    assert brief(found) == [("removed", 0, None), ("added", None, 3)]


def test_all_at_once(differ: SourceDiffer) -> None:
    changed = PLOT.replace("curve", "loss")

    found = differ.compare(code(*NOTEBOOK), code(FIT, "# A remark, and no more.", changed))

    assert brief(found) == [
        ("removed", 0, None),
        ("added", None, 1),
        ("changed", 2, 2),
        ("removed", 3, None),
    ]


def test_a_text_that_becomes_code_is_another_cell(differ: SourceDiffer) -> None:
    found = differ.compare([Cell("markdown", LOAD)], code(LOAD))

    assert sorted(each.change for each in found) == ["added", "removed"]


SOURCES = st.lists(
    st.lists(st.sampled_from(["a = 1", "a = 2", "b = 'long enough'", "", "fit(a, b)"]))
    .map("\n".join)
    .map(lambda text: text.strip("\n")),
    max_size=5,
)


@pytest.mark.parametrize("is_nbdime_wanted", [True, False])
@settings(deadline=None, max_examples=60)
@given(before=SOURCES, after=SOURCES)
def test_one_notebook_and_what_differs_are_the_other(
    is_nbdime_wanted: bool, before: list[str], after: list[str]
) -> None:
    differ = SourceDiffer(limit_s=600, is_nbdime_wanted=is_nbdime_wanted)

    found = differ.compare(code(*before), code(*after))

    old = [each.before for each in found if each.before is not None]
    new = {each.after: each for each in found if each.after is not None}
    assert len(set(old)) == len(old)
    kept = iter([source for place, source in enumerate(before) if place not in old])
    made = []
    for place in range(len(after)):
        each = new.get(place)
        if each is None:
            made.append(next(kept))
        else:
            source = "" if each.before is None else before[each.before]
            made.append(patched(source, each.lines))
    assert made == after
    assert next(kept, None) is None


def test_what_would_take_too_long_is_compared_without_nbdime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("nbdime")
    before, after = code(LOAD, FIT), code(LOAD + "\n# more", PLOT, FIT)
    late = iter([0.0, 0.0])
    found = [SourceDiffer(clock=lambda: next(late, 99.0)).compare(before, after)]

    monkeypatch.setattr(source_differ, "MOST_PAIRS", 1)
    found.append(SourceDiffer().compare(before, after))
    monkeypatch.setattr(source_differ, "MOST_PAIRS", 1_000)
    monkeypatch.setattr(source_differ, "LONGEST_TEXT", 10)
    found.append(SourceDiffer().compare(before, after))

    assert found == [compare_cells(before, after)] * 3


def test_a_failure_of_nbdime_is_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    snakes = pytest.importorskip("nbdime.diffing.snakes")

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("Sanity check failed")

    monkeypatch.setattr(snakes, "compute_snakes_multilevel", fail)
    with caplog.at_level(logging.WARNING):
        found = SourceDiffer().compare(code(LOAD), code(FIT))

    assert found == compare_cells(code(LOAD), code(FIT))
    assert "nbdime failed" in caplog.text


def test_without_nbdime_it_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    assert brief(SourceDiffer().compare(code(LOAD), [])) == [("removed", 0, None)]
