"""Hostile requests, sent as bytes: a 4xx with a sentence, never a 500, never a hang."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.conftest import Client

FAST = make_notebook("1")
#: Numbers and texts that JSON can carry and hardly anything else.
STRANGE: dict[str, str] = {
    "infinite": "1e400",
    "huge": "1" + "0" * 400,
    "long": "9" * 5000,
    "negative": "-1",
    "surrogate": '"\\ud800"',
    "nul": '"a\\u0000b"',
    "lines": '"a\\r\\nX-Header: b"',
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep_object": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "nan": "NaN",
    "long_text": '"' + "x" * 2_000_000 + '"',
    "list": "[]",
    "object": "{}",
    "null": "null",
    "true": "true",
}
#: Bodies with a place for something strange, and whether that may be taken.
BODIES = {
    ("POST", "executions"): [
        '{"path": %s, "notebook": NOTEBOOK}',
        '{"path": "a.ipynb", "notebook": %s}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "parameters": %s}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "parameters": {"x": %s}}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "kernel_name": %s}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "title": %s}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "request_id": %s}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "options": %s}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "options": {"run_time_limit_s": %s}}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "options": {"memory_limit_bytes": %s}}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "options": {"backend": %s}}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "options": {"resources": {"GPU": %s}}}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "options": {"tags": [%s]}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": 4, "metadata": {}, "cells": %s}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": 4, "metadata": {"x": %s}, "cells": []}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": %s, "metadata": {}, "cells": []}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": 4, "metadata": {}, "cells": [%s]}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": 4, "metadata": {"kernelspec": {"name": %s}},'
        ' "cells": [{"cell_type": "code", "source": "1", "metadata": {}}]}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": 4, "metadata": {}, "cells":'
        ' [{"cell_type": "code", "source": %s, "metadata": {}}]}}',
        '{"path": "a.ipynb", "notebook": {"nbformat": 4, "metadata": {}, "cells":'
        ' [{"cell_type": "code", "source": "1", "metadata": {}, "outputs": %s}]}}',
        "%s",
    ],
    ("POST", "sweeps"): [
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "values": {"x": %s}}',
        '{"path": "a.ipynb", "notebook": NOTEBOOK, "table": [%s]}',
    ],
    ("POST", "gc"): ['{"dry_run": true, "older_than_s": %s}', '{"dry_run": true, "max_bytes": %s}'],
    ("PATCH", "executions/1"): ['{"title": %s}', '{"note": %s}', '{"tags": [%s]}', "%s"],
    ("POST", "executions/1/rerun"): ['{"parameters": {"x": %s}}', '{"title": %s}', "%s"],
    ("POST", "executions/1/restore"): ['{"folder": %s}', "%s"],
    ("POST", "executions/1/pin"): ['{"pinned": %s}', "%s"],
    ("PATCH", "status"): ['{"slots": %s}', "%s"],
    ("PUT", "notebooks/a.ipynb/goal"): ['{"metric": %s, "direction": "minimise"}', "%s"],
    ("POST", "notebooks/a.ipynb/parameters"): ['{"notebook": %s}', "%s"],
}
#: Larger requests are read by a process of their own, which takes a second.
IN_A_PROCESS_BYTES = 250_000
IN_A_PROCESS = (
    '{"path": "a.ipynb", "notebook": %s}',
    '{"path": "a.ipynb", "notebook": NOTEBOOK, "parameters": {"x": %s}}',
)
RAW = [
    b"",
    b"\xff\xfe",
    b"\x00",
    b"{",
    b'{"path": "a.ipynb", "path": "b.ipynb", "notebook": 1}',
    b"PK\x03\x04",
    b"path=a.ipynb&notebook=1",
    b'{"__proto__": {}}',
    "\ufeff{}".encode(),
    "{}".encode("utf-16"),
]
QUERIES = [
    "executions?q=%22%2A%28%29%20NEAR%20OR%20AND",
    "executions?q=%00",
    "executions?q=%ff%fe",
    "executions?q=" + "x" * 5_000,
    "executions?q=" + "a%20" * 2_000,
    "executions?notebook=%00",
    "executions?notebook=..%2F..",
    "executions?status=%00",
    "executions?tag=%27%3B%20DROP%20TABLE%20executions%3B--",
    "executions?sweep=%27%20OR%201%3D1",
    "executions?cursor=99999999999999999999999",
    "executions?cursor=-1",
    "executions?limit=1e3",
    "executions?limit=%D9%A3",
    "executions?limit=1&limit=2",
    "executions?starred=maybe",
    "executions/1/log?offset=-999999999999999999",
    "executions/1/log?offset=999999999999999999",
    "executions/1/notebook?version=%00",
    "executions/1/metrics?name=%00",
    "contents/..%2f..%2fetc%2fpasswd?content=1",
    "contents/1/artifacts/..%2f..%2f..%2fstore.sqlite",
    "contents/%00",
    "contents/1/%ff.ipynb?type=%00&format=%00&content=%00",
    "notebooks/..%2f..%2fetc%2fpasswd/parameters",
    "notebooks/%2fetc%2fpasswd/parameters",
    "notebooks/%00/parameters",
    "notebooks/%ff/parameters",
    "notebooks/a%0ab.ipynb/parameters",
    "notebooks/" + "x" * 400 + "/parameters",
    "executions/%00",
    "executions/%ff",
    "executions/1%0d%0aX-Header:%20x",
    "executions/\u0661".encode().decode("latin-1"),
    "executions/00001",
    "executions/+1",
    "executions/1.0",
]


@pytest.fixture
def ask(http_server_client: Any, jp_base_url: str, jp_auth_header: dict[str, str]) -> Any:
    async def ask(method: str, path: str, body: bytes | None = None) -> Any:
        return await http_server_client.fetch(
            f"{jp_base_url}async-exec/{path}",
            method=method,
            body=body,
            headers=jp_auth_header,
            request_timeout=30,
            raise_error=False,
        )

    return ask


def is_told(answer: Any) -> bool:
    """Whether an answer is good, or a refusal with a sentence in JSON."""
    if answer.code < 400:
        return True
    if answer.code >= 500:
        return False
    problem = json.loads(answer.body)
    return bool(problem["message"].endswith(".")) and "Traceback" not in problem["message"]


@pytest.mark.slow
async def test_strange_values_in_every_field_are_taken_or_refused_with_a_sentence(
    client: Client, ask: Any
) -> None:
    await client.post("executions", {"path": "a.ipynb", "notebook": FAST})
    await client.finished(1)
    # Nothing of it has to run.
    await client.call("PATCH", "status", {"slots": 1})
    await client.post(
        "executions",
        {"path": "a.ipynb", "notebook": make_notebook("import time; time.sleep(600)")},
    )
    bad = []
    for (method, path), templates in BODIES.items():
        for template in templates:
            for name, strange in STRANGE.items():
                if len(strange) > IN_A_PROCESS_BYTES and template not in ("%s", *IN_A_PROCESS):
                    continue
                body = template.replace("NOTEBOOK", json.dumps(FAST)).replace("%s", strange)
                answer = await ask(method, path, body.encode())
                if not is_told(answer):
                    bad.append((method, path, template, name, answer.code, answer.body[:300]))
        for raw in RAW:
            answer = await ask(method, path, raw)
            if not is_told(answer):
                bad.append((method, path, "raw", repr(raw[:40]), answer.code, answer.body[:300]))

    assert bad == []
    page = (await client.get("executions", limit=200)).json["executions"]
    for execution in page:
        if execution["status"] in {"queued", "running"}:
            await client.post(f"executions/{execution['number']}/cancel")


async def test_strange_addresses_are_answered_or_refused_with_a_sentence(
    client: Client, ask: Any, jp_root_dir: Path
) -> None:
    await client.post("executions", {"path": "a.ipynb", "notebook": FAST})
    await client.finished(1)

    async with asyncio.timeout(60):
        answers = {path: await ask("GET", path) for path in QUERIES}

    assert {path: a.body for path, a in answers.items() if not is_told(a)} == {}
    assert not any(b"root:" in answer.body for answer in answers.values())
