"""The source of a notebook: one form for equal code, and only our error for the rest."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.errors import InvalidRequestError
from jupyter_async_exec.snapshots.notebook import kernel_of, normalise


def make_notebook(*cells: Any, metadata: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": metadata or {},
        "cells": list(cells),
        **changes,
    }


def make_cell(source: Any = "x = 1", kind: str = "code", **changes: Any) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source, "id": "abc"}
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
    return cell | changes


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_what_running_a_notebook_changes_is_left_out() -> None:
    untouched = make_notebook(make_cell("print(1)"), make_cell("# title", "markdown"))
    run = make_notebook(
        make_cell(
            ["print", "(1)"],
            id="other",
            execution_count=7,
            outputs=[{"output_type": "display_data", "data": {"x": math.nan}, "metadata": {}}],
            metadata={
                "execution": {"iopub.execute_input": "2026"},
                "ExecuteTime": {},
                "papermill": {"duration": 1.0},
                "collapsed": True,
                "scrolled": False,
                "trusted": True,
                "jupyter": {"outputs_hidden": True},
            },
        ),
        make_cell("# title", "markdown", metadata={"jp-MarkdownHeadingCollapsed": True}),
        metadata={"widgets": {"state": {}}, "papermill": {}, "signature": "x"},
        nbformat_minor=2,
    )

    assert normalise(run) == normalise(untouched)


def test_what_a_person_wrote_is_kept() -> None:
    attachments = {"a.png": {"image/png": "aGk="}}
    source = normalise(
        make_notebook(
            make_cell(metadata={"tags": ["parameters", "parameters"], "name": "first"}),
            make_cell("![](attachment:a.png)", "markdown", attachments=attachments),
            make_cell("raw", "raw", metadata={"format": "text/html"}),
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
                "language_info": {"name": "python", "version": "3.11.7"},
                "title": "Study",
            },
        )
    )

    assert [cell["id"] for cell in source["cells"]] == ["cell-0", "cell-1", "cell-2"]
    assert source["cells"][0]["metadata"] == {"tags": ["parameters"], "name": "first"}
    assert source["cells"][1]["attachments"] == attachments
    assert source["cells"][2]["metadata"] == {"format": "text/html"}
    assert source["metadata"] == {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
        "title": "Study",
    }
    assert kernel_of(source) == ("python3", "python")


def test_the_notebook_given_is_not_changed() -> None:
    notebook = make_notebook(make_cell(metadata={"tags": ["a", "a"], "jupyter": {"x": 1}}))
    before = copy.deepcopy(notebook)

    source = normalise(notebook)
    source["cells"][0]["metadata"]["jupyter"]["x"] = 2

    assert notebook == before


def test_nbformat_3_is_upgraded_in_the_copy() -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "old"},
        "worksheets": [
            {
                "cells": [
                    {
                        "cell_type": "heading",
                        "level": 2,
                        "source": ["A\n", "title"],
                        "metadata": {},
                    },
                    {
                        "cell_type": "code",
                        "input": ["x = 1\n", "x"],
                        "outputs": [{"output_type": "pyout"}],
                        "prompt_number": 3,
                        "language": "python",
                        "collapsed": False,
                        "metadata": {},
                    },
                    {"cell_type": "markdown", "source": "text", "metadata": {}},
                ],
                "metadata": {},
            }
        ],
    }

    source = normalise(old)

    assert [cell["source"] for cell in source["cells"]] == ["## A title", "x = 1\nx", "text"]
    assert (source["nbformat"], source["nbformat_minor"]) == (4, 5)


@pytest.mark.parametrize("cells", [0, 2_000])
def test_an_empty_and_a_long_notebook_are_notebooks(cells: int) -> None:
    source = normalise(make_notebook(*[make_cell()] * cells))

    assert len(source["cells"]) == cells
    nbformat.validate(source)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        [],
        "notebook",
        {},
        {"nbformat": 4},
        {"nbformat": "4", "cells": []},
        {"nbformat": 5, "cells": []},
        {"nbformat": 1, "cells": []},
        {"nbformat": 3, "worksheets": None},
        {"nbformat": 3, "worksheets": [None]},
        {"nbformat": 3, "worksheets": [{"cells": [None]}]},
        make_notebook(cells=None),
        make_notebook(cells={}),
        make_notebook(None),
        make_notebook([]),
        make_notebook(make_cell(kind="heading")),
        make_notebook(make_cell(kind={})),  # type: ignore[arg-type]
        make_notebook(make_cell(source=None)),
        make_notebook(make_cell(source=[1])),
        make_notebook(make_cell(source="\ud800")),
        make_notebook(make_cell(source="a\0b")),
        make_notebook(make_cell(metadata=None)),
        make_notebook(make_cell(metadata={"x": math.nan})),
        make_notebook(make_cell(metadata={"x": nested(100_000)})),
        make_notebook(make_cell(metadata={"x": {1: 2}})),
        make_notebook(make_cell(metadata={"x": {1, 2}})),
        make_notebook(make_cell(metadata={"x": 1 << 20_000})),
        make_notebook(make_cell(metadata={"\ud800": 1})),
        make_notebook(make_cell("x", "markdown", attachments=[1])),
        make_notebook(make_cell("x", "markdown", attachments={"a": 1})),
        make_notebook(metadata=[1]),
        make_notebook(metadata={"x": nested(51)}),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_sentence(hostile: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        normalise(hostile)

    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": None, "language_info": 7},
        {"kernelspec": {"name": 3}},
        {"kernelspec": {"display_name": "Only this"}},
        {"kernelspec": {"name": "../../x"}},
        {"authors": "me", "title": 3},
    ],
)
def test_odd_metadata_do_not_stop_a_notebook(metadata: Any) -> None:
    nbformat.validate(normalise(make_notebook(make_cell(), metadata=metadata)))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    notebook=st.fixed_dictionaries(
        {
            "nbformat": st.sampled_from([2, 3, 4]),
            "metadata": st.dictionaries(
                st.sampled_from(["kernelspec", "language_info", "authors", "x"]), json_values
            ),
        },
        optional={
            "cells": st.lists(
                st.fixed_dictionaries(
                    {
                        "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]),
                        "source": st.text() | json_values,
                        "metadata": st.dictionaries(
                            st.sampled_from(["tags", "name", "jupyter", "format", "x"]), json_values
                        ),
                    },
                    optional={
                        "attachments": json_values,
                        "input": json_values,
                        "level": json_values,
                    },
                )
            ),
            "worksheets": json_values,
        },
    )
    | json_values
)
def test_only_our_error_leaves_and_normalising_twice_changes_nothing(notebook: Any) -> None:
    try:
        source = normalise(notebook)
    except InvalidRequestError:
        return

    nbformat.validate(source)
    assert normalise(json.loads(json.dumps(source))) == source
