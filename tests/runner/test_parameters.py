"""Parameters are data: what arrives is what was given, and no value becomes code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.runner.parameters import inject, translate

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
)


def python(parameters: dict[str, Any]) -> str:
    return translate(parameters, kernel_name="python3", language="python")


@given(VALUES)
def test_python_values_arrive_as_they_were(value: Any) -> None:
    namespace: dict[str, Any] = {}

    exec(python({"x": value}), namespace)

    assert namespace["x"] == value
    assert type(namespace["x"]) is type(value)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), VALUES, min_size=1))
def test_python_is_written_as_papermill_writes_it(parameters: dict[str, Any]) -> None:
    pytest.importorskip("papermill")
    from papermill.translators import PythonTranslator, Translator

    expected = Translator.codify.__func__(PythonTranslator, parameters)

    assert python(parameters) == expected


@pytest.mark.parametrize("name", ["", "a b", "1a", "import", "a=1;b", "x\ny"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidParametersError):
        python({name: 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel_name", "language", "written"),
    [
        ("julia-1.11", "julia", 'x = "\\$(run(`id`)) \\\\ \\" é"'),
        (".net-powershell", "PowerShell", "$x = '$(run(`id`)) \\ \" é'"),
        ("bash", "bash", "x='$(run(`id`)) \\ \" é'"),
        # What papermill writes, `\\xe9`, is a byte of no known encoding there.
        ("ir", "R", 'x = "$(run(`id`)) \\\\ \\" \\U{e9}"'),
    ],
)
def test_nothing_is_interpolated_elsewhere(kernel_name: str, language: str, written: str) -> None:
    code = translate({"x": '$(run(`id`)) \\ " é'}, kernel_name=kernel_name, language=language)

    assert code.splitlines()[1] == written


@pytest.mark.slow
def test_powershell_quotes_cannot_be_left() -> None:
    code = translate({"x": "'; id '\u2019; id"}, kernel_name=".net-powershell", language="")

    assert code.splitlines()[1] == "$x = '''; id ''\u2019\u2019; id'"


def test_what_the_notebook_makes_a_path_stays_one() -> None:
    source = "from pathlib import Path\ndata = Path('a.csv')\nname = 'a'"
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": ["parameters"]}}
    given_values = {"data": "b'.csv", "name": "b"}

    injected = inject(
        {"cells": [cell], "metadata": {}},
        given_values,
        kernel_name="python3",
        language="python",
        cell_id="injected",
    )

    assert injected is not None
    namespace: dict[str, Any] = {}
    exec(f"{source}\n{injected['source']}", namespace)
    assert (namespace["data"], namespace["name"]) == (Path("b'.csv"), "b")
