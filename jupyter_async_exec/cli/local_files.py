"""The user's files as plain folders, for the command line."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from typing_extensions import override

from jupyter_async_exec.errors import InvalidRequestError, NotFoundError
from jupyter_async_exec.service import NotebookFiles
from jupyter_async_exec.snapshots.reader import read_json_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.json_types import JSONObject


class LocalFiles(NotebookFiles):
    """Notebooks below a folder.

    Parameters
    ----------
    root
        What paths are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    @override
    async def read(self, path: str) -> JSONObject:
        local = self._root / path
        if not local.is_file():
            raise NotFoundError(f"There is no notebook at {local}.")
        try:
            document = await read_json_file(local)
        except OSError as error:
            raise NotFoundError(f"{local} cannot be read: {error.strerror or error}.") from None
        except InvalidRequestError as error:
            raise InvalidRequestError(f"{local} is not a notebook. {error}") from None
        if not isinstance(document, dict):
            raise InvalidRequestError(f"{local} is not a notebook.")
        return document

    @override
    async def create(self, folder: str, name: str, notebook: JSONObject) -> str:
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        stem = PurePosixPath(name).stem
        for attempt in range(1, 10_000):
            free = name if attempt == 1 else f"{stem} {attempt}.ipynb"
            path = self._root / folder / free
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(text)
            except FileExistsError:
                continue
            except OSError as error:
                raise InvalidRequestError(
                    f"{path} cannot be written: {error.strerror or error}."
                ) from None
            return str(path)
        raise InvalidRequestError(f"There are too many files named like {name!r} in {folder!r}.")

    @override
    def local_folder(self, path: str) -> Path | None:
        folder = (self._root / path).parent
        return folder if folder.is_dir() else None

    @override
    def local_root(self) -> Path | None:
        return self._root


def locate(notebook: Path) -> tuple[Path, str]:
    """Return the folder that stands for a server's root, and the path of `notebook` below it."""
    notebook = notebook.resolve()
    root = root_for(notebook)
    return root, notebook.relative_to(root).as_posix()


def root_for(notebook: Path) -> Path:
    """Return the folder that stands for a server's root when `notebook` is run.

    That of a Jupyter server that runs on this machine, the nearest above the
    notebook, so that its page and a command mean the same by a path. Else the
    current folder if the notebook is below it, as for somebody who would start
    JupyterLab here; else the notebook's grandparent, so that ``../data`` still
    resolves.
    """
    served = [root for root in _served() if notebook.is_relative_to(root)]
    if served:
        return max(served, key=lambda root: len(root.parts))
    here = Path.cwd().resolve()
    if notebook.is_relative_to(here):
        return here
    return notebook.parent.parent


def _served() -> Iterator[Path]:
    """Give the roots of the servers that run for us here, as they wrote them down."""
    import psutil
    from jupyter_core.paths import jupyter_runtime_dir

    for file in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            if psutil.pid_exists(int(told["pid"])):
                yield Path(told["root_dir"]).resolve()
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Gone meanwhile, or none of a server.
