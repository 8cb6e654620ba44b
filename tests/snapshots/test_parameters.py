"""Parameters are read from the code of a notebook and never by running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.core.parameters import Parameter, ParameterType
from jupyter_async_exec.snapshots.parameters import ParameterList, find_parameters

if TYPE_CHECKING:
    from pathlib import Path

T = ParameterType


def find(source: str, language: str | None = "python") -> ParameterList:
    info = {"language_info": {"name": language}} if language else {}
    cells = [
        {"cell_type": "markdown", "source": "x", "metadata": {"tags": ["parameters"]}},
        {"cell_type": "code", "source": "first = 1", "metadata": {}},
        {"cell_type": "code", "source": source, "metadata": {"tags": ["parameters"]}},
        {"cell_type": "code", "source": "z = 1", "metadata": {"tags": ["parameters"]}},
    ]
    return find_parameters({"nbformat": 4, "metadata": info, "cells": cells})


def only(source: str) -> Parameter:
    found = find(source)
    assert found.problem is None
    (parameter,) = found.parameters
    return parameter


@pytest.mark.parametrize(
    ("source", "kind", "default"),
    [
        ("a = 7", T.INT, 7),
        ("a = -1e-3", T.FLOAT, -0.001),
        ("a = True", T.BOOL, True),
        ("a = 'x'", T.STR, "x"),
        ('a = "a#b"', T.STR, "a#b"),
        ('a = """two\nlines"""', T.STR, "two\nlines"),
        ("a = [1,\n     2]", T.LIST, [1, 2]),
        ("a = (1, (2, None))", T.LIST, [1, [2, None]]),
        ("a = {'x': [-1, {}]}", T.DICT, {"x": [-1, {}]}),
        ("a = None", T.NONE, None),
        ("a: float = 3", T.FLOAT, 3),
        ("a: int = None", T.INT, None),
        ("a: 'Optional[int]' = 3", T.INT, 3),
        ("a: typing.Optional[list[int]] = None", T.LIST, None),
        ("a: str | None = None", T.STR, None),
        ("a: Dict[str, int] = {}", T.DICT, {}),
        ("a: Literal['x', 'y'] = 'x'", T.STR, "x"),
        ("a: Annotated[int, 'epochs'] = 3", T.INT, 3),
        ("a: int | float = 1", T.FLOAT, 1),
        ("a: int | str = 1", T.ANY, 1),
        ("a: pd.Timestamp = '2026'", T.ANY, "2026"),
        ("a = 3  # type: float the rate", T.FLOAT, 3),
    ],
)
def test_a_literal_default_is_read_with_its_type(
    source: str, kind: ParameterType, default: Any
) -> None:
    parameter = only(source)

    assert (parameter.name, parameter.type, parameter.default) == ("a", kind, default)
    assert not parameter.required
    assert not parameter.computed


@pytest.mark.parametrize(
    "value",
    [
        "60 * 60",
        "f'{x}'",
        "os.getcwd()",
        "{1: 2}",
        "{1, 2}",
        "[x]",
        "b'x'",
        "1e999",
        "1j",
        "'\\ud800'",
        "'\\0'",
        "{**x}",
        "not True",
        "...",
        "[" * 30 + "]" * 30,
        "!ls -la",
        "%env HOME",
    ],
)
def test_a_default_that_is_no_literal_is_shown_as_written(value: str) -> None:
    parameter = only(f"a = {value}")

    assert parameter.computed
    assert parameter.default is None
    assert parameter.default_source == value
    assert parameter.type is T.ANY


def test_nothing_is_ever_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    call = f"__import__('os').system('touch {mark}')"
    lines = [f"a = {call}", f"b: {call} = 1", f"c: {call!r} = 2", call, f'd = f"{{{call}}}"']

    found = find("\n".join(lines))

    assert [parameter.name for parameter in found.parameters] == ["a", "b", "c", "d"]
    assert not mark.exists()


def test_a_name_without_a_value_is_required() -> None:
    parameter = only("a: int  # how many")

    assert parameter.required
    assert (parameter.type, parameter.annotation, parameter.comment) == (T.INT, "int", "how many")


@pytest.mark.parametrize(
    ("source", "nullable"),
    [("a: int = 1", False), ("a: int | None = 1", True), ("a = None", True), ("a: Any = 1", True)],
)
def test_whether_none_is_allowed_is_known(source: str, nullable: bool) -> None:
    assert only(source).nullable is nullable


def test_comments_belong_to_the_statement_they_follow() -> None:
    found = find("# before\na = [  # first\n  1,  # second\n]\nb = 'x # not this'  # this\nc = 3")

    assert [parameter.comment for parameter in found.parameters] == ["first second", "this", ""]


def test_magics_and_other_statements_are_passed_over() -> None:
    found = find(
        "%matplotlib inline\n!pip list\nimport os\na = 1\nprint?\nif a:\n    %time b = 2\nc = 3"
    )

    assert found.problem is None
    assert [parameter.name for parameter in found.parameters] == ["a", "c"]


def test_a_line_glued_to_the_next_is_a_problem_not_a_default() -> None:
    found = find("a = 1e-3import os")

    assert found.parameters == ()
    assert found.problem is not None


def test_several_names_at_once_are_all_found_and_the_last_value_counts() -> None:
    found = find("a = b = 1\nc, d = 2, 'x'\na = 3.5\n(e, f) = g()")

    assert [(item.name, item.default, item.computed) for item in found.parameters] == [
        ("a", 3.5, False),
        ("b", 1, False),
        ("c", 2, False),
        ("d", "x", False),
        ("e", None, True),
        ("f", None, True),
    ]


@pytest.mark.parametrize(
    "source",
    ["a = (", "a =", "%%bash\na=1", "\0", "a: " + "-" * 100_000 + "1", "(" * 10_000, "\ud800 = 1"],
)
def test_a_cell_that_cannot_be_read_is_a_sentence(source: str) -> None:
    found = find(source)

    assert found.cell_index == 2
    assert found.problem is not None
    assert found.problem.endswith(".")


def test_the_first_tagged_code_cell_counts() -> None:
    found = find("a = 1")

    assert found.cell_index == 2
    assert found.typed
    assert found.language == "python"


def test_a_notebook_without_the_tag_has_none() -> None:
    assert find_parameters({"nbformat": 4, "cells": [], "metadata": {}}) == ParameterList()


@pytest.mark.parametrize(
    ("language", "source", "names"),
    [
        ("R", "lr <- 0.1 # rate\nn = 3\na.b <- 1\nf(x = 3)", ["lr", "n"]),
        ("bash", "NAME='x y'\nexport N=3\necho A=3", ["NAME", "N"]),
        ("julia", "lr = 0.1\nx == 3", ["lr"]),
        ("javascript", "let a = 1;\nconst b = 2;", ["a", "b"]),
    ],
)
def test_of_another_language_only_names_are_known(
    language: str, source: str, names: list[str]
) -> None:
    found = find(source, language)

    assert not found.typed
    assert [parameter.name for parameter in found.parameters] == names
    assert all(item.default is None and item.type is T.ANY for item in found.parameters)


@given(source=st.text(st.characters()) | st.text("ab=:1[](){}'\"#\n %!,|?"))
def test_no_source_makes_it_fail(source: str) -> None:
    for language in ("python", "bash"):
        find(source, language)


@given(
    notebook=st.dictionaries(
        st.sampled_from(["cells", "metadata", "nbformat"]),
        st.lists(st.dictionaries(st.sampled_from(["cell_type", "metadata", "source"]), st.text()))
        | st.text()
        | st.none(),
    )
)
def test_no_notebook_makes_it_fail(notebook: dict[str, Any]) -> None:
    find_parameters(notebook)


def test_any_kind_of_line_break_counts_as_one() -> None:
    found = find("x = 'a'\ry = 1\r\nz = !ls")

    assert [each.name for each in found.parameters] == ["x", "y", "z"]
    assert found.parameters[2].default_source == "!ls"
