"""Notebook, HTML, artifacts and the contents drive: nothing served may act."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.api.html import clean_html
from tests.api.test_executions import submit
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.api.conftest import Client

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<h2>Title</h2><p>A <b>word</b></p>", "<h2>Title</h2><p>A <b>word</b></p>"),
        ("<style scoped>td {color: red}</style><table><tr><td>1</td></tr></table>",
         "<table><tbody><tr><td>1</td></tr></tbody></table>"),
        ('<img src="data:image/png;base64,AA==" onerror="alert(1)">',
         '<img src="data:image/png;base64,AA==">'),
        ('<a href="javascript:alert(1)">go</a><script>alert(1)</script>', "<a>go</a>"),
        ('<svg onload="alert(1)"><script>alert(1)</script></svg><iframe src="/x"></iframe>', ""),
        ('<p style="background: url(http://example.org)">x</p>', "<p>x</p>"),
    ],
)  # fmt: skip
def test_a_page_shows_text_and_tables_and_nothing_that_acts(source: str, shown: str) -> None:
    assert clean_html(source) == shown


async def test_the_html_page_of_a_notebook_cannot_run_anything(client: Client) -> None:
    notebook = make_notebook(f"from IPython.display import HTML\nHTML({EVIL!r})")
    await submit(client, notebook)
    await client.finished(1)

    answer = await client.get("executions/1/notebook", format="html")

    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;")
    assert "default-src 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_artifact_that_could_act_is_a_download(client: Client) -> None:
    await submit(client, make_notebook(f"open('page.html', 'w').write({EVIL!r})"))
    await client.finished(1)

    answer = await client.get("executions/1/artifacts/page.html")

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")


async def test_the_source_is_the_notebook_without_outputs(client: Client) -> None:
    notebook = make_notebook("6 * 7")
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "old"}]
    await submit(client, notebook)
    await client.finished(1)

    source = (await client.get("executions/1/notebook", version="source")).json

    assert source["cells"][0]["outputs"] == []
    assert source["cells"][0]["source"] == "6 * 7"


async def test_the_drive_gives_the_executed_notebook_read_only(client: Client) -> None:
    await submit(client)
    await client.finished(1)

    model = (await client.get("contents/1/1 a.ipynb", type="notebook", content=1)).json

    assert model["writable"] is False
    assert model["path"] == "1/1 a.ipynb"
    assert model["content"]["cells"][0]["outputs"][0]["data"]["text/plain"] == "42"
    assert (await client.get("contents/1/1 a.ipynb/checkpoints")).json == []


async def test_the_drive_gives_source_artifacts_and_folders(client: Client) -> None:
    await submit(client, make_notebook("open('p.bin', 'wb').write(bytes([255, 0]))"))
    await client.finished(1)

    folder = (await client.get("contents/1", content=1)).json
    source = (await client.get("contents/1/source/1 a.ipynb", content=1)).json
    binary = (await client.get("contents/1/artifacts/p.bin", content=1)).json

    assert [entry["name"] for entry in folder["content"]] == ["1 a.ipynb", "source", "artifacts"]
    assert source["content"]["cells"][0]["outputs"] == []
    assert base64.b64decode(binary["content"]) == bytes([255, 0])


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
async def test_the_drive_refuses_every_change(client: Client, method: str) -> None:
    answer = await client.call(method, "contents/1/1 a.ipynb")

    assert answer.code == 403
    assert answer.json["reason"] == "read_only"


@pytest.mark.parametrize(
    "path", ["contents/7", "contents/x/y.ipynb", "contents/1/note.txt", "contents/1/artifacts/no"]
)
async def test_the_drive_knows_nothing_else(client: Client, path: str) -> None:
    await submit(client)

    assert (await client.get(path)).code == 404


async def test_a_large_artifact_is_downloaded_in_pieces_and_not_opened(client: Client) -> None:
    await submit(client, make_notebook("open('large.bin', 'wb').write(bytes(11_000_000))"))
    await client.finished(1)

    data = (await client.get("executions/1/artifacts/large.bin")).body
    opened = await client.get("contents/1/artifacts/large.bin")
    model = (await client.get("contents/1/artifacts/large.bin", content=0)).json

    assert data == bytes(11_000_000)
    assert opened.code == 413
    assert "11 MB" in opened.json["message"]
    assert model["size"] == 11_000_000


async def test_a_log_read_one_byte_at_a_time_comes_to_its_end(client: Client) -> None:
    await submit(client, make_notebook("print('äöü€')"))
    await client.finished(1)
    text, offset, complete = "", 0, False
    while not complete:
        piece = (await client.get("executions/1/log", offset=offset, limit=1)).json
        text, offset, complete = text + piece["text"], piece["next_offset"], piece["complete"]

    assert "äöü€" in text


@pytest.mark.parametrize("folder", ["../..", "missing", "a/../../.."])
async def test_restoring_to_where_nothing_can_be_written_is_a_sentence(
    client: Client, folder: str
) -> None:
    await submit(client)

    answer = await client.post("executions/1/restore", {"folder": folder})

    assert answer.code in {400, 404}
    assert answer.json["message"].endswith(".")
    assert "Errno" not in answer.json["message"]
