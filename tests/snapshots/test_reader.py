"""Reading notebook JSON, small and large alike."""

from __future__ import annotations

import asyncio
import errno
import json
import tempfile
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from jupyter_async_exec.errors import InvalidRequestError, UnavailableError
from jupyter_async_exec.snapshots.reader import (
    PORTION_BYTES,
    SMALL_BYTES,
    IncomingJSON,
    read_json_file,
)
from tests.conftest import make_notebook

if TYPE_CHECKING:
    from pathlib import Path


async def read_json(data: bytes, piece_bytes: int = 64 * 1024) -> Any:
    incoming = IncomingJSON()
    try:
        for start in range(0, len(data), piece_bytes):
            await incoming.take(data[start : start + piece_bytes])
        return await incoming.read()
    finally:
        incoming.close()


def large_notebook() -> dict[str, object]:
    notebook = make_notebook("1")
    output = {"output_type": "stream", "name": "stdout", "text": "x" * SMALL_BYTES}
    notebook["cells"][0]["outputs"] = [output]
    return notebook


async def test_a_small_document_is_read_as_it_is() -> None:
    assert await read_json(b'{"a": [1, 2.5, null, "\xc3\xa4"]}') == {"a": [1, 2.5, None, "ä"]}


async def test_a_large_notebook_comes_without_its_outputs() -> None:
    notebook = large_notebook()

    for document in (notebook, {"path": "a.ipynb", "notebook": notebook}):
        read = await read_json(json.dumps(document).encode())

        cells = read.get("notebook", read)["cells"]
        assert cells == make_notebook("1")["cells"]


@pytest.mark.parametrize("piece_bytes", [1000, PORTION_BYTES - 1, 3 * PORTION_BYTES])
async def test_a_large_notebook_comes_whole_in_pieces_of_any_size(piece_bytes: int) -> None:
    notebook = large_notebook()
    notebook["metadata"] = {"note": "é" * PORTION_BYTES}

    read = await read_json(json.dumps(notebook).encode(), piece_bytes)

    assert read["metadata"] == notebook["metadata"]
    assert read["cells"] == make_notebook("1")["cells"]


async def test_what_finds_no_room_is_refused_once_all_has_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)

    with pytest.raises(UnavailableError, match="put down to be read: No space left on device"):
        await read_json(b" " * 3 * PORTION_BYTES + b"{}")


async def test_who_leaves_while_it_is_read_changes_nothing() -> None:
    """The page may go away in every moment; the file is closed when nobody reads it."""
    incoming = IncomingJSON()
    await incoming.take(json.dumps(large_notebook()).encode())

    reading = asyncio.create_task(incoming.read())
    await asyncio.sleep(0)
    incoming.close()

    assert "cells" in await reading


async def test_a_large_file_comes_without_its_outputs(tmp_path: Path) -> None:
    path = tmp_path / "large.ipynb"
    path.write_text(json.dumps(large_notebook()))

    assert (await read_json_file(path))["cells"] == make_notebook("1")["cells"]


@pytest.mark.parametrize("padding", [0, SMALL_BYTES])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "not JSON"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b'["\xff"]', "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
async def test_what_is_not_json_is_refused_with_a_sentence(
    text: bytes, words: str, padding: int
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        await read_json(b" " * padding + text)


async def test_a_module_of_the_user_is_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    assert "cells" in await read_json(json.dumps(large_notebook()).encode())
