"""Tables of values: what is read from CSV and JSON, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.core.parameters import Parameter, ParameterType
from jupyter_async_exec.core.sweep_table import read_table
from jupyter_async_exec.core.sweeps import SweepDefinition, expand
from jupyter_async_exec.errors import RefusedError

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject

DECLARED = (
    Parameter(name="lr", type=ParameterType.FLOAT, default=0.1),
    Parameter(name="label", type=ParameterType.STR, default=""),
)


def unfold(text: str, *, typed: bool = True) -> list[JSONObject]:
    definition = SweepDefinition(table=read_table(text))
    return list(expand(definition, DECLARED, typed=typed, fixed={}).trials)


def test_cells_of_csv_are_read_as_the_notebook_declares_them() -> None:
    trials = unfold("lr,label\n0.1,1\n1e-3,two\n")

    assert trials == [{"lr": 0.1, "label": "1"}, {"lr": 0.001, "label": "two"}]
    assert type(trials[0]["label"]) is str


def test_cells_are_guessed_where_the_notebook_declares_nothing() -> None:
    trials = unfold("a,b,c\n0.1,yes,\n2,no,x\n", typed=False)

    assert trials == [{"a": 0.1, "b": "yes", "c": None}, {"a": 2, "b": "no", "c": "x"}]


def test_json_is_taken_as_it_is() -> None:
    assert unfold('[{"lr": 0.1, "label": "1"}]') == [{"lr": 0.1, "label": "1"}]


@pytest.mark.parametrize(
    "text",
    [
        "lr;label\n0.1;a",
        "lr\tlabel\n0.1\ta",
        "\ufefflr, label\r\n\r\n0.1, a\r\n",
        '"lr","label"\n"0.1","a"',
    ],
)
def test_what_spreadsheets_write_is_understood(text: str) -> None:
    assert unfold(text) == [{"lr": 0.1, "label": "a"}]


def test_a_cell_in_quotes_may_hold_commas_and_lines() -> None:
    assert unfold('lr,label\n1,"a, b\nc"\n') == [{"lr": 1.0, "label": "a, b\nc"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n \n", "is empty"),
        ("lr,label\n", "no rows"),
        ("lr,lr\n1,2", "two columns named 'lr'"),
        ("lr,\n1,2", "a column without a name"),
        ("lr,label\n1", "Row 1 of the table has 1 cell, its head 2"),
        ('lr\n"1', "cannot be read as CSV"),
        ("[1, 2]", "list of objects"),
        ("[]", "list of objects"),
        ('{"lr": 1}', "list of objects"),
        ("[{", "is none"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        read_table(text)
