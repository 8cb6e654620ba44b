"""Metrics through REST: live, sampled for a chart, and only what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.test_executions import submit
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.api.conftest import Client


async def test_metrics_of_a_run_are_on_the_execution_and_point_by_point(client: Client) -> None:
    lines = "\n".join(f'print(\'{{"epoch": {n}, "loss": {1 / 2**n}}}\')' for n in range(4))
    await submit(client, make_notebook(lines, "print('{\"loss\": NaN}')"))

    finished = await client.finished(1)
    answer = (await client.get("executions/1/metrics")).json

    assert finished["metrics"] == {"loss": "NaN"}
    assert [remark["kind"] for remark in finished["remarks"]] == ["nan_metric"]
    (loss,) = answer["metrics"]
    assert loss["steps"] == [0, 1, 2, 3, None]
    assert loss["values"] == [1.0, 0.5, 0.25, 0.125, "NaN"]
    assert (loss["n_points"], loss["offset"], loss["sampled"]) == (5, 0, False)
    assert loss["times_s"] == sorted(loss["times_s"])
    assert answer["complete"] is True


async def test_only_what_is_new_comes_while_it_runs(client: Client, tmp_path: Any) -> None:
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)"
    await submit(client, make_notebook("print('{\"a\": 1}')", wait, "print('{\"a\": 2}')"))
    await client.until(1, lambda execution: execution["metrics"] == {"a": 1})

    first = (await client.get("executions/1/metrics")).json
    go.touch()
    await client.finished(1)
    second = (await client.get("executions/1/metrics", cursor=first["cursor"])).json
    third = (await client.get("executions/1/metrics", cursor=second["cursor"])).json

    assert (first["metrics"][0]["values"], first["complete"]) == ([1.0], False)
    assert (second["metrics"][0]["values"], second["metrics"][0]["offset"]) == ([2.0], 1)
    assert (third["metrics"][0]["values"], third["complete"]) == ([], True)


async def test_a_chart_gets_no_more_points_than_it_shows(client: Client) -> None:
    await submit(
        client,
        make_notebook(
            "from jupyter_async_exec import log_metric\n"
            "for n in range(5000):\n"
            "    log_metric('a', 9 if n == 1234 else 0, step=n)\n    log_metric('b', n)"
        ),
    )
    await client.finished(1)

    query = {"names": "a", "max_points": 20}
    (series,) = (await client.get("executions/1/metrics", **query)).json["metrics"]

    assert len(series["values"]) <= 20
    assert series["sampled"]
    assert series["n_points"] == 5000
    assert series["values"][series["steps"].index(1234)] == 9.0


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "W10", "WyJ4Iiwge31d", "Wzk5OTk5LCAiYSJd"])
async def test_what_is_no_cursor_is_refused(client: Client, cursor: str) -> None:
    await submit(client)

    answer = await client.get("executions/1/metrics", cursor=cursor)

    assert answer.code == 400


async def test_an_execution_without_metrics_has_none(client: Client) -> None:
    await submit(client)

    assert (await client.get("executions/1/metrics")).json["metrics"] == []
    assert (await client.get("executions/2/metrics")).code == 404
