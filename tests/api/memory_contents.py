"""A contents manager that keeps notebooks in memory, as one for a database or a cloud would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado import web


class MemoryContents(AsyncContentsManager):
    """Notebooks by path; folders exist when asked for."""

    notebooks: ClassVar[dict[str, Any]] = {}

    async def get(  # type: ignore[override]  # the options vary from release to release
        self, path: str, content: bool = True, **_options: Any
    ) -> dict[str, Any]:
        if path not in self.notebooks:
            raise web.HTTPError(404, f"No such notebook: {path}")
        return self._model(path, self.notebooks[path] if content else None)

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        self.notebooks[path] = model["content"]
        return self._model(path, None)

    async def file_exists(self, path: str = "") -> bool:
        return path in self.notebooks

    async def dir_exists(self, path: str) -> bool:
        return not path.endswith(".ipynb")

    async def is_hidden(self, path: str) -> bool:
        return False

    async def delete_file(self, path: str) -> None:
        del self.notebooks[path]

    async def rename_file(self, old_path: str, new_path: str) -> None:
        self.notebooks[new_path] = self.notebooks.pop(old_path)

    def _model(self, path: str, content: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "name": path.rpartition("/")[2],
            "path": path,
            "type": "notebook",
            "writable": True,
            "created": now,
            "last_modified": now,
            "mimetype": None,
            "format": "json" if content else None,
            "content": content,
        }
