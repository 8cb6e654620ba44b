"""Handler in the shape of Jupyter's contents API, so that results open as notebooks.

The front end registers a read-only drive on it; what it asks for and relies on
is written in docs/reference/contents-endpoint.md.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_async_exec.api.base import AsyncExecHandler
from jupyter_async_exec.core.clock import format_at, utc_now
from jupyter_async_exec.errors import (
    InvalidRequestError,
    NotFoundError,
    ReadOnlyError,
    TooBigError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject

#: Larger artifacts are downloaded, not opened in a tab.
MAX_OPEN_BYTES = 10 * 1024 * 1024

#: Bytes or characters made into JSON at once; a multiple of 3, as base64 wants.
PORTION = 3 * 64 * 1024

_REF = re.compile(r"[1-9][0-9]{0,17}|[0-9a-f]{32}")


class ContentsHandler(AsyncExecHandler):
    """``contents/{path}``."""

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Return the model of a folder, a notebook or an artifact."""
        path = path.strip("/")
        if path.endswith("/checkpoints"):
            self.finish(json.dumps([]))
            return
        await self._write_model(path)

    @web.authenticated
    @authorized
    async def put(self, _path: str) -> None:
        """Refuse."""
        raise ReadOnlyError("Results are read-only; save a copy instead.")

    post = patch = delete = put

    async def _write_model(self, path: str) -> None:
        parts = path.split("/") if path else []
        if not parts:
            self.write_json(_model("", "directory", None, format="json", content=[]))
            return
        if {".", "..", ""} & set(parts) or not _REF.fullmatch(parts[0]):
            raise _missing(path)
        execution = await self.service.get(parts[0])
        match parts[1:]:
            case [] | ["source"] | ["artifacts"]:
                await self._write_folder(path, execution)
            case ["artifacts", *names]:
                await self._write_artifact(path, execution, "/".join(names))
            case ["source", name] if name.endswith(".ipynb"):
                await self._write_notebook(path, execution, "source")
            case [name] if name.endswith(".ipynb"):
                await self._write_notebook(path, execution, "output")
            case _:
                raise _missing(path)

    async def _write_notebook(self, path: str, execution: Execution, version: str) -> None:
        self._refuse_kind("notebook", "file")
        more = {"partial": version == "output" and not execution.is_final}
        if not self._wants_content():
            self.write_json(_model(path, "notebook", execution, **more))
            return
        notebook = await self.service.open_notebook(execution.id, version=version)
        if self._kind() == "file":
            _refuse_large(path, notebook.size_bytes)
            data = await asyncio.to_thread(b"".join, [each async for each in notebook.pieces])
            await self._write_file(path, execution, data, "application/json")
            return
        # The drive in the page makes its cells read-only.
        model = _model(path, "notebook", execution, format="json", **more)
        await self._write_spliced(model, notebook.pieces)

    async def _write_spliced(self, model: JSONObject, content: AsyncIterator[bytes]) -> None:
        """Answer with `model` and, as its content, JSON that is ready.

        Parsing or writing a large document in one go would stall everybody else.
        """
        head, tail = json.dumps({**model, "content": 0}).encode("ascii").split(b'"content": 0', 1)
        self.set_header("Content-Type", "application/json")
        self.write(head + b'"content": ')
        await self.write_each(content)
        await web.RequestHandler.finish(self, tail)

    async def _write_artifact(self, path: str, execution: Execution, name: str) -> None:
        self._refuse_kind("file", "notebook")
        artifact = await self.service.artifact(execution.id, name)
        size_bytes, media_type = artifact.size_bytes, artifact.media_type
        if not self._wants_content():
            self.write_json(_model(path, "file", execution, mimetype=media_type, size=size_bytes))
            return
        _refuse_large(artifact.name, size_bytes)
        pieces = [piece async for piece in self.service.pieces(artifact)]
        data = await asyncio.to_thread(b"".join, pieces)
        await self._write_file(path, execution, data, media_type)

    async def _write_file(
        self, path: str, execution: Execution, data: bytes, media_type: str
    ) -> None:
        format_, pieces = await asyncio.to_thread(_as_json_text, data, self._format())
        model = _model(path, "file", execution, mimetype=media_type, size=len(data), format=format_)
        await self._write_spliced(model, _one_by_one(pieces))

    async def _write_folder(self, path: str, execution: Execution) -> None:
        self._refuse_kind("directory")
        content = None
        if self._wants_content():
            entries = await self._entries(path, execution)
            content = await asyncio.to_thread(
                lambda: [_model(f"{path}/{name}", kind, execution) for name, kind in entries]
            )
        shape = None if content is None else "json"
        model = _model(path, "directory", execution, format=shape, content=content)
        self.finish(await asyncio.to_thread(json.dumps, model))

    async def _entries(self, path: str, execution: Execution) -> list[tuple[str, str]]:
        name = f"{execution.number} {execution.notebook_path.rpartition('/')[2]}"
        if path.endswith("/source"):
            return [(name, "notebook")]
        if path.endswith("/artifacts"):
            return [(each.name, "file") for each in await self.service.artifacts(execution.id)]
        return [(name, "notebook"), ("source", "directory"), ("artifacts", "directory")]

    def _kind(self) -> str | None:
        return self.get_query_argument("type", None)

    def _format(self) -> str | None:
        return self.get_query_argument("format", None)

    def _wants_content(self) -> bool:
        return self.get_query_argument("content", "1") != "0"

    def _refuse_kind(self, *allowed: str) -> None:
        kind = self._kind()
        if kind is not None and kind not in allowed:
            raise InvalidRequestError(f"It is a {allowed[0]}, not a {kind[:20]}.")


def _refuse_large(name: str, size_bytes: int) -> None:
    if size_bytes > MAX_OPEN_BYTES:
        raise TooBigError(
            f"{name} has {size_bytes / 1e6:.0f} MB; download it instead of opening it."
        )


def _missing(path: str) -> NotFoundError:
    return NotFoundError(f"There is no result at {path[:200]!r}.")


def _model(path: str, kind: str, execution: Execution | None, **changes: object) -> JSONObject:
    created = modified = execution.created_at if execution else utc_now()
    if execution is not None:
        # What still runs must not seem as new as its end, whenever the row says so.
        modified = execution.finished_at or execution.started_at or created
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "type": kind,
        "writable": False,
        "created": format_at(created),
        "last_modified": format_at(modified),
        "size": None,
        "mimetype": None,
        "format": None,
        "content": None,
        "hash": None,
        "hash_algorithm": None,
        **changes,
    }


async def _one_by_one(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def _as_json_text(data: bytes, wanted: str | None) -> tuple[str, list[bytes]]:
    """Return the format of a file's content, `text` or `base64`, and pieces of it as JSON.

    In pieces: otherwise megabytes are turned into JSON while no other thread
    can do anything.
    """
    try:
        text = None if wanted == "base64" else data.decode("utf-8")
    except UnicodeDecodeError:
        if wanted == "text":
            raise InvalidRequestError("It is not UTF-8 text.") from None
        text = None
    starts = range(0, len(data if text is None else text), PORTION)
    if text is None:
        pieces = [base64.b64encode(data[start : start + PORTION]) for start in starts]
    else:
        pieces = [json.dumps(text[start : start + PORTION])[1:-1].encode() for start in starts]
    return "base64" if text is None else "text", [b'"', *pieces, b'"']
