"""What a notebook declares, and what becomes of values that it does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.api.conftest import Client

NOTEBOOK = make_notebook(
    "n",
    parameters="n: int = 3  # 0 < n <= 10\nact = 'relu'  # choices: relu, tanh\nd = Path('a.csv')",
)
REFUSED = {
    "n": "`n` must be a whole number above 0 and at most 10, not 11.",
    "act": '`act` must be one of "relu", "tanh", not "elu".',
}


async def test_choices_ranges_and_paths_are_told(client: Client) -> None:
    found = (await client.post("notebooks/a.ipynb/parameters", {"notebook": NOTEBOOK})).json

    n, act, d = found["parameters"]
    assert (n["minimum"], n["exclusive_minimum"], n["maximum"]) == (0, True, 10)
    assert n["wanted"] == "a whole number above 0 and at most 10"
    assert (act["choices"], act["minimum"]) == (["relu", "tanh"], None)
    assert (d["path"], d["default"], d["choices"]) == (True, "a.csv", None)


async def test_what_is_not_offered_is_refused_before_anything_is_accepted(client: Client) -> None:
    body = {"path": "a.ipynb", "notebook": NOTEBOOK, "parameters": {"n": 11, "act": "elu"}}

    answer = await client.post("executions", body)

    assert (answer.code, answer.json["reason"]) == (422, "invalid_parameters")
    assert answer.json["details"]["fields"] == REFUSED
    assert (await client.get("executions")).json["executions"] == []


@pytest.mark.parametrize("values", [{"n": "9..11"}, {"n": [1, 11]}])
async def test_a_sweep_out_of_range_is_refused_as_a_whole(
    client: Client, values: dict[str, object]
) -> None:
    body = {"path": "a.ipynb", "notebook": NOTEBOOK, "values": values}

    answer = await client.post("sweeps", body)

    assert (answer.code, answer.json["message"]) == (422, REFUSED["n"])
    assert (await client.get("executions")).json["executions"] == []
