"""Executions side by side through REST, and what changed since one succeeded."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.test_executions import submit
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Client

TRAIN = "import json\nprint(json.dumps({'score': rate * 10}))"


def notebook(source: str = TRAIN, *more: str) -> dict[str, Any]:
    return make_notebook(source, *more, parameters="rate: float = 0.5\nname: str = 'a'")


async def test_a_row_for_each_and_the_names_of_what_differs(client: Client) -> None:
    for rate in (0.5, 0.25):
        await submit(client, notebook(), parameters={"rate": rate})
    await submit(client, notebook())
    for number in (1, 2, 3):
        await client.finished(number)

    found = (await client.get("compare", ids="2,1,3,1")).json

    rows = found["executions"]
    assert [row["number"] for row in rows] == [2, 1, 3]
    assert [row["metrics"] for row in rows] == [{"score": 2.5}, {"score": 5.0}, {"score": 5.0}]
    assert [row["parameters"] for row in rows] == [{"rate": 0.25}, {"rate": 0.5}, {}]
    assert rows[2]["defaults"] == {"rate": 0.5, "name": "a"}
    assert all(row["duration_s"] > 0 for row in rows)
    assert found["differs"] == {
        "parameters": ["rate"],
        "metrics": ["score"],
        "environment": [],
        "files": [],
        "code": [],
    }
    assert len({row["environment_id"] for row in rows} - {None}) == 1


async def test_a_default_that_is_given_is_no_difference(client: Client) -> None:
    await submit(client, notebook(), parameters={"rate": 0.5})
    await submit(client, notebook())

    found = (await client.get("compare", ids="1-2")).json

    assert found["differs"]["parameters"] == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
async def test_commit_and_what_changed_since_are_in_receipt_and_comparison(
    client: Client, jp_root_dir: Path
) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=jp_root_dir, check=True)

    (jp_root_dir / "helper.py").write_text("x = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    await submit(client, notebook())
    (jp_root_dir / "helper.py").write_text("x = 2\n")
    await submit(client, notebook())
    git("commit", "-qam", "second")
    (jp_root_dir / "helper.py").write_text("x = 3\n")
    await submit(client, notebook())

    receipts = [(await client.get(f"executions/{n}/receipt")).json["git"] for n in (1, 2, 3)]
    commit, changes = (await client.get("compare", ids="1-3")).json["differs"]["environment"]

    clean, dirty, _ = receipts
    assert (clean["dirty"], clean["diff"]) == (False, "")
    assert (dirty["dirty"], dirty["diff_cut"]) == (True, False)
    assert "--- a/helper.py\n+++ b/helper.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n" in dirty["diff"]
    assert commit == {"name": "commit", "values": [each["commit"][:12] for each in receipts]}
    assert changes["name"] == "uncommitted changes"
    none, one, other = changes["values"]
    assert none == "none"
    assert one.endswith(" (helper.py, +1 -1)")
    assert other.endswith(" (helper.py, +1 -1)")
    assert one != other


async def test_what_differs_in_code_and_files_is_told(client: Client, jp_root_dir: Path) -> None:
    (jp_root_dir / "helper.py").write_text("x = 1")
    await submit(client, notebook())
    (jp_root_dir / "helper.py").write_text("x = 2")
    await submit(client, notebook(TRAIN.replace("10", "100")))

    differs = (await client.get("compare", ids="1-9")).json["differs"]

    assert [each["name"] for each in differs["files"]] == ["helper.py"]
    assert [each["numbers"] for each in differs["code"]] == [[1], [2]]
    (cell,) = differs["code"][1]["cells"]
    assert (cell["change"], cell["before"], cell["after"]) == ("changed", 1, 1)
    assert "+print(json.dumps({'score': rate * 100}))" in cell["lines"]


@pytest.mark.parametrize(
    ("ids", "code"),
    [("", 400), (",", 400), ("1-", 400), ("1-9999999", 400), ("8-9", 400), ("x", 404), ("9", 404)],
)
async def test_what_cannot_be_compared_is_refused(client: Client, ids: str, code: int) -> None:
    answer = await client.get("compare", ids=ids)

    assert answer.code == code
    assert answer.json["message"]


async def test_a_failure_tells_what_changed_since_the_last_success(client: Client) -> None:
    await submit(client, notebook(TRAIN, "ratio = 1"), parameters={"rate": 0.5})
    await client.finished(1)
    await submit(client, notebook(TRAIN, "ratio = 1 / 0"), parameters={"rate": 0.1})
    await client.finished(2)

    worked = (await client.get("executions/1/receipt")).json
    failed = (await client.get("executions/2/receipt")).json

    since = failed["since_success"]
    assert since["sentence"] == "Passed in #1; since then: rate 0.5 → 0.1, cell 3."
    assert [each["after"] for each in since["cells"]] == [2]
    assert since["environment"] == []
    assert worked["since_success"] is None
    assert "papermill" in worked["environment"]["packages"]
    assert failed["environment"]["id"] == worked["environment"]["id"]


async def test_the_default_of_a_secret_is_not_repeated(client: Client) -> None:
    for default in ("sesame", "open sesame"):
        parameters = f"token = {default!r}\npin = 1234  # secret\npad_token = 'x'  # not secret"
        source = "1" if default == "sesame" else "1 / 0"
        await submit(client, make_notebook(source, parameters=parameters))
    for number in (1, 2):
        await client.finished(number)

    compared = (await client.get("compare", ids="1-2")).json
    failed = (await client.get("executions/2/receipt")).json

    shown = {"token": "***", "pin": "***", "pad_token": "x"}
    assert [row["defaults"] for row in compared["executions"]] == [shown, shown]
    assert "sesame" not in failed["since_success"]["sentence"]
    assert failed["since_success"]["parameters"] == []


LOOP = "import json\nfor n in range(50):\n    print(json.dumps({'step': n, 'loss': rate * n}))"


async def test_curves_of_one_metric_are_told_for_all_at_once(client: Client) -> None:
    for rate in (0.5, 0.25):
        await submit(client, notebook(LOOP), parameters={"rate": rate})
    await submit(client, notebook())
    for number in (1, 2, 3):
        await client.finished(number)

    query = {"ids": "2,1,3", "name": "loss", "max_points": 10}
    curves = (await client.get("compare/curves", **query)).json["curves"]

    assert [each["number"] for each in curves] == [2, 1]
    assert all(len(each["values"]) <= 10 for each in curves)
    assert [(each["steps"][-1], each["values"][-1]) for each in curves] == [(49, 12.25), (49, 24.5)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 400),
        ({"ids": "1-200", "name": "a"}, 400),
        ({"ids": "9", "name": "a"}, 404),
        ({"ids": "1", "name": "a", "max_points": 1}, 400),
    ],
)
async def test_curves_that_cannot_be_drawn_are_refused(
    client: Client, query: dict[str, Any], code: int
) -> None:
    answer = await client.get("compare/curves", **query)

    assert answer.code == code
    assert answer.json["message"]
