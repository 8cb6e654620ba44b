"""Requests that are large are read as those that are small, and never lie in memory."""

from __future__ import annotations

import json
import tempfile
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_async_exec.api import base
from jupyter_async_exec.api.contract import check_body
from jupyter_async_exec.snapshots.reader import PORTION_BYTES
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.api.conftest import Client

PIECE = b'"' + b"x" * 1_000_000 + b'",'
N_PIECES = 60
DRY_RUN = {"path": "a.ipynb", "dry_run": True, "notebook": make_notebook("1")}


async def send_large(write: Callable[[bytes], Awaitable[None]]) -> None:
    """Send a dry run of 60 MB."""
    head, mark, tail = json.dumps(DRY_RUN).encode().partition(b'"outputs": [')
    await write(head + mark)
    for _ in range(N_PIECES):
        await write(PIECE)
    await write(b'""' + tail)


async def test_a_large_request_is_answered_and_takes_no_memory(
    client: Client, jp_fetch: Callable[..., Awaitable[Any]]
) -> None:
    await client.post("executions", DRY_RUN)
    tracemalloc.start()
    try:
        answer = await jp_fetch(
            "async-exec",
            "executions",
            method="POST",
            body_producer=send_large,
            request_timeout=100,
        )
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.code == 200
    assert peak_bytes < N_PIECES * len(PIECE) / 2


async def test_a_long_table_is_not_checked_on_the_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []

    def check(*request: Any) -> None:
        threads.append(threading.current_thread() is threading.main_thread())
        check_body(*request)

    monkeypatch.setattr(base, "check_body", check)
    notebook = make_notebook("x", parameters="x = 1")
    for n_rows in (2, 1_000):
        table = [{"x": row} for row in range(n_rows)]
        sweep = {"path": "a.ipynb", "notebook": notebook, "table": table, "dry_run": True}
        assert (await client.post("sweeps", sweep)).code == 200

    assert threads == [True, False]


async def test_what_a_stranger_sends_is_kept_nowhere(
    client: Client, jp_fetch: Callable[..., Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.get("status")
    put_down: list[object] = []
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: put_down.append(1))

    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch(
            "async-exec",
            "executions",
            method="POST",
            body="x" * 3 * PORTION_BYTES,
            headers={"Authorization": "token wrong"},
        )

    assert refused.value.code == 403
    assert put_down == []
