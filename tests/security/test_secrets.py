"""A secret parameter reaches the kernel and nothing else: a canary is looked for everywhere."""

from __future__ import annotations

import asyncio
import json
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from jupyter_async_exec.core.secret_names import is_hidden, is_secret
from jupyter_async_exec.runner.large import Held
from jupyter_async_exec.runner.redaction import Redactor
from tests.api.test_executions import submit
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from tests.api.conftest import Client

#: How a compressed object begins.
ZSTD = b"\x28\xb5\x2f\xfd"
#: Shows the secret in every way a notebook has, whole and in pieces.
SHOWING = """
import sys, json
from IPython.display import HTML, display, update_display
assert db_password == 'CANARY', 'the kernel did not get it'
print(db_password)
print(json.dumps({'at': db_password}), repr(db_password), file=sys.stderr)
for letter in db_password:
    print(letter, end='', flush=True)
print()
print(db_password * 5000)
display(HTML('<b>' + db_password + '</b>'), display_id='x')
update_display(HTML('<i>' + db_password + '</i>'), display_id='x')
import ipywidgets
display(ipywidgets.Text(value=db_password))
from jupyter_async_exec import log_metric
log_metric('loss ' + db_password, 1)
{'a': [db_password]}
"""


def everything_kept(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder as it is and, where it is compressed, as it reads."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = found[str(path)] = path.read_bytes()
            if content.startswith(ZSTD):
                found[f"{path} (plain)"] = (
                    zstandard.ZstdDecompressor().stream_reader(content).read()
                )
    return found


def command_lines() -> bytes:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(lines)


@pytest.mark.slow
async def test_a_secret_reaches_the_kernel_and_nothing_else(
    client: Client,
    tmp_path: Path,
    jp_ws_fetch: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    canary, hidden = secrets.token_hex(12), secrets.token_hex(12)
    monkeypatch.setenv("A_VARIABLE_OF_THE_SERVER", hidden)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    socket = await jp_ws_fetch("api", "events", "subscribe")
    source = SHOWING.replace("'CANARY'", "''.join(" + repr(list(canary)) + ")")
    notebook = make_notebook(
        source,
        "raise ValueError('with ' + db_password)",
        parameters="db_password: str = ''\nn: int = 1",
    )

    execution = await submit(client, notebook, parameters={"db_password": canary, "n": 2})
    seen = [command_lines()]
    while True:
        state = (await client.get("executions/1")).json
        seen.append(command_lines())
        if state["status"] not in {"queued", "running"}:
            break
        await asyncio.sleep(0.05)

    assert state["error"]["evalue"] == "with ***"
    assert state["parameters"]["n"] == 2
    assert is_hidden(execution["parameters"]["db_password"])
    answers = [
        (await client.get(path)).body
        for path in (
            "executions",
            "executions/1",
            "executions/1/notebook",
            "executions/1/log",
            "executions/1/receipt",
        )
    ]
    heard = []
    while True:
        message = json.loads(await socket.read_message())
        heard.append(json.dumps(message).encode())
        if message.get("status") == "failed":
            break
    socket.close()
    kept = everything_kept(tmp_path)
    assert any("objects" in name for name in kept)
    for name, content in [
        *kept.items(),
        *(("process list", line) for line in seen),
        *(("answer", body) for body in answers),
        *(("event", message) for message in heard),
        ("log", caplog.text.encode()),
    ]:
        assert canary.encode() not in content, name
        assert hidden.encode() not in content, name
    assert b"***" in answers[2]
    assert not list((tmp_path / "executions" / "secrets").glob("*.json"))


async def test_a_rerun_asks_for_the_secret_again(client: Client, data_dir: Path) -> None:
    notebook = make_notebook("assert token == 'open sesame'", parameters="token = ''")
    first = await submit(client, notebook, parameters={"token": "open sesame"})
    await client.finished(1)

    refused = await client.post("executions/1/rerun")
    copied = await client.post("executions/1/rerun", {"parameters": first["parameters"]})
    given = await client.post("executions/1/rerun", {"parameters": {"token": "open sesame"}})

    for answer in (refused, copied):
        assert answer.code == 422
        assert answer.json["message"] == (
            "`token` is a secret, and secrets are not kept: give its value again."
        )
    assert (await client.finished(2))["status"] == "succeeded"
    # Equal secrets are seen to be equal, by a fingerprint that tells nothing else.
    assert given.json["parameters"] == first["parameters"]


async def test_a_sweep_that_is_run_again_asks_for_the_secret_again(client: Client) -> None:
    notebook = make_notebook("assert token == 'open sesame'", parameters="token = ''\nn: int = 1")
    body = {"path": "a.ipynb", "notebook": notebook, "values": {"n": [1]}}
    sweep = (await client.post("sweeps", {**body, "parameters": {"token": "closed"}})).json
    await client.finished(1)

    refused = await client.post(f"sweeps/{sweep['id']}/retry")
    given = {"secrets": {"token": "open sesame"}}
    again = await client.post(f"sweeps/{sweep['id']}/retry", given)
    more = await client.post(f"sweeps/{sweep['id']}/add", {"values": {"n": [2]}, **given})

    assert (refused.code, again.code, more.code) == (422, 200, 200)
    assert "`token` is a secret, and secrets are not kept" in refused.json["message"]
    for number in (2, 3):
        assert (await client.finished(number))["status"] == "succeeded"
    assert all(is_hidden(each["parameters"]["token"]) for each in more.json["executions"])


async def test_a_secret_waits_in_a_private_file_and_goes_with_its_execution(
    client: Client, data_dir: Path
) -> None:
    await client.call("PATCH", "status", {"slots": 1})
    await submit(client, make_notebook("import time; time.sleep(600)"))
    await client.until(1, lambda execution: execution["status"] == "running")
    notebook = make_notebook("1", parameters="api_key = ''")

    await submit(client, notebook, parameters={"api_key": "k"}, request_id="twice")
    await submit(client, notebook, parameters={"api_key": "k"}, request_id="twice")

    (file,) = (data_dir / "secrets").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for number in (2, 1):
        await client.post(f"executions/{number}/cancel")
        await client.finished(number)
    async with asyncio.timeout(10):
        while file.exists():
            await asyncio.sleep(0.05)


async def test_a_secret_of_the_wrong_type_is_refused_without_repeating_it(client: Client) -> None:
    notebook = make_notebook("1", parameters="pin: int = 0  # secret\npassword: list = []")

    answer = await client.post(
        "executions",
        {
            "path": "a.ipynb",
            "notebook": notebook,
            "parameters": {"pin": "unspeakable", "password": {"a": "unspeakable"}},
        },
    )

    assert answer.code == 422
    assert b"unspeakable" not in answer.body


async def test_a_secret_that_is_gone_fails_with_a_sentence(client: Client, data_dir: Path) -> None:
    await client.call("PATCH", "status", {"slots": 1})
    await submit(client, make_notebook("import time; time.sleep(600)"))
    await client.until(1, lambda execution: execution["status"] == "running")
    notebook = make_notebook("print(secret)", parameters="secret = ''")
    await submit(client, notebook, parameters={"secret": "gone"})

    for file in (data_dir / "secrets").glob("*.json"):
        file.unlink()
    await client.post("executions/1/cancel")
    execution = await client.finished(2)

    assert (execution["status"], execution["reason"]) == ("failed", "internal")
    assert "give its value again" in execution["message"]
    await client.finished(1)


@pytest.mark.parametrize(
    ("name", "value", "comment"),
    [
        ("password", "x", ""),
        ("dbPassword", "x", ""),
        ("DB_PASSWORD", 1234, ""),
        ("GITHUB_TOKEN", "x", ""),
        ("apiKey", "x", ""),
        ("API_KEY", "x", ""),
        ("aws_secret_access_key", "x", ""),
        ("private_key", "x", ""),
        ("credentials", {"user": "x"}, ""),
        ("passphrase", ["x"], ""),
        ("word", "x", "secret"),
        ("word", "x", "secret: of the data base"),
        ("n", 5, "Secret, never shown"),
    ],
)
def test_these_are_secrets(name: str, value: Any, comment: str) -> None:
    assert is_secret(name, value, comment)


@pytest.mark.parametrize(
    ("name", "value", "comment"),
    [
        ("max_tokens", 100, ""),
        ("token_limit", 5, ""),
        ("tokenizer", "bpe", ""),
        ("primary_key", "id", ""),
        ("keyword", "x", ""),
        ("monkey", "x", ""),
        ("password", "", ""),
        ("password", None, ""),
        ("use_password", True, ""),
        ("pad_token", "<pad>", "not secret"),
        ("mask_token", "<mask>", "secret: false"),
        ("x", 1, "secretary of the club"),
    ],
)
def test_these_are_not(name: str, value: Any, comment: str) -> None:
    assert not is_secret(name, value, comment)


def test_a_secret_that_comes_in_pieces_is_held_back_until_it_is_known() -> None:
    redactor = Redactor(["sesame-open"])
    shown = "".join(redactor.clean_stream(0, "stdout", piece) for piece in "a sesame-open ses")

    rest = "".join(text for _, _, text in redactor.release())

    assert shown + rest == "a *** ses"


def test_short_values_are_not_looked_for_and_long_ones_in_every_form() -> None:
    redactor = Redactor(["short", {"deep": ['with "quotes"\n']}, 12345678])
    text = 'short with "quotes"\n 12345678 ' + json.dumps('with "quotes"\n')

    assert redactor.clean({"a": [text]}) == {"a": ['short *** *** "***"']}
    assert redactor.clean(b"x12345678y") == b"x********y"


def test_a_secret_that_is_a_number_is_one_however_it_is_written() -> None:
    redactor = Redactor([12345678, "00000001"])
    output = {"pin": 12345678, "float": 12345678.0, "n": 1, "yes": True, "large": 10**999}

    assert redactor.clean(output) == {**output, "pin": "***", "float": "***"}


@pytest.mark.parametrize("written", [rb"open\/sesame", rb"op\u0065n/sesame", rb"open/sesame"])
def test_a_secret_in_a_large_value_is_found_however_it_is_escaped(written: bytes) -> None:
    redactor = Redactor(["open/sesame"])
    plain = Held(b'"open door"')

    assert redactor.clean(Held(b'{"a": ["x ' + written + b'"]}')) == {"a": ["x ***"]}
    assert redactor.clean(plain) is plain
