"""The user's files as the Jupyter server's contents manager gives them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.filemanager import FileContentsManager
from tornado import web
from typing_extensions import override

from jupyter_async_exec.errors import InvalidRequestError, NotFoundError
from jupyter_async_exec.service import NotebookFiles
from jupyter_async_exec.snapshots.reader import read_json_file

if TYPE_CHECKING:
    from jupyter_server.services.contents.manager import ContentsManager

    from jupyter_async_exec.core.json_types import JSONObject


class ContentsFiles(NotebookFiles):
    """Notebooks through a contents manager, read directly where it is the local disk.

    Parameters
    ----------
    contents_manager
        The server's.
    """

    def __init__(self, contents_manager: ContentsManager) -> None:
        self._contents = contents_manager
        is_local = isinstance(contents_manager, FileContentsManager)
        self._root = Path(contents_manager.root_dir).resolve() if is_local else None

    @override
    async def read(self, path: str) -> JSONObject:
        if self._root is not None:
            document = await self._read_local(path)
        else:
            document = await self._read_remote(path)
        if not isinstance(document, dict):
            raise InvalidRequestError(f"{path} is not a notebook.")
        return document

    @override
    async def create(self, folder: str, name: str, notebook: JSONObject) -> str:
        model = {"type": "notebook", "format": "json", "content": notebook}
        try:
            if folder and not await ensure_async(self._contents.dir_exists(folder)):
                raise NotFoundError(f"There is no folder {folder[:200]!r}.")
            free = await ensure_async(self._contents.increment_filename(name, folder, insert=" "))
            path = f"{folder}/{free}" if folder else free
            saved: Any = await ensure_async(self._contents.save(model, path))
        except web.HTTPError as error:
            raise InvalidRequestError(
                f"The notebook cannot be written to {folder[:200] or 'the root folder'!r}: "
                f"{error.reason or 'it is not writable'}."
            ) from None
        return str(saved["path"])

    @override
    def local_folder(self, path: str) -> Path | None:
        if self._root is None or ":" in path.split("/", maxsplit=1)[0]:
            return None
        folder = self._local(path).parent
        return folder if folder.is_dir() else None

    @override
    def local_root(self) -> Path | None:
        return self._root

    def _local(self, path: str) -> Path:
        parts = [part for part in path.split("/") if part]
        if ".." in parts or "\0" in path or self._root is None:
            raise InvalidRequestError(f"{path[:200]!r} is not a path below the root folder.")
        return self._root.joinpath(*parts)

    async def _read_local(self, path: str) -> Any:
        local = self._local(path)
        hidden = await ensure_async(self._contents.is_hidden(path))
        if hidden and not self._contents.allow_hidden:
            raise _missing(path)
        try:
            if not await asyncio.to_thread(local.is_file):
                raise _missing(path)
            return await read_json_file(local)
        except OSError as error:
            raise NotFoundError(f"{path} cannot be read: {error.strerror or error}.") from None

    async def _read_remote(self, path: str) -> Any:
        try:
            model: Any = await ensure_async(self._contents.get(path, type="notebook"))
        except web.HTTPError as error:
            if error.status_code == 404:  # noqa: PLR2004  HTTP's own name for it
                raise _missing(path) from None
            raise InvalidRequestError(
                f"{path} is not a notebook: {error.log_message or error.reason}."
            ) from None
        return model["content"]


def _missing(path: str) -> NotFoundError:
    return NotFoundError(f"There is no saved notebook at {path[:200]!r}.")
